"""Fixtures that several folders use, and the environment that every test starts from."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

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


# What the tests themselves are told by the environment.
_KEPT = {"AIOOAUTH1_CHAOS_SECONDS", "AIOOAUTH1_TEST_REDIS_URL"}


def pytest_configure() -> None:
    """Give the tests, and every process that they start, one environment on any machine."""
    for name in list(os.environ):
        if name.lower() in _UNSET or (name.startswith("AIOOAUTH1_") and name not in _KEPT):
            del os.environ[name]
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):  # the user's own providers and tokens
        os.environ[name] = str(Path(__file__).parent / "no-such-folder")
    if hasattr(time, "tzset"):
        time.tzset()  # this process has read TZ at its start
    # A shell script's `command &` and nohup leave SIGINT ignored, and children inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
