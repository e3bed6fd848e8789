"""FakeProvider over real sockets, judged by requests that oauthlib signs, or that are written by hand.

aiooauth1's own signer has no part in this: the provider must hold without it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest
from oauthlib_caller import CALLBACK, FORM, Caller, refused, running

from aiooauth1 import AccessToken, Consumer, RequestToken
from aiooauth1.testing import FakeProvider, Post
from aiooauth1.testing.fake_provider.endpoints import DENIALS


pytestmark = pytest.mark.socket

JSON = {"Content-Type": "application/json"}
NOW = 1_700_000_000


def verifier_of(callback: str) -> str:
    return callback.rpartition("=")[2]


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_the_three_legs_give_a_token_that_posts(caller: Caller, method: str) -> None:
    fake = caller.fake
    reply = await caller(method, "oauth/request_token", callback_uri=CALLBACK)
    token = RequestToken(reply.form["oauth_token"], reply.form["oauth_token_secret"])
    callback = await fake.approve(f"{fake.url}oauth/authorize?oauth_token={token.key}", user="ann & bob")
    assert callback.startswith(CALLBACK + "&")
    answer = dict(parse_qsl(urlsplit(callback).query))
    assert answer == {"s": "1", "oauth_token": token.key, "oauth_verifier": answer["oauth_verifier"]}
    asking = caller.holding(token)
    reply = await asking(method, "oauth/access_token", verifier=answer["oauth_verifier"])
    assert (reply.status, reply.form["screen_name"], reply.form["user_id"]) == (200, "ann & bob", "1000")
    access = AccessToken(reply.form["oauth_token"], reply.form["oauth_token_secret"])
    reply = await caller.holding(access)("POST", "posts", "status=Hello%20w%C3%B6rld", FORM)
    assert reply.status == 201
    assert json.loads(reply.body) == {"id": 1, "user": "ann & bob", "text": "Hello wörld"}
    assert fake.posts == [Post(1, "ann & bob", "Hello wörld")]
    names = ["request_token", "authorize", "authorize", "access_token", "posts"]
    assert [arrival.endpoint for arrival in fake.accepted()] == names
    assert fake.refused() == []


async def test_without_a_callback_approval_gives_a_pin_and_denial_nothing(caller: Caller) -> None:
    asking, page = await caller.begin("oob")
    pin = await caller.fake.approve(page)
    assert re.fullmatch("[0-9]{7}", pin)
    assert (await asking.exchange(pin)).form["screen_name"] == "ann"
    _, page = await caller.begin("oob")
    assert await caller.fake.deny(page) == ""


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
async def test_the_callback_keeps_its_own_query(caller: Caller, callback: str, begin: str, end: str) -> None:
    _, page = await caller.begin(callback)
    location = await caller.fake.approve(page)
    assert location.startswith(begin + verifier_of(page) + "&oauth_verifier=")
    assert location.endswith(end)


@pytest.mark.parametrize(
    ("denial", "wanted"),
    [
        ("oauth_problem", {"oauth_problem": "user_refused", "oauth_token": "KEY"}),
        ("denied", {"denied": "KEY"}),
        ("error", {"error": "access_denied", "error_description": "The user said no"}),
        ("empty_verifier", {"oauth_token": "KEY", "oauth_verifier": ""}),
    ],
)
async def test_a_denial_comes_back_in_the_form_that_was_chosen(denial: str, wanted: dict[str, str]) -> None:
    assert denial in DENIALS
    async with running(denial=denial) as caller:
        asking, page = await caller.begin()
        query = urlsplit(await caller.fake.deny(page)).query.replace(verifier_of(page), "KEY")
        assert dict(parse_qsl(query, keep_blank_values=True)) == {"s": "1", **wanted}
        refused(await asking.exchange("x"), "permission_denied")


async def test_a_request_token_is_exchanged_once_however_many_try(caller: Caller) -> None:
    fake = caller.fake
    asking, page = await caller.begin()
    verifier = verifier_of(await fake.approve(page))
    replies = await asyncio.gather(*(asking.exchange(verifier) for _ in range(20)))
    assert sorted(reply.status for reply in replies) == [200] + [401] * 19
    for reply in replies:
        if reply.status != 200:
            refused(reply, "token_used")
    assert len(fake.exchanges) == 20
    assert {arrival.user for arrival in fake.exchanges if arrival.verdict == "accepted"} == {"ann"}


async def test_a_failed_exchange_leaves_the_request_token_usable(caller: Caller) -> None:
    asking, page = await caller.begin()
    refused(await asking.exchange("early"), "permission_unknown")
    verifier = verifier_of(await caller.fake.approve(page))
    for wrong in ("wrong", "ü"):
        refused(await asking.exchange(wrong), "verifier_invalid")
    said = refused(await asking("POST", "oauth/access_token"), "parameter_absent", 400)
    assert said["oauth_parameters_absent"] == "oauth_verifier"
    guessing = caller.holding(RequestToken(verifier_of(page), "guessed"))
    refused(await guessing.exchange(verifier), "signature_invalid")
    assert (await asking.exchange(verifier)).status == 200


async def test_a_token_is_bound_to_its_consumer() -> None:
    other = Consumer("other", "other secret")
    async with running(consumers=[other]) as caller:
        fake = caller.fake
        asking, page = await caller.begin()
        verifier = verifier_of(await fake.approve(page))
        refused(await replace(asking, consumer=other).exchange(verifier), "token_rejected")
        stranger = replace(caller, consumer=other)
        refused(await stranger.of("ann")("GET", "posts"), "token_rejected")
        own = fake.issue_access_token("ann", consumer=other)
        assert (await stranger.holding(own)("GET", "posts")).status == 200


@pytest.mark.parametrize(
    ("callback", "problem"),
    [
        (None, "parameter_absent"),
        ("", "parameter_absent"),
        *((wrong, "parameter_rejected") for wrong in ("/cb", "https:", "OOB", "https://x.example/a b")),
        ("https://x.example/\r\nSet-Cookie: a=b", "parameter_rejected"),
    ],
)
async def test_a_callback_is_an_absolute_url_or_oob(
    caller: Caller, callback: str | None, problem: str
) -> None:
    refused(await caller("POST", "oauth/request_token", callback_uri=callback), problem, 400)


async def test_a_changed_request_or_secret_is_refused(caller: Caller) -> None:
    """What belongs to the base string is tested in test_base_string.py."""
    ann = caller.of("ann")
    assert ann.token is not None
    url, headers, body = ann.sign("POST", "echo/a?x=1", "b=%20&c", FORM)
    assert (await ann.send("POST", url, headers, body)).status == 200
    for method, sent_url, sent_body in (
        ("PUT", url, body),
        ("POST", url + "&y", body),
        ("POST", url.replace("127.0.0.1", "localhost"), body),
        ("POST", url, "b=%20"),
    ):
        refused(await ann.send(method, sent_url, headers, sent_body), "signature_invalid")
    for secret in ("wrong", ""):
        guessing = ann.holding(AccessToken(ann.token.key, secret))
        refused(await guessing("GET", "posts"), "signature_invalid")
        wrong = replace(ann, consumer=Consumer(caller.fake.consumer.key, secret or "-"))
        refused(await wrong("GET", "posts"), "signature_invalid")


async def test_a_replay_is_refused_and_a_forged_request_uses_no_nonce(caller: Caller) -> None:
    fake = caller.fake
    ann, bob = caller.of("ann"), caller.of("bob")
    url, headers, _ = ann.sign("GET", "posts")
    begin, _, _ = headers["Authorization"].partition("oauth_signature=")
    forged = {"Authorization": begin + 'oauth_signature="forged"'}
    refused(await ann.send("GET", url, forged), "signature_invalid")
    assert (await ann.send("GET", url, headers)).status == 200
    for _ in range(2):
        refused(await ann.send("GET", url, headers), "nonce_used")
    # The same nonce is another one with another token or timestamp (RFC 5849 section 3.3).
    last = fake.ledger[-1]
    again = {"nonce": last.nonce, "timestamp": last.timestamp}
    assert (await bob("GET", "posts", **again)).status == 200
    earlier = {**again, "timestamp": str(int(again["timestamp"]) - 1)}
    assert (await ann("GET", "posts", **earlier)).status == 200
    refused(await ann("GET", "echo", **again), "nonce_used")


async def test_timestamps_are_checked_by_the_provider_s_clock() -> None:
    async with running(clock=lambda: float(NOW), window=100) as caller:
        ann = caller.of("ann")
        for off in (-100, 0, 100):
            assert (await ann("GET", "posts", timestamp=str(NOW + off))).status == 200
        for off in (-101, 101, -(10**9), 10**12):
            said = refused(await ann("GET", "posts", timestamp=str(NOW + off)), "timestamp_refused")
            assert said["oauth_acceptable_timestamps"] == "1699999900-1700000100"
        for odd in ("-1", "1.7e9", "\N{FULLWIDTH DIGIT ONE}700000000", "0", "1700000000 ", "9" * 400):
            refused(await ann("GET", "posts", timestamp=odd), "parameter_rejected", 400)
        reply = await ann("GET", "posts", timestamp=str(NOW))
        assert reply.headers["Date"] == "Tue, 14 Nov 2023 22:13:20 GMT"


async def test_request_tokens_and_nonces_are_kept_for_their_time() -> None:
    now = NOW
    async with running(clock=lambda: now, window=100, request_token_ttl=100) as caller:
        ann = caller.of("ann")
        asking, page = await caller.begin(timestamp=str(now))
        verifier = verifier_of(await caller.fake.approve(page))
        url, headers, _ = ann.sign("GET", "posts", timestamp=str(now))
        assert (await ann.send("GET", url, headers)).status == 200
        for _ in range(2):
            now += 50
            assert (await ann("GET", "posts", timestamp=str(now))).status == 200
            refused(await ann.send("GET", url, headers), "nonce_used")
        for _ in range(3):
            now += 1
            refused(await ann.send("GET", url, headers), "timestamp_refused")
            assert (await ann("GET", "posts", timestamp=str(now))).status == 200
        refused(await replace(asking, options={"timestamp": str(now)}).exchange(verifier), "token_expired")


async def test_consumers_and_tokens_must_be_known_and_valid(caller: Caller) -> None:
    fake = caller.fake
    ann = caller.of("ann")
    assert ann.token is not None
    unknown = replace(ann, consumer=Consumer("x", "y"))
    refused(await unknown("GET", "posts"), "consumer_key_unknown")
    refused(await caller.holding(AccessToken("x", "y"))("GET", "posts"), "token_rejected")
    asking, _ = await caller.begin()
    refused(await asking("GET", "posts"), "token_rejected")
    refused(await ann.exchange("x"), "token_rejected")
    refused(await ann("POST", "oauth/request_token", callback_uri=CALLBACK), "parameter_rejected", 400)
    said = refused(await caller("GET", "posts"), "parameter_absent", 400)
    assert said["oauth_parameters_absent"] == "oauth_token"
    fake.expire(ann.token.key)
    refused(await ann("GET", "posts"), "token_expired")
    fake.revoke(ann.token.key)
    refused(await ann("GET", "posts"), "token_revoked")
    with pytest.raises(KeyError):
        fake.revoke("no such token")
    # A token can revoke itself, and no other of its user's.
    one, other = caller.of("ann"), caller.of("ann")
    assert (await one("POST", "oauth/revoke")).status == 200
    refused(await one("GET", "posts"), "token_revoked")
    assert (await other("GET", "posts")).status == 200


@pytest.mark.parametrize("method", ["HMAC-SHA1", "HMAC-SHA256", "HMAC-SHA512", "PLAINTEXT"])
@pytest.mark.parametrize("placement", ["AUTH_HEADER", "QUERY", "BODY"])
async def test_every_method_is_verified_in_every_placement(method: str, placement: str) -> None:
    async with running(consumer=Consumer("key", "secret")) as caller:
        more = {"signature_method": method, "signature_type": placement}
        reply = await caller.of("ann")("POST", "echo?a=%20b&a=", "status=a%20%2B", FORM, **more)
        assert reply.status == 200, reply.body
        assert json.loads(reply.body)["user"] == "ann"
        (arrival,) = caller.fake.ledger
        assert arrival.signature_method == method
        signed = arrival.body if placement == "BODY" else arrival.target
        assert (b"oauth_signature=" in signed) == (placement != "AUTH_HEADER")


async def test_plaintext_may_come_without_timestamp_and_nonce() -> None:
    """RFC 5849 section 3.1."""
    async with running(consumer=Consumer("key", "s&cret")) as caller:
        token = caller.of("ann").token
        assert token is not None
        plain = (
            f'OAuth oauth_consumer_key="key", oauth_token="{token.key}", oauth_signature_method="PLAINTEXT", '
            f'oauth_signature="s%2526cret%26{token.secret}"'
        )
        posts = caller.fake.url + "posts"
        for _ in range(2):
            assert (await caller.send("GET", posts, {"Authorization": plain})).status == 200
        hmac = {"Authorization": plain.replace("PLAINTEXT", "HMAC-SHA1")}
        said = refused(await caller.send("GET", posts, hmac), "parameter_absent", 400)
        assert said["oauth_parameters_absent"] == "oauth_timestamp&oauth_nonce"


async def test_missing_and_rejected_parameters_are_named() -> None:
    async with running(signature_methods={"PLAINTEXT": lambda *_: True}) as caller:
        posts = caller.fake.url + "posts"
        said = refused(await caller.send("GET", posts, {}), "parameter_absent", 400)
        assert said["oauth_parameters_absent"].startswith("oauth_consumer_key&oauth_signature_method&oauth_s")
        ann = caller.of("ann")
        assert ann.token is not None
        said = refused(await ann("GET", "posts"), "signature_method_rejected", 400)
        assert said["oauth_acceptable_signature_methods"] == "PLAINTEXT"
        _, headers, _ = ann.sign("GET", "posts", signature_method="PLAINTEXT")
        for version in ("2.0", "1.0a", ""):
            changed = headers["Authorization"].replace('oauth_version="1.0"', f'oauth_version="{version}"')
            refused(await ann.send("GET", posts, {"Authorization": changed}), "version_rejected", 400)
        bare = headers["Authorization"].replace('oauth_version="1.0", ', "")
        assert (await ann.send("GET", posts, {"Authorization": bare})).status == 200
        for wrong in (bare + ', oauth_nonce="x"', "OAuth nonsense"):
            refused(await ann.send("GET", posts, {"Authorization": wrong}), "parameter_rejected", 400)
        elsewhere = f"{posts}?oauth_token={ann.token.key}"
        said = refused(await ann.send("GET", elsewhere, {"Authorization": bare}), "parameter_rejected", 400)
        assert "oauth_token" in said["oauth_parameters_rejected"].split("&")


async def test_posts_belong_to_their_user(caller: Caller) -> None:
    fake = caller.fake
    ann, bob = caller.of("ann"), caller.of("bob")
    assert (await ann("POST", "posts", "status=one", FORM)).status == 201
    assert (await ann("POST", "posts", '{"text": "two \\ud800"}', JSON)).status == 201
    assert (await bob("POST", "posts", "three", {"Content-Type": "text/plain"})).status == 201
    assert [(post.id, post.user) for post in fake.posts] == [(1, "ann"), (2, "ann"), (3, "bob")]
    shown = json.loads((await ann("GET", "posts")).body)
    assert [post["text"] for post in shown] == ["one", "two \ud800"]
    assert json.loads((await bob("GET", "posts/3")).body) == {"id": 3, "user": "bob", "text": "three"}
    for number in ("1", "4", "x", "%33", "", "3/", "9" * 5000):
        reply = await bob("GET", f"posts/{number}")
        assert reply.status == 404
        assert "oauth_problem" not in reply.body
    assert json.loads((await ann("PUT", "posts/1", "status=uno", FORM)).body)["text"] == "uno"
    assert json.loads((await ann("PATCH", "posts/2", '{"text": "due"}', JSON)).body)["text"] == "due"
    assert (await bob("DELETE", "posts/1")).status == 404
    assert (await ann("DELETE", "posts/1")).status == 204
    assert [post.text for post in fake.posts] == ["due", "three"]
    assert (await ann("POST", "posts", "")).status == 201
    assert fake.posts[-1] == Post(4, "ann", "")


async def test_malformed_json_is_posted_as_text(caller: Caller) -> None:
    for body in (b'{"text": ' + b"[" * 100_000, b'{"text": 1}', b"{", b'{"text": "a"', b"\xff\xfe"):
        assert (await caller.of("ann")("POST", "posts", body)).status == 201
    assert caller.fake.posts[1].text == '{"text": 1}'


async def test_head_options_wrong_methods_and_unknown_paths_are_answered(caller: Caller) -> None:
    fake = caller.fake
    ann = caller.of("ann")
    length = len((await ann("GET", "posts")).body)
    reply = await ann("HEAD", "posts")
    assert (reply.status, reply.body, reply.headers["Content-Length"]) == (200, "", str(length))
    reply = await ann("OPTIONS", "posts")
    assert (reply.status, reply.headers["Allow"]) == (204, "GET, HEAD, POST, OPTIONS")
    assert (await caller.send("OPTIONS", fake.url + "oauth/access_token", {})).status == 204
    for method, path in (("PATCH", "posts"), ("POST", "posts/1"), ("DELETE", "oauth/request_token")):
        reply = await ann(method, path)
        assert (reply.status, reply.headers["Allow"] != "") == (405, True)
    assert [arrival.why for arrival in fake.refused()] == ["method_not_allowed"] * 3
    for path in ("nowhere", "%70osts"):
        assert (await ann("GET", path)).status == 404


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
async def test_the_echo_tells_what_arrived(caller: Caller, method: str) -> None:
    body = None if method == "GET" else "{}"
    reply = await caller.of("ann")(method, "echo/%2e%2F;x?b&b=%C3%A9", body, {**JSON, "X-A": "é"})
    told = json.loads(reply.body)
    assert (told["method"], told["target"]) == (method, "/echo/%2e%2F;x?b&b=%C3%A9")
    assert ["X-A", "Ã©"] in told["headers"]
    sent = (body or "").encode()
    assert (told["body_length"], told["body_sha256"]) == (len(sent), hashlib.sha256(sent).hexdigest())
    assert (told["user"], told["consumer_key"]) == ("ann", caller.fake.consumer.key)
    told = json.loads((await caller("GET", "echo?oauth_extra=1")).body)  # a consumer without a token
    assert (told["user"], told["token_key"]) == (None, None)


@pytest.mark.parametrize("options", [{"denial": "shrug"}, {"base_path": "v1"}, {"base_path": "/v1/"}])
def test_invalid_options_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        FakeProvider(**options)  # type: ignore[arg-type]  # all of them are texts
