"""The judges themselves, proved right and able to refuse, by signatures that are none of ours.

Authlib's client signs for the judge by oauthlib, oauthlib's for the judge by Authlib, and a hand for both.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp
import pytest
from judges.authlib_judge import AuthlibJudge
from judges.judge import FORM, credential
from judges.oauthlib_judge import OauthlibJudge
from judges.signers import (
    Keys,
    authorization_by_authlib,
    authorization_by_oauthlib,
    header_by_hand,
    hmac_sha1_by_hand,
)
from yarl import URL


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from judges.judge import Judge


pytestmark = pytest.mark.socket

JUDGES = [OauthlibJudge, AuthlibJudge]


class Sent(NamedTuple):
    """A request as it goes over the wire."""

    verb: str
    target: str
    form: bytes | None = None


class Bench(NamedTuple):
    """A judge, the client that signs for it, and plain HTTP."""

    judge: Judge
    authorization: Callable[..., str]
    http: aiohttp.ClientSession

    def keys(self) -> Keys:
        consumer, secret = self.judge.consumer_key, self.judge.consumer_secret
        return Keys(consumer, secret, *self.judge.book.grant(consumer, "alice"))

    async def send(self, sent: Sent, authorization: str | None) -> tuple[int, str]:
        """Send it; return the status, and why it was refused."""
        headers = {} if authorization is None else {"Authorization": authorization}
        if sent.form is not None:
            headers["Content-Type"] = FORM
        url = URL(self.judge.origin + sent.target, encoded=True)
        async with self.http.request(sent.verb, url, data=sent.form, headers=headers) as response:
            body = await response.text()
            return response.status, json.loads(body).get("refused", "") if body else ""

    async def ask(self, endpoint: str, keys: Keys) -> tuple[int, dict[str, str]]:
        """Ask a token endpoint; return the status, and its reply."""
        url = f"{self.judge.origin}/{endpoint}"
        headers = {"Authorization": self.authorization(keys, "POST", url)}
        async with self.http.post(url, headers=headers) as response:
            return response.status, dict(URL(f"?{await response.text()}").query)


@pytest.fixture(params=JUDGES)
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    signer = {OauthlibJudge: authorization_by_authlib, AuthlibJudge: authorization_by_oauthlib}[request.param]
    async with request.param() as judge, aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield Bench(judge, signer, http)


async def test_each_judge_accepts_a_base_string_that_was_written_by_hand(bench: Bench) -> None:
    keys, nonce, timestamp = bench.keys(), credential(), int(time.time())
    authority = bench.judge.origin.removeprefix("http://").replace(":", "%3A")
    base_string = (
        f"PUT&http%3A%2F%2F{authority}%2Fa%252Fb"
        "&a%3D%26a%3D1%26b%3D%252B%26c%3D%26d%3Dx%2520y%26e%3D%25C3%25A9"
        f"%26oauth_consumer_key%3D{keys.consumer}%26oauth_nonce%3D{nonce}"
        f"%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D{timestamp}%26oauth_token%3D{keys.token}"
    )
    header = header_by_hand(
        {
            "oauth_consumer_key": keys.consumer,
            "oauth_token": str(keys.token),
            "oauth_nonce": nonce,
            "oauth_timestamp": str(timestamp),
            "oauth_signature_method": "HMAC-SHA1",
            "oauth_signature": hmac_sha1_by_hand(base_string, keys.consumer_secret, str(keys.token_secret)),
        }
    )
    sent = Sent("PUT", "/a%2Fb?b=%2B&a=1&c&a=", b"d=x+y&e=%c3%a9")
    assert await bench.send(sent, header) == (200, "")
    assert bench.judge.verdicts[0].base_string == base_string
    assert bench.judge.verdicts[0].user == "alice"


@pytest.mark.parametrize("method", ["HMAC-SHA1", "PLAINTEXT"])
@pytest.mark.parametrize(
    "sent",
    [
        Sent("GET", "/posts?a=1&a=&b&c=%2B+%20%C3%A9;d"),
        Sent("DELETE", "/posts/%7E%2F"),
        Sent("POST", "/posts?x=1", b"x=2&status=a%20b"),
        Sent("HEAD", "/posts"),
    ],
    ids=str,
)
async def test_each_judge_accepts_a_request_of_the_other_library(
    bench: Bench, method: str, sent: Sent
) -> None:
    keys = bench.keys()._replace(method=method)
    header = bench.authorization(keys, sent.verb, bench.judge.origin + sent.target, sent.form)
    assert await bench.send(sent, header) == (200, "")
    assert bench.judge.verdicts[0].user == "alice"


@pytest.mark.parametrize("method", ["HMAC-SHA256", "HMAC-SHA512"])
@pytest.mark.parametrize("bench", [OauthlibJudge], indirect=True)
async def test_oauthlib_accepts_the_longer_hashes_of_its_own_client(bench: Bench, method: str) -> None:
    sent = Sent("POST", "/posts?a=1", b"a=2")
    keys = bench.keys()._replace(method=method)
    header = authorization_by_oauthlib(keys, sent.verb, bench.judge.origin + sent.target, sent.form)
    assert await bench.send(sent, header) == (200, "")


@pytest.mark.parametrize("bench", [OauthlibJudge], indirect=True)
async def test_oauthlib_accepts_a_two_legged_request_where_no_token_belongs(bench: Bench) -> None:
    url, sent = f"{bench.judge.origin}/two-legged", Sent("GET", "/two-legged")
    keys = bench.keys()
    without = keys._replace(token=None, token_secret=None)
    assert await bench.send(sent, bench.authorization(without, "GET", url)) == (200, "")
    wrong = without._replace(consumer_secret="x")
    assert await bench.send(sent, bench.authorization(wrong, "GET", url)) == (401, "wrong: signature")
    with_token = bench.authorization(keys, "GET", url)
    assert await bench.send(sent, with_token) == (401, "a token, where none belongs")


@pytest.mark.parametrize(
    ("spoiled", "reason"),
    [
        ({"consumer": "x" * 24}, ("wrong: client, resource_owner, signature", "client")),
        ({"consumer_secret": "x"}, ("wrong: signature", "signature")),
        ({"token": "x" * 24}, ("wrong: resource_owner, signature", "token")),
        ({"token_secret": "x"}, ("wrong: signature", "signature")),
        ({"token": None}, ("wrong: no token", 'missing "oauth_token"')),
        ({"consumer": "short"}, ("Invalid client key format.", "client")),
    ],
    ids=["consumer", "consumer secret", "token", "token secret", "no token", "format"],
)
async def test_each_judge_refuses_wrong_credentials_and_says_which(
    bench: Bench, spoiled: dict[str, Any], reason: tuple[str, str]
) -> None:
    url = f"{bench.judge.origin}/posts"
    header = bench.authorization(bench.keys()._replace(**spoiled), "GET", url)
    status, refused = await bench.send(Sent("GET", "/posts"), header)
    assert status == 401
    assert reason[isinstance(bench.judge, AuthlibJudge)] in refused


@pytest.mark.parametrize(
    "sent",
    [
        Sent("PUT", "/posts?a=1", b"b=2"),
        Sent("POST", "/posts?a=2", b"b=2"),
        Sent("POST", "/posts?a=1&a=1", b"b=2"),
        Sent("POST", "/posts", b"b=2"),
        Sent("POST", "/post?a=1", b"b=2"),
        Sent("POST", "/posts?a=1", b"b=3"),
        Sent("POST", "/posts?a=1"),
    ],
    ids=["method", "value", "a pair twice", "no query", "path", "form", "no form"],
)
async def test_each_judge_refuses_a_request_altered_on_its_way(bench: Bench, sent: Sent) -> None:
    header = bench.authorization(bench.keys(), "POST", f"{bench.judge.origin}/posts?a=1", b"b=2")
    status, refused = await bench.send(sent, header)
    assert status == 401
    assert "signature" in refused


async def test_each_judge_refuses_a_replay_and_a_request_without_a_header(bench: Bench) -> None:
    header = bench.authorization(bench.keys(), "GET", f"{bench.judge.origin}/posts")
    assert await bench.send(Sent("GET", "/posts"), header) == (200, "")
    for authorization, reason in ((header, "nonce"), (None, "missing")):
        status, refused = await bench.send(Sent("GET", "/posts"), authorization)
        assert status == 401
        assert reason in refused.lower()


async def test_each_judge_completes_a_handshake_with_the_other_library(bench: Bench) -> None:
    judge = bench.judge
    consumer = Keys(judge.consumer_key, judge.consumer_secret)
    status, _ = await bench.ask("request_token", consumer._replace(consumer_secret="x", callback="oob"))
    assert (status, judge.book.request_tokens) == (401, {})

    _, begun = await bench.ask("request_token", consumer._replace(callback="https://c.example/"))
    assert begun["oauth_callback_confirmed"].lower() == "true"
    authorize = f"{judge.origin}/authorize?oauth_token={begun['oauth_token']}&user=alice"
    async with bench.http.get(authorize, allow_redirects=False) as response:
        callback = URL(response.headers["Location"])
    assert callback.query["oauth_token"] == begun["oauth_token"]

    keys = consumer._replace(token=begun["oauth_token"], token_secret=begun["oauth_token_secret"])
    assert (await bench.ask("access_token", keys._replace(token="x" * 24, verifier="y" * 24)))[0] == 401
    exchange = keys._replace(verifier=callback.query["oauth_verifier"])
    status, token = await bench.ask("access_token", exchange)
    assert (status, judge.book.access_tokens[token["oauth_token"]].user) == (200, "alice")
    assert (await bench.ask("access_token", exchange))[0] == 401
