"""FakeProvider over real sockets, judged by requests that oauthlib signs, or that are written by hand.

aiooauth1's own signer has no part in this: the provider must hold without it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit

import aiohttp
import pytest
from oauthlib import oauth1
from yarl import URL

from aiooauth1 import AccessToken, Consumer, RequestToken
from aiooauth1.testing import FakeProvider, Post
from aiooauth1.testing.fake_provider.endpoints import DENIALS


if TYPE_CHECKING:
    from collections.abc import AsyncIterator


pytestmark = pytest.mark.socket

Client: Any = oauth1.Client  # its stubs know fewer methods and placements than it does

Headers = dict[str, str]

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
CALLBACK = "https://client.example/cb?s=1"


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: str

    @property
    def form(self) -> dict[str, str]:
        pairs = parse_qsl(self.body, keep_blank_values=True, strict_parsing=True)
        assert len(pairs) == len(dict(pairs))
        return dict(pairs)


@dataclass
class Caller:
    """A consumer with or without a token, that has oauthlib sign."""

    http: aiohttp.ClientSession
    fake: FakeProvider
    token: AccessToken | RequestToken | None = None
    consumer: Consumer | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def sign(
        self, method: str, path: str, body: str | None = None, headers: Headers | None = None, **more: Any
    ) -> tuple[str, dict[str, str], str | None]:
        consumer = self.consumer or self.fake.consumer
        key, secret = (self.token.key, self.token.secret) if self.token else (None, None)
        client = Client(consumer.key, consumer.secret, key, secret, **{**self.options, **more})
        url = path if path.startswith("http") else self.fake.url + path
        form = body if headers == FORM else None
        url, signed, form = client.sign(url, method, form, dict(headers or {}))
        return url, signed, body if form is None else form

    async def send(self, method: str, url: str, headers: dict[str, str], body: str | None = None) -> Reply:
        data = None if body is None else body.encode()
        target = URL(url, encoded=True)
        async with self.http.request(
            method, target, headers=headers, data=data, allow_redirects=False
        ) as reply:
            return Reply(reply.status, {n.title(): v for n, v in reply.headers.items()}, await reply.text())

    async def __call__(
        self, method: str, path: str, body: str | None = None, headers: Headers | None = None, **more: Any
    ) -> Reply:
        url, signed, sent = self.sign(method, path, body, headers, **more)
        return await self.send(method, url, signed, sent)


@asynccontextmanager
async def _running(**options: Any) -> AsyncIterator[Caller]:
    jar = aiohttp.DummyCookieJar()
    async with FakeProvider(**options) as fake, aiohttp.ClientSession(cookie_jar=jar) as http:
        yield Caller(http, fake)


async def _request_token(caller: Caller, callback: str = CALLBACK) -> RequestToken:
    reply = await caller("POST", "oauth/request_token", callback_uri=callback)
    assert reply.status == 200, reply.body
    assert reply.form["oauth_callback_confirmed"] == "true"
    return RequestToken(reply.form["oauth_token"], reply.form["oauth_token_secret"])


def _authorize(caller: Caller, token: RequestToken) -> str:
    return f"{caller.fake.provider.authorize_url}?oauth_token={token.key}"


def _as(caller: Caller, token: AccessToken | RequestToken | None) -> Caller:
    return Caller(caller.http, caller.fake, token)


def _connect(caller: Caller, user: str = "ann") -> Caller:
    return _as(caller, caller.fake.issue_access_token(user))


def _refused(reply: Reply, problem: str, status: int = 401) -> dict[str, str]:
    """Check a refusal, whose two renderings must agree; returns what it says."""
    assert (reply.status, reply.form["oauth_problem"]) == (status, problem), reply.body
    assert reply.form["oauth_problem_advice"]
    challenge = reply.headers["Www-Authenticate"]
    assert challenge.startswith('OAuth realm="http://127.0.0.1:')
    for name, value in reply.form.items():
        assert f'{name}="{quote(value, safe="")}"' in challenge
    return reply.form


# The three legs


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_the_three_legs_give_a_token_that_posts(method: str) -> None:
    async with _running() as caller:
        reply = await caller(method, "oauth/request_token", callback_uri=CALLBACK)
        token = RequestToken(reply.form["oauth_token"], reply.form["oauth_token_secret"])
        callback = await caller.fake.approve(_authorize(caller, token), user="ann & bob")
        assert callback.startswith(CALLBACK + "&")
        answer = dict(parse_qsl(urlsplit(callback).query))
        assert answer == {"s": "1", "oauth_token": token.key, "oauth_verifier": answer["oauth_verifier"]}
        reply = await _as(caller, token)(method, "oauth/access_token", verifier=answer["oauth_verifier"])
        assert reply.status == 200
        assert reply.form["screen_name"] == "ann & bob"
        assert reply.form["user_id"] == "1000"
        access = AccessToken(reply.form["oauth_token"], reply.form["oauth_token_secret"])
        reply = await _as(caller, access)("POST", "posts", "status=Hello%20w%C3%B6rld", FORM)
        assert reply.status == 201
        assert json.loads(reply.body) == {"id": 1, "user": "ann & bob", "text": "Hello wörld"}
        assert caller.fake.posts == [Post(1, "ann & bob", "Hello wörld")]
        assert [arrival.endpoint for arrival in caller.fake.accepted()] == [
            "request_token",
            "authorize",
            "authorize",
            "access_token",
            "posts",
        ]
        assert caller.fake.refused() == []


async def test_a_pin_is_shown_where_the_callback_is_oob() -> None:
    async with _running() as caller:
        token = await _request_token(caller, "oob")
        pin = await caller.fake.approve(_authorize(caller, token))
        assert pin.isdecimal()
        assert len(pin) == 7
        reply = await _as(caller, token)("POST", "oauth/access_token", verifier=pin)
        assert reply.form["screen_name"] == "ann"


@pytest.mark.parametrize(
    ("callback", "begin", "end"),
    [
        ("https://client.example/cb", "https://client.example/cb?oauth_token=", ""),
        ("https://client.example/cb?", "https://client.example/cb?oauth_token=", ""),
        ("https://client.example/cb?a=%20b+c&a=", "https://client.example/cb?a=%20b+c&a=&oauth_token=", ""),
        ("https://client.example/cb?a=b#part", "https://client.example/cb?a=b&oauth_token=", "#part"),
        ("app://cb/Zé0", "app://cb/Z%C3%A90?oauth_token=", ""),
        ("http://[::1]:8080/cb", "http://[::1]:8080/cb?oauth_token=", ""),
    ],
)
async def test_the_callback_keeps_its_own_query(callback: str, begin: str, end: str) -> None:
    async with _running() as caller:
        token = await _request_token(caller, callback)
        location = await caller.fake.approve(_authorize(caller, token))
        assert location.startswith(begin + token.key + "&oauth_verifier=")
        assert location.endswith(end)


@pytest.mark.parametrize("denial", sorted(DENIALS))
async def test_a_denial_comes_back_in_the_form_that_was_chosen(denial: str) -> None:
    async with _running(denial=denial) as caller:
        token = await _request_token(caller)
        query = urlsplit(await caller.fake.deny(_authorize(caller, token))).query
        answer = dict(parse_qsl(query, keep_blank_values=True))
        assert answer.pop("s") == "1"
        assert (
            answer
            == {
                "oauth_problem": {"oauth_problem": "user_refused", "oauth_token": token.key},
                "denied": {"denied": token.key},
                "error": {"error": "access_denied", "error_description": "The user said no"},
                "empty_verifier": {"oauth_token": token.key, "oauth_verifier": ""},
            }[denial]
        )
        _refused(await _as(caller, token)("POST", "oauth/access_token", verifier="x"), "permission_denied")


async def test_a_denial_of_a_pin_comes_back_as_nothing() -> None:
    async with _running() as caller:
        assert await caller.fake.deny(_authorize(caller, await _request_token(caller, "oob"))) == ""


async def test_a_request_token_is_exchanged_once_however_many_try() -> None:
    async with _running() as caller:
        token = await _request_token(caller)
        verifier = (await caller.fake.approve(_authorize(caller, token))).rpartition("=")[2]
        consumer = _as(caller, token)
        replies = await asyncio.gather(
            *(consumer("POST", "oauth/access_token", verifier=verifier) for _ in range(20))
        )
        assert sorted(reply.status for reply in replies) == [200] + [401] * 19
        for reply in replies:
            if reply.status != 200:
                _refused(reply, "token_used")
        assert len(caller.fake.exchanges) == 20
        assert {arrival.user for arrival in caller.fake.exchanges if arrival.verdict == "accepted"} == {"ann"}


async def test_a_failed_exchange_leaves_the_request_token_usable() -> None:
    async with _running() as caller:
        token = await _request_token(caller)
        consumer = _as(caller, token)
        _refused(await consumer("POST", "oauth/access_token", verifier="early"), "permission_unknown")
        verifier = (await caller.fake.approve(_authorize(caller, token))).rpartition("=")[2]
        _refused(await consumer("POST", "oauth/access_token", verifier="wrong"), "verifier_invalid")
        _refused(await consumer("POST", "oauth/access_token", verifier="ü"), "verifier_invalid")
        said = _refused(await consumer("POST", "oauth/access_token"), "parameter_absent", 400)
        assert said["oauth_parameters_absent"] == "oauth_verifier"
        stranger = _as(caller, RequestToken(token.key, "guessed"))
        _refused(await stranger("POST", "oauth/access_token", verifier=verifier), "signature_invalid")
        assert (await consumer("POST", "oauth/access_token", verifier=verifier)).status == 200


async def test_a_request_token_is_bound_to_its_consumer() -> None:
    other = Consumer("other", "other secret")
    async with _running(consumers=[other]) as caller:
        token = await _request_token(caller)
        verifier = (await caller.fake.approve(_authorize(caller, token))).rpartition("=")[2]
        stranger = Caller(caller.http, caller.fake, token, other)
        _refused(await stranger("POST", "oauth/access_token", verifier=verifier), "token_rejected")
        access = caller.fake.issue_access_token("ann")
        _refused(await Caller(caller.http, caller.fake, access, other)("GET", "posts"), "token_rejected")
        own = caller.fake.issue_access_token("ann", consumer=other)
        assert (await Caller(caller.http, caller.fake, own, other)("GET", "posts")).status == 200


async def test_a_request_token_grows_old() -> None:
    now = 1_700_000_000.0
    async with _running(clock=lambda: now, request_token_ttl=60) as caller:
        caller.options = {"timestamp": str(int(now))}
        token = await _request_token(caller)
        verifier = (await caller.fake.approve(_authorize(caller, token))).rpartition("=")[2]
        now += 61
        consumer = Caller(caller.http, caller.fake, token, options={"timestamp": str(int(now))})
        _refused(await consumer("POST", "oauth/access_token", verifier=verifier), "token_expired")


@pytest.mark.parametrize(
    ("callback", "problem"),
    [
        (None, "parameter_absent"),
        ("", "parameter_absent"),
        ("/cb", "parameter_rejected"),
        ("https:", "parameter_rejected"),
        ("https://x.example/\r\nSet-Cookie: a=b", "parameter_rejected"),
        ("https://x.example/a b", "parameter_rejected"),
        ("OOB", "parameter_rejected"),
    ],
)
async def test_a_callback_is_an_absolute_url_or_oob(callback: str | None, problem: str) -> None:
    async with _running() as caller:
        _refused(await caller("POST", "oauth/request_token", callback_uri=callback), problem, 400)


# What is verified


async def test_whatever_is_tampered_with_breaks_the_signature() -> None:
    async with _running() as caller:
        ann = _connect(caller)
        url, headers, body = ann.sign("POST", "echo/a?x=1&x=2", "b=%20&c", FORM)
        assert (await ann.send("POST", url, headers, body)).status == 200
        header = headers["Authorization"]
        changed = "B" if 'oauth_signature="A' in header else "A"
        begin, _, end = header.partition('oauth_signature="')
        for method, sent_url, sent_header, sent_body in (
            ("PUT", url, header, body),
            ("POST", url.replace("echo/a", "echo/b"), header, body),
            ("POST", url.replace("echo/a", "echo/%61"), header, body),
            ("POST", url.replace("x=1", "x=2"), header, body),
            ("POST", url + "&y", header, body),
            ("POST", url.replace("127.0.0.1", "localhost"), header, body),
            ("POST", url, header, "b=%20&c=1"),
            ("POST", url, header, "b=%20"),
            ("POST", url, header.replace('oauth_nonce="', 'oauth_nonce="1'), body),
            ("POST", url, f'{begin}oauth_signature="{changed}{end[1:]}', body),
            ("POST", url, begin + 'oauth_signature="x"', body),
        ):
            reply = await ann.send(method, sent_url, {**FORM, "Authorization": sent_header}, sent_body)
            _refused(reply, "signature_invalid")
        for secret in ("wrong", ""):
            token = AccessToken(ann.token.key, secret) if ann.token else None
            _refused(await _as(caller, token)("GET", "posts"), "signature_invalid")
            wrong = Caller(
                caller.http, caller.fake, ann.token, Consumer(caller.fake.consumer.key, secret or "-")
            )
            _refused(await wrong("GET", "posts"), "signature_invalid")


async def test_a_replay_is_refused_and_a_wrong_signature_burns_no_nonce() -> None:
    async with _running() as caller:
        ann, bob = _connect(caller), _connect(caller, "bob")
        url, headers, _ = ann.sign("GET", "posts")
        begin, _, _ = headers["Authorization"].partition("oauth_signature=")
        forged = {"Authorization": begin + 'oauth_signature="forged"'}
        _refused(await ann.send("GET", url, forged), "signature_invalid")
        assert (await ann.send("GET", url, headers)).status == 200
        _refused(await ann.send("GET", url, headers), "nonce_used")
        _refused(await ann.send("GET", url, headers), "nonce_used")
        # The same nonce is another one with another token or timestamp (RFC 5849 section 3.3).
        last = caller.fake.ledger[-1]
        again = {"nonce": last.nonce or "", "timestamp": last.timestamp or ""}
        assert (await bob("GET", "posts", None, None, **again)).status == 200
        earlier = {**again, "timestamp": str(int(again["timestamp"]) - 1)}
        assert (await ann("GET", "posts", None, None, **earlier)).status == 200
        _refused(await ann("GET", "echo", None, None, **again), "nonce_used")


async def test_timestamps_are_held_against_the_provider_s_own_clock() -> None:
    now = 1_700_000_000.0
    async with _running(clock=lambda: now, window=100) as caller:
        ann = _connect(caller)
        for off in (-100, 0, 100):
            assert (await ann("GET", "posts", timestamp=str(int(now) + off))).status == 200
        for off in (-101, 101, -(10**9), 10**12):
            said = _refused(await ann("GET", "posts", timestamp=str(int(now) + off)), "timestamp_refused")
            assert said["oauth_acceptable_timestamps"] == "1699999900-1700000100"
        for odd in ("-1", "1.7e9", "\N{FULLWIDTH DIGIT ONE}700000000", "0", "1700000000 ", "9" * 400):
            _refused(await ann("GET", "posts", timestamp=odd), "parameter_rejected", 400)
        reply = await ann("GET", "posts", timestamp=str(int(now)))
        assert reply.headers["Date"] == "Tue, 14 Nov 2023 22:13:20 GMT"


async def test_nonces_are_remembered_for_as_long_as_their_timestamps_are_taken() -> None:
    now = 1_700_000_000.0
    async with _running(clock=lambda: now, window=100) as caller:
        ann = _connect(caller)
        url, headers, _ = ann.sign("GET", "posts", timestamp="1700000000")
        assert (await ann.send("GET", url, headers)).status == 200
        for step in (50, 50):
            now += step
            assert (await ann("GET", "posts", timestamp=str(int(now)))).status == 200
            _refused(await ann.send("GET", url, headers), "nonce_used")
        now += 1
        _refused(await ann.send("GET", url, headers), "timestamp_refused")


async def test_consumers_and_tokens_must_be_known_and_good() -> None:
    async with _running() as caller:
        ann = _connect(caller)
        assert ann.token is not None
        _refused(
            await Caller(caller.http, caller.fake, ann.token, Consumer("x", "y"))("GET", "posts"),
            "consumer_key_unknown",
        )
        _refused(await _as(caller, AccessToken("x", "y"))("GET", "posts"), "token_rejected")
        request_token = await _request_token(caller)
        _refused(await _as(caller, request_token)("GET", "posts"), "token_rejected")
        _refused(await ann("POST", "oauth/access_token", verifier="x"), "token_rejected")
        _refused(await ann("POST", "oauth/request_token", callback_uri=CALLBACK), "parameter_rejected", 400)
        said = _refused(await caller("GET", "posts"), "parameter_absent", 400)
        assert said["oauth_parameters_absent"] == "oauth_token"
        caller.fake.expire(ann.token.key)
        _refused(await ann("GET", "posts"), "token_expired")
        caller.fake.revoke(ann.token.key)
        _refused(await ann("GET", "posts"), "token_revoked")
        with pytest.raises(KeyError):
            caller.fake.revoke("no such token")


async def test_a_token_can_revoke_itself() -> None:
    async with _running() as caller:
        ann, other = _connect(caller), _connect(caller)
        assert (await ann("POST", "oauth/revoke")).status == 200
        _refused(await ann("GET", "posts"), "token_revoked")
        assert (await other("GET", "posts")).status == 200


@pytest.mark.parametrize("method", ["HMAC-SHA1", "HMAC-SHA256", "HMAC-SHA512", "PLAINTEXT"])
@pytest.mark.parametrize("placement", ["AUTH_HEADER", "QUERY", "BODY"])
async def test_every_method_is_verified_in_every_place(method: str, placement: str) -> None:
    async with _running(consumer=Consumer("key", "secret")) as caller:
        ann = _connect(caller)
        ann.options = {"signature_method": method, "signature_type": placement}
        reply = await ann("POST", "echo?a=%20b&a=", "status=a%20%2B", FORM)
        assert reply.status == 200, reply.body
        assert json.loads(reply.body)["user"] == "ann"
        assert caller.fake.ledger[-1].signature_method == method
        place = caller.fake.ledger[-1].body if placement == "BODY" else caller.fake.ledger[-1].target
        assert (b"oauth_signature=" in place) == (placement != "AUTH_HEADER")


async def test_plaintext_may_come_without_timestamp_and_nonce() -> None:
    """RFC 5849 section 3.1."""
    async with _running(consumer=Consumer("key", "s&cret")) as caller:
        token = caller.fake.issue_access_token("ann")
        plain = (
            f'OAuth oauth_consumer_key="key", oauth_token="{token.key}", oauth_signature_method="PLAINTEXT", '
            f'oauth_signature="s%2526cret%26{token.secret}"'
        )
        for _ in range(2):
            assert (
                await caller.send("GET", caller.fake.url + "posts", {"Authorization": plain})
            ).status == 200
        hmac = plain.replace("PLAINTEXT", "HMAC-SHA1")
        said = _refused(
            await caller.send("GET", caller.fake.url + "posts", {"Authorization": hmac}),
            "parameter_absent",
            400,
        )
        assert said["oauth_parameters_absent"] == "oauth_timestamp&oauth_nonce"


async def test_what_a_request_lacks_or_must_not_say_is_named() -> None:
    async with _running(signature_methods={"PLAINTEXT": lambda *_: True}) as caller:
        posts = caller.fake.url + "posts"
        said = _refused(await caller.send("GET", posts, {}), "parameter_absent", 400)
        assert said["oauth_parameters_absent"].startswith(
            "oauth_consumer_key&oauth_signature_method&oauth_sig"
        )
        ann = _connect(caller)
        said = _refused(await ann("GET", "posts"), "signature_method_rejected", 400)
        assert said["oauth_acceptable_signature_methods"] == "PLAINTEXT"
        _, headers, _ = ann.sign("GET", "posts", signature_method="PLAINTEXT")
        for version in ("2.0", "1.0a", ""):
            changed = headers["Authorization"].replace('oauth_version="1.0"', f'oauth_version="{version}"')
            _refused(await ann.send("GET", posts, {"Authorization": changed}), "version_rejected", 400)
        bare = headers["Authorization"].replace('oauth_version="1.0", ', "")
        assert (await ann.send("GET", posts, {"Authorization": bare})).status == 200
        twice = bare + ', oauth_nonce="x"'
        _refused(await ann.send("GET", posts, {"Authorization": twice}), "parameter_rejected", 400)
        elsewhere = f"{posts}?oauth_token={ann.token.key if ann.token else ''}"
        said = _refused(await ann.send("GET", elsewhere, {"Authorization": bare}), "parameter_rejected", 400)
        assert "oauth_token" in said["oauth_parameters_rejected"].split("&")
        _refused(await ann.send("GET", posts, {"Authorization": "OAuth nonsense"}), "parameter_rejected", 400)


# Resources


async def test_a_user_s_posts_are_his_own() -> None:
    async with _running() as caller:
        ann, bob = _connect(caller), _connect(caller, "bob")
        assert (await ann("POST", "posts", "status=one", FORM)).status == 201
        assert (await ann("POST", "posts", '{"text": "two \\ud800"}', JSON)).status == 201
        assert (await bob("POST", "posts", "three", {"Content-Type": "text/plain"})).status == 201
        assert [(post.id, post.user) for post in caller.fake.posts] == [(1, "ann"), (2, "ann"), (3, "bob")]
        assert [post["text"] for post in json.loads((await ann("GET", "posts")).body)] == [
            "one",
            "two \ud800",
        ]
        assert json.loads((await bob("GET", "posts/3")).body) == {"id": 3, "user": "bob", "text": "three"}
        for number in ("1", "4", "x", "%33", "", "3/", "9" * 5000):
            reply = await bob("GET", f"posts/{number}")
            assert reply.status == 404
            assert "oauth_problem" not in reply.body
        assert json.loads((await ann("PUT", "posts/1", "status=uno", FORM)).body)["text"] == "uno"
        assert json.loads((await ann("PATCH", "posts/2", '{"text": "due"}', JSON)).body)["text"] == "due"
        assert (await bob("DELETE", "posts/1")).status == 404
        assert (await ann("DELETE", "posts/1")).status == 204
        assert [post.text for post in caller.fake.posts] == ["due", "three"]
        assert (await ann("POST", "posts", "")).status == 201
        assert caller.fake.posts[-1] == Post(4, "ann", "")


async def test_head_and_options_are_answered_properly() -> None:
    async with _running() as caller:
        ann = _connect(caller)
        length = len((await ann("GET", "posts")).body)
        reply = await ann("HEAD", "posts")
        assert (reply.status, reply.body, reply.headers["Content-Length"]) == (200, "", str(length))
        reply = await ann("OPTIONS", "posts")
        assert (reply.status, reply.headers["Allow"]) == (204, "GET, HEAD, POST, OPTIONS")
        assert (await caller.send("OPTIONS", caller.fake.url + "oauth/access_token", {})).status == 204
        for method, path in (("PATCH", "posts"), ("POST", "posts/1"), ("DELETE", "oauth/request_token")):
            reply = await ann(method, path)
            assert (reply.status, reply.headers["Allow"] != "") == (405, True)
        assert [arrival.why for arrival in caller.fake.refused()] == ["method_not_allowed"] * 3
        assert (await ann("GET", "nowhere")).status == 404
        assert (await ann("GET", "%70osts")).status == 404


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
async def test_the_echo_tells_what_arrived(method: str) -> None:
    async with _running() as caller:
        ann = _connect(caller)
        reply = await ann(
            method, "echo/%2e%2F;x?b&b=%C3%A9", None if method == "GET" else "{}", {**JSON, "X-A": "é"}
        )
        told = json.loads(reply.body)
        assert told["method"] == method
        assert told["target"] == "/echo/%2e%2F;x?b&b=%C3%A9"
        assert ["X-A", "Ã©"] in told["headers"]
        body = b"" if method == "GET" else b"{}"
        assert (told["body_length"], told["body_sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
        assert (told["user"], told["consumer_key"]) == ("ann", caller.fake.consumer.key)


async def test_the_echo_also_answers_a_consumer_by_itself() -> None:
    async with _running() as caller:
        told = json.loads((await caller("GET", "echo")).body)
        assert (told["user"], told["token_key"]) == (None, None)
        assert (await caller("GET", "echo?oauth_extra=1")).status == 200
