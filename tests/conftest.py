"""Fixtures that several folders use, and the environment that every test starts from."""

from __future__ import annotations

import os
import signal

from real_redis.fixtures import own_redis, redis_cluster, redis_url


__all__ = ["own_redis", "redis_cluster", "redis_url"]

collect_ignore_glob = ["support/*"]  # programs and helpers, of which some run in processes of their own

# What a shell, a CI or a user may have set, and what no verdict may depend on.
_UNSET = {
    "all_proxy",
    "clicolor",
    "clicolor_force",
    "columns",
    "force_color",
    "ftp_proxy",
    "http_proxy",
    "https_proxy",
    "lines",
    "netrc",
    "no_color",
    "no_proxy",
    "pythonasynciodebug",
    "pythonhashseed",
    "pythonioencoding",
    "pythonutf8",
    "pythonwarnings",
    "ssl_cert_dir",
    "ssl_cert_file",
    "tz",
}


def pytest_configure() -> None:
    """Give the tests, and every process that they start, one environment on any machine."""
    for name in [name for name in os.environ if name.lower() in _UNSET]:
        del os.environ[name]
    # A shell script's `command &` and nohup leave SIGINT ignored, and children inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
