"""`aiooauth1 doctor`: each thing that can be wrong is a line with a remedy."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import trustme
from aiohttp import web
from readme import blocks
from wire.listener import Listener, reply
from yarl import URL

from aiooauth1.cli.doctor import doctor


if TYPE_CHECKING:
    from pathlib import Path

    from desk import Desk


pytestmark = pytest.mark.socket


async def findings(
    desk: Desk, capsys: pytest.CaptureFixture[str], *, callback: str = "http://127.0.0.1/callback"
) -> tuple[int, dict[str, tuple[str, str, str]]]:
    status = await asyncio.to_thread(
        doctor,
        "photos",
        config=desk.config,
        consumer_file=desk.consumer_file,
        store_file=None,
        callback=callback,
        as_json=True,
    )
    rows = json.loads(capsys.readouterr().out)
    return status, {row["check"]: (row["verdict"], row["found"], row["remedy"]) for row in rows}


def _without_origins(text: str) -> str:
    return re.sub(r"https?://[^/ ]+", "", text)


async def test_every_check_is_ok_at_a_working_provider(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    status, found = await findings(desk, capsys)
    assert status == 0
    assert {verdict for verdict, _, _ in found.values()} == {"ok"}
    assert list(found) == [
        *("store", "DNS", "clock", "User-Agent", "request token endpoint", "authorize page"),
        *("access token endpoint", "consumer key", "callback"),
    ]


async def test_a_callback_that_the_provider_refuses_is_not_blamed_on_the_consumer(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    # The doctor looks for the endpoint, asks for a token, and asks again without a callback.
    answers = iter([None, "oauth_problem=parameter_rejected", None])

    async def before(request: web.BaseRequest) -> web.Response | None:
        body = next(answers, None) if "request_token" in request.path else None
        media_type = "application/x-www-form-urlencoded"
        return None if body is None else web.Response(status=400, text=body, content_type=media_type)

    desk.fake.before = before
    status, found = await findings(desk, capsys)
    assert (status, found["callback"][0], found["callback"][2]) == (
        1,
        "FAIL",
        "register it at the provider, or use `aiooauth1 login --pin`",
    )
    assert found["consumer key"][0] == "ok"
    (session,) = (block for block in blocks("console") if "$ aiooauth1 doctor" in block)
    readme = dict(re.findall(r"^(?:ok|FAIL)  +([^:]+): (.*)$", session, re.MULTILINE))
    assert [found.keys() - readme.keys(), readme.keys() - found.keys()] == [{"clock"}, {"TLS"}]
    for check in readme.keys() - {"store", "DNS", "TLS"}:
        assert _without_origins(readme[check]) == _without_origins(found[check][1])
    status, found = await findings(desk, capsys, callback="nonsense")
    assert (status, found["callback"][0]) == (1, "FAIL")


async def test_a_clock_that_is_off_is_a_warning(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.fake.skew(-7200)
    _, found = await findings(desk, capsys)
    assert found["clock"][0] == "warn"
    assert re.fullmatch(r"127\.0\.0\.1 is 7,[12]\d\d s behind this machine", found["clock"][1])


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (("consumer", r"\n.+\n", r"\nwrong\n"), "consumer key"),
        (("consumer", r"^.+\n", r"nobody\n"), "consumer key"),
        (("providers.toml", r"127\.0\.0\.1", "nowhere.invalid"), "DNS"),
        (("providers.toml", "oauth/authorize", "oauth/nothing"), "authorize page"),
        (("data/tokens.sqlite", r"^", "something else" * 100), "store"),
    ],
    ids=["a wrong secret", "an unknown key", "an unknown host", "a wrong path", "another file as store"],
)
async def test_a_failed_check_has_a_remedy_for(
    change: tuple[str, str, str], check: str, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    file, old, new = change
    path = desk.folder / file
    path.parent.mkdir(exist_ok=True)
    path.touch()
    path.write_text(re.sub(old, new, path.read_text(), count=0 if file == "providers.toml" else 1))
    status, found = await findings(desk, capsys)
    verdict, _, remedy = found[check]
    assert (status, verdict, bool(remedy)) == (1, "FAIL", True)
    assert "callback" not in found or file != "consumer"


def certificates(folder: Path) -> dict[str, ssl.SSLContext]:
    """The TLS of servers by the state of their certificate; the authority's own is put into the folder."""
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    authority.cert_pem.write_to_path(folder / "authority.pem")
    names = ("localhost", "127.0.0.1")
    yesterday = datetime.now(tz=UTC) - timedelta(days=1)
    issued = {
        "trusted": authority.issue_cert(*names),
        "expired": authority.issue_cert(*names, not_after=yesterday),
        "about to expire": authority.issue_cert(*names, not_after=yesterday + timedelta(days=8)),
        "of another host": authority.issue_cert("elsewhere.test"),
        "of an unknown authority": trustme.CA().issue_cert(*names),
    }
    contexts = {}
    for name, certificate in issued.items():
        contexts[name] = context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
    return contexts


async def test_a_certificate_s_state_is_reported_with_a_remedy(
    desk: Desk, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    told = {}

    async def look(name: str, port: int) -> None:
        (desk.folder / "providers.toml").write_text(f'[photos]\nbase_url = "https://localhost:{port}/"\n')
        _, found = await findings(desk, capsys)
        told[name] = found["TLS"]

    for name, context in certificates(tmp_path).items():
        async with Listener(lambda _: reply(), tls=context) as listener:
            await look(name, listener.port)
    await look("none", URL(desk.fake.url).port or 0)
    assert {name: verdict for name, (verdict, _, _) in told.items()} == {
        "trusted": "ok",
        "expired": "FAIL",
        "about to expire": "warn",
        "of another host": "FAIL",
        "of an unknown authority": "FAIL",
        "none": "FAIL",
    }
    assert re.search("TLSv1.*good for", told["trusted"][1])
    assert "certificate good for 7 days" in told["about to expire"][1]
    assert "expired" in told["expired"][1]
    assert "clock" in told["expired"][2]
    assert "another one" in told["of another host"][2]
    assert "SSL_CERT_FILE" in told["of an unknown authority"][2]
    assert "may not speak TLS" in told["none"][2]
