"""`aiooauth1 request`: what is sent, what is printed, and the exit status."""

from __future__ import annotations

import json
import logging
import shlex
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from aiooauth1.cli.outcome import CommandError
from aiooauth1.cli.request import Request, request
from aiooauth1.errors import SignatureRejected


if TYPE_CHECKING:
    from collections.abc import Iterator

    from desk import Desk


pytestmark = pytest.mark.socket


async def send(desk: Desk, url: str, **options: Any) -> int:
    return await request(Request(url, config=desk.config, **options))


@pytest.mark.parametrize(
    ("options", "body", "media_type"),
    [
        ({"data": ["status=a%20b", "x=1"]}, b"status=a%20b&x=1", b"application/x-www-form-urlencoded"),
        (
            {"encoded": ["status=50 % & é"]},
            b"status=50%20%25%20%26%20%C3%A9",
            b"application/x-www-form-urlencoded",
        ),
        ({"json": '{"text":"é"}'}, '{"text":"é"}'.encode(), b"application/json"),
        ({"data": ["a"], "headers": ["content-type: text/x"]}, b"a", b"text/x"),
        ({"data": ["@{tmp}/body"]}, b"status=from%20file", b"application/x-www-form-urlencoded"),
    ],
)
async def test_a_body_goes_out_signed_as_it_was_given(
    options: dict[str, Any], body: bytes, media_type: bytes, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk.folder / "body").write_bytes(b"status=from%20file")
    given = json.loads(json.dumps(options).replace("{tmp}", str(desk.folder)))
    await desk.sign_in("ann")
    assert await send(desk, "posts", **given) == 0
    (arrival,) = desk.fake.accepted("posts")
    assert (arrival.method, arrival.body, arrival.header("content-type")) == ("POST", body, media_type)
    assert json.loads(capsys.readouterr().out)["user"] == "ann"


@contextmanager
def logging_restored() -> Iterator[None]:
    """Undo what `-v` does to the package's logger, which a program of its own needs not."""
    logger = logging.getLogger("aiooauth1")
    level, propagate, handlers = logger.level, logger.propagate, list(logger.handlers)
    try:
        yield
    finally:
        logger.setLevel(level)  # which also clears what loggers remember of levels
        logger.propagate, logger.handlers = propagate, handlers


async def test_a_multipart_form_carries_files(desk: Desk) -> None:
    (desk.folder / "cat.png").write_bytes(b"\x89PNG")
    await desk.sign_in("ann")
    assert await send(desk, "posts", parts=["status=cat", f"file=@{desk.folder}/cat.png;type=image/png"]) == 0
    body = desk.fake.accepted("posts")[0].body
    assert b'filename="cat.png"' in body
    assert b"image/png" in body
    assert b"\x89PNG" in body


async def test_include_and_verbose_show_the_header_and_what_is_signed_but_no_secret(
    desk: Desk, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    await desk.sign_in("ann")
    with logging_restored():
        assert await send(desk, "echo/a?b=1", include=True, verbose=True, headers=["X-More: yes"]) == 0
    caplog.clear()
    out, err = capsys.readouterr()
    head, _, body = out.replace("\r\n", "\n").partition("\n\n")
    assert head.startswith("HTTP/1.1 200 OK\nContent-Type: application/json")
    told = json.loads(body)
    assert ["X-More", "yes"] in told["headers"]
    assert desk.fake.accepted("echo")[0].base_string in err
    assert "< 200 OK" in err
    secrets = [desk.fake.consumer.secret, "oauth_signature="]
    assert not [secret for secret in secrets if secret in err]


async def test_a_curl_line_is_accepted_by_the_provider_and_sends_nothing_itself(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    await desk.sign_in("ann")
    assert await send(desk, "posts", encoded=["status=it's 50 %"], curl=True) == 0
    assert len(desk.fake.ledger) == 0
    curl, _, method, *options, url = shlex.split(capsys.readouterr().out)
    given = dict(zip(options[1::2], options[::2], strict=True))  # the option of each value
    headers = dict(value.split(": ", 1) for value, option in given.items() if option == "-H")
    (body,) = [value for value, option in given.items() if option == "--data-raw"]
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, url, headers=headers, data=body) as reply,
    ):
        assert (curl, await reply.json()) == ("curl", {"id": 1, "user": "ann", "text": "it's 50 %"})


async def test_a_refusal_is_raised_after_its_body_is_shown_and_explained_if_verbose(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    await desk.sign_in("ann")
    desk.fake.fail_next(401, times=2, endpoint="posts", body="oauth_problem=signature_invalid")
    with pytest.raises(SignatureRejected):
        await send(desk, "posts")
    assert capsys.readouterr() == ("oauth_problem=signature_invalid", "")
    with logging_restored(), pytest.raises(SignatureRejected):
        await send(desk, "posts", verbose=True)
    assert "\n* " in capsys.readouterr().err  # what the refusal means, after what was signed


async def test_two_legged_signs_without_a_user(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    await desk.sign_in()
    assert await send(desk, f"{desk.fake.url}echo", two_legged=True) == 0
    assert json.loads(capsys.readouterr().out)["user"] is None


@pytest.mark.parametrize(
    ("users", "options", "complaint"),
    [
        (["ann", "ben"], {}, "several users are signed in: pass --as with one of: ann, ben"),
        (["ann"], {"user": "cleo"}, "cleo is not signed in at photos"),
        ([], {}, "no user is signed in at photos: run `aiooauth1 login photos`"),
        (["ann"], {"provider": "other"}, "not signed in at other"),
        (["ann"], {"json": "{"}, "--json is not JSON"),
        (["ann"], {"json": "1", "data": ["a=1"]}, "there are several kinds of body"),
        (["ann"], {"encoded": ["x"]}, "write name=value"),
        (["ann"], {"headers": ["x"]}, "write 'Name: value'"),
        (["ann"], {"data": ["@/nowhere"]}, "/nowhere cannot be read"),
    ],
)
async def test_bad_usage_is_an_error_before_a_request_is_sent(
    users: list[str], options: dict[str, Any], complaint: str, desk: Desk
) -> None:
    await desk.sign_in(*users)
    with pytest.raises(CommandError, match=complaint) as caught:
        await send(desk, "posts", **options)
    assert caught.value.status == 2
    assert len(desk.fake.ledger) == 0
