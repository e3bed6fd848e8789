"""OpenTelemetry's and Sentry's own instrumentation of aiohttp, beside sessions and handshakes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest


SUPPORT = Path(__file__).parents[1] / "support"


@pytest.mark.socket
@pytest.mark.timeout(120)
def test_opentelemetry_and_sentry_see_no_signature_and_no_secret_in_any_placement() -> None:
    pytest.importorskip("opentelemetry.instrumentation.aiohttp_client")
    pytest.importorskip("sentry_sdk")
    done = subprocess.run(  # noqa: S603  our own interpreter and program
        [sys.executable, str(SUPPORT / "web_services" / "observed.py")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(SUPPORT), str(SUPPORT.parents[1])])},
        capture_output=True,
        text=True,
        timeout=110,
        check=True,
    )
    told = json.loads(done.stdout)
    assert len(told["signatures"]) > 15
    urls = [json.loads(span)["attributes"]["http.url"] for span in told["spans"]]
    assert {url.rpartition("/")[2].partition("?")[0] for url in urls} >= {"posts", "access_token"}
    assert len(told["sentry"]) > 10
    seen = "\n".join([*told["spans"], *told["sentry"]])
    hidden = [*told["signatures"], *told["secrets"]]
    spellings = {
        text for one in hidden for text in (one, quote(one, safe=""), quote(quote(one, safe=""), safe=""))
    }
    assert [text for text in spellings if text in seen] == []
    assert "oauth_signature=" not in seen
