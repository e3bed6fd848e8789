"""Renewal, revocation and xAuth: one renewal whatever happens, and no token lost."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest
from handshakes.endpoint import CONSUMER, Endpoint, http
from handshakes.shown import leaks
from handshakes.stage import LEASE, Clock
from store_handshakes.job import Call, Job
from store_handshakes.processes import workers

from aiooauth1 import (
    AccessToken,
    Handshake,
    MemoryStore,
    OAuth1Session,
    OutcomeUnknown,
    Provider,
    ProviderError,
    SignatureRejected,
    TokenRejected,
    TokenRejection,
    TokenResponseError,
    UnknownUser,
)
from aiooauth1.flows.expiry import next_midnight


if TYPE_CHECKING:
    from types import TracebackType

    from store_handshakes.job import Where


pytestmark = pytest.mark.socket

OLD = AccessToken("old", "old-secret-CANARY", params={"oauth_session_handle": "h1", "user_id": "7"})
NEW = b"oauth_token=new&oauth_token_secret=new-secret-CANARY&oauth_expires_in=3600"
RENEWED = b"Access Token has been renewed"


def renewing(endpoint: Endpoint, **options: Any) -> Provider:
    return replace(endpoint.provider, renew_url=f"{endpoint.url}renew", renew_method="GET", **options)


async def with_token(token: AccessToken = OLD, name: str = "endpoint") -> MemoryStore:
    store = MemoryStore()
    await store.put_access_token(name, "ann", token)
    return store


async def test_a_session_handle_gets_a_new_token() -> None:
    store = await with_token()
    async with Endpoint(http(NEW)) as endpoint, endpoint.handshake(store=store) as handshake:
        before = time.time()
        token = await handshake.renew("ann")
    assert (token.key, token.params["oauth_session_handle"], token.params["user_id"]) == ("new", "h1", "7")
    assert before + 3600 <= (token.expires_at or 0) <= time.time() + 3601
    assert await store.get_access_token("endpoint", "ann") == token
    (request,) = endpoint.requests
    assert request.startswith(b"POST /access_token ")
    assert b'oauth_session_handle="h1"' in request
    assert b'oauth_token="old"' in request


async def test_etrade_renews_until_midnight_in_new_york() -> None:
    now = 1_700_000_000.0  # 17:13 in New York
    async with Endpoint(http(RENEWED)) as endpoint:
        for idle, expires_at in ((7200.0, now + 7200), (86_400.0, next_midnight(now, "America/New_York"))):
            provider = renewing(endpoint, token_idle_limit=idle, tokens_end_at_midnight_in="America/New_York")
            store = await with_token(AccessToken("old", "s"))
            async with Handshake(provider, CONSUMER, store=store, clock=lambda: now) as handshake:
                token = await handshake.renew("ann")
            assert (token.key, token.secret, token.expires_at) == ("old", "s", expires_at)
            assert await store.get_access_token("endpoint", "ann") == token
    assert all(request.startswith(b"GET /renew ") for request in endpoint.requests)


async def test_a_token_of_the_exchange_expires_when_its_provider_says() -> None:
    now = 1_700_000_000.0
    async with Endpoint(http(b"oauth_token=a&oauth_token_secret=s")) as endpoint:
        provider = renewing(endpoint, token_lifetime=60.0)
        async with Handshake(provider, CONSUMER, store=MemoryStore(), clock=lambda: now) as handshake:
            token = await handshake.fetch_access_token_by_password("ann", "pw")
    assert token.expires_at == now + 60


@pytest.mark.parametrize(
    ("answer", "error", "kept"),
    [
        (http(b"oauth_problem=token_rejected", status="401 No"), TokenRejected, False),
        (http(b"oauth_problem=token_expired", status="401 No"), TokenRejected, False),
        (http(b"oauth_problem=token_revoked", status="401 No"), TokenRejected, False),
        (http(b"oauth_problem=permission_denied", status="403 No"), TokenRejected, True),
        (http(b"no", status="401 No"), TokenRejected, True),
        (http(b"oauth_problem=x", status="400 No"), TokenRejected, True),
        (http(b"oauth_problem=signature_invalid", status="401 No"), SignatureRejected, True),
        (http(b"", status="503 No"), ProviderError, True),
        (http(b"<html>"), TokenResponseError, True),
        # Refusals with status 200: a sentence of OAuth.php's servers, MediaWiki's, a form.
        (http(b"Invalid access token: old"), TokenRejected, False),
        (http(b"Error: An error occurred in the OAuth protocol: Invalid signature"), SignatureRejected, True),
        (http(b"error=temporarily_unavailable"), ProviderError, True),
        (http(b"Missing parameter oauth_token"), ProviderError, True),
        (b"", OutcomeUnknown, True),
    ],
)
async def test_only_a_dead_token_is_discarded(answer: bytes, error: type[Exception], kept: bool) -> None:
    store = await with_token()
    async with Endpoint(answer) as endpoint, endpoint.handshake(store=store) as handshake:
        with pytest.raises(error) as raised:
            await handshake.renew("ann")
    assert type(raised.value) is error
    assert leaks(raised.value, ["old-secret-CANARY", CONSUMER.secret]) == []
    assert await store.get_access_token("endpoint", "ann") == (OLD if kept else None)


@pytest.mark.parametrize(
    "says",
    [
        b"oauth_problem=timestamp_refused",
        b"oauth_problem=nonce_used",  # passport-http-oauth
        b'{"error": {"code": "INVALID_LOGIN_ATTEMPT"}}',  # NetSuite
        b"",
    ],
)
@pytest.mark.parametrize("ask", ["renew", "revoke", "fetch_access_token_by_password"])
async def test_a_clock_that_is_far_off_costs_one_more_request(ask: str, says: bytes) -> None:
    date = formatdate(time.time() + 6 * 3600, usegmt=True)
    answers = http(says, status="401 No", Date=date), http(b"oauth_token=new&oauth_token_secret=s")
    async with Endpoint(*answers) as endpoint:
        provider = replace(renewing(endpoint), revoke_url=f"{endpoint.url}revoke")
        async with Handshake(provider, CONSUMER, store=await with_token()) as handshake:
            given = ("ann",) if ask != "fetch_access_token_by_password" else ("ann", "pw")
            await getattr(handshake, ask)(*given)
    stamps = [int(request.split(b'oauth_timestamp="')[1][:10]) for request in endpoint.requests]
    assert len(stamps) == 2
    assert abs(stamps[1] - stamps[0] - 6 * 3600) < 60


async def test_a_token_that_cannot_be_renewed_is_refused() -> None:
    store = await with_token(AccessToken("old", "s"))
    async with Endpoint(http(NEW)) as endpoint, endpoint.handshake(store=store) as handshake:
        with pytest.raises(ValueError, match="no renew_url"):
            await handshake.renew("ann")
        with pytest.raises(UnknownUser):
            await handshake.renew("bob")
        number: Any = 7
        with pytest.raises(TypeError, match="user must be a str"):
            await handshake.renew(number)
    assert endpoint.requests == []


async def test_a_renewal_does_not_replace_a_newer_token() -> None:
    store = await with_token()
    newer = AccessToken("newer", "s")

    async def reconnect(writer: asyncio.StreamWriter) -> None:
        await store.put_access_token("endpoint", "ann", newer)
        writer.write(http(NEW))

    async with Endpoint(reconnect) as endpoint, endpoint.handshake(store=store) as handshake:
        assert await handshake.renew("ann") == newer
    assert await store.get_access_token("endpoint", "ann") == newer


def slowly(answer: bytes) -> Any:
    async def write(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        writer.write(answer)

    return write


async def test_50_calls_in_4_processes_are_one_renewal(where: Where) -> None:
    # A new token over Redis, the same one over SQLite.
    reply = NEW if "://" in where.address else RENEWED
    async with Endpoint(slowly(http(reply))) as endpoint, where.open() as store, workers(4) as processes:
        provider = renewing(endpoint)
        expired = replace(OLD, expires_at=time.time() - 1)
        await store.put_access_token(provider.name, "ann", expired)
        calls = [Call("renew", "", "ann")]
        told = await asyncio.gather(
            *(
                process.do(Job.of(where, provider, CONSUMER, calls, times=times))
                for process, times in zip(processes, (13, 13, 12, 12), strict=True)
            )
        )
        ends = [end for one in told if not isinstance(one, int) for end in one]
        assert sum(count for _, _, count in ends) == 50
        key = "new" if reply is NEW else "old"
        assert {end for _, end, _ in ends} == {f"token {key}"}
        assert len(endpoint.requests) == 1
        stored = await store.get_access_token(provider.name, "ann")
        assert stored is not None
        assert stored.key == key


@pytest.mark.parametrize("dies_at", [4, 6, 7, 8, 9])
async def test_a_process_killed_in_a_renewal_loses_no_token(where: Where, dies_at: int) -> None:
    """Killed before any operation of the store: afterwards the stored token is the old or the new one."""
    async with Endpoint(http(NEW)) as endpoint, where.open() as store, workers(1) as (process,):
        provider = renewing(endpoint)
        await store.put_access_token(provider.name, "ann", OLD)
        job = Job.of(where, provider, CONSUMER, [Call("renew", "", "ann")], dies_at=dies_at)
        await process.do(job)
        stored = await store.get_access_token(provider.name, "ann")
        assert stored is not None
        assert stored.key in {"old", "new"}
        # When its lease is over, another process goes on from there.
        clock = Clock()
        async with Handshake(provider, CONSUMER, store=store, clock=clock) as handshake:
            clock.ahead = LEASE + 1
            assert (await handshake.renew("ann")).key == "new"
        assert len(endpoint.requests) <= 2


async def test_a_just_renewed_token_is_not_renewed_again() -> None:
    store = await with_token()
    async with (
        Endpoint(http(NEW)) as endpoint,
        endpoint.handshake(store=store) as here,
        endpoint.handshake(store=store) as elsewhere,
    ):
        token = await here.renew("ann")
        assert await elsewhere.renew("ann") == token
        assert await here.renew("ann") == token
        assert len(endpoint.requests) == 1


async def answer_by_token(endpoint: Endpoint, writer: asyncio.StreamWriter) -> None:
    request = endpoint.requests[-1]
    if b"/renew" in request:
        await asyncio.sleep(0.05)
        writer.write(http(NEW))
    elif b'oauth_token="new"' in request:
        writer.write(http(b"done"))
    else:
        writer.write(http(b"oauth_problem=token_expired", status="401 No"))


@pytest.mark.parametrize("expires_in", [None, -1.0, 10.0, 3600.0])
async def test_a_session_renews_an_expired_token_once(expires_in: float | None) -> None:
    expires_at = None if expires_in is None else time.time() + expires_in
    store = await with_token(replace(OLD, expires_at=expires_at))
    endpoint: Endpoint
    async with Endpoint(lambda writer: answer_by_token(endpoint, writer)) as endpoint:
        provider = replace(renewing(endpoint), base_url=endpoint.url)
        async with (
            Handshake(provider, CONSUMER, store=store) as handshake,
            OAuth1Session(CONSUMER, provider=provider, store=store, renew=handshake.renew) as session,
        ):
            calls = [session.post("posts", data={"a": "b"}, user="ann") for _ in range(20)]
            assert [reply.status for reply in await asyncio.gather(*calls)] == [200] * 20
        renewed = [b"/renew" in request for request in endpoint.requests]
        old = [b'oauth_token="old"' in request for request in endpoint.requests]
        assert sum(renewed) == 1
        assert (sum(old) == 1) == (expires_in in {-1.0, 10.0})  # else the calls were refused first


async def test_a_session_uses_a_token_renewed_elsewhere() -> None:
    store = await with_token()
    endpoint: Endpoint

    async def answer(writer: asyncio.StreamWriter) -> None:
        await store.put_access_token("endpoint", "ann", AccessToken("new", "s"))
        await answer_by_token(endpoint, writer)

    async def renew(user: str) -> AccessToken:
        raise AssertionError(user)

    async with Endpoint(answer) as endpoint:
        provider = replace(endpoint.provider, base_url=endpoint.url)
        async with OAuth1Session(CONSUMER, provider=provider, store=store, renew=renew) as session:
            assert (await session.post("posts", data={"a": "b"}, user="ann")).status == 200
    assert len(endpoint.requests) == 2


async def test_a_refused_renewal_is_reported_by_the_session() -> None:
    store = await with_token()
    told: list[tuple[str | None, str]] = []

    async def note(rejection: TokenRejection) -> None:
        told.append((rejection.user, rejection.token_key))

    async with Endpoint(http(b"oauth_problem=token_expired", status="401 No")) as endpoint:
        provider = replace(renewing(endpoint), base_url=endpoint.url)
        options: dict[str, Any] = {"provider": provider, "store": store, "on_token_rejected": note}
        async with (
            Handshake(provider, CONSUMER, store=store) as handshake,
            OAuth1Session(CONSUMER, renew=handshake.renew, **options) as session,
        ):
            assert (await session.get("posts", user="ann")).status == 401
    assert told == [("ann", "old")]
    assert await store.get_access_token("endpoint", "ann") is None
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (http(b"oauth_problem=token_rejected", status="401 No"), None),  # it is dead already
        (http(b"no", status="401 No"), ProviderError),
        (http(b"oauth_problem=permission_denied"), ProviderError),
        (http(b'{"error": "no"}'), ProviderError),
        (http(b'{"stat": "fail", "code": 96, "message": "Invalid signature"}'), SignatureRejected),  # Flickr
        (http(b"Invalid signature"), SignatureRejected),
        (http(b'{"code": "0", "message": "done"}'), None),
        (http(b"", status="500 Oh"), ProviderError),
        (b"", OutcomeUnknown),
    ],
)
async def test_a_token_stays_unless_its_revocation_succeeds(
    answer: bytes, error: type[Exception] | None
) -> None:
    store = await with_token()
    async with Endpoint(answer) as endpoint:
        provider = replace(endpoint.provider, revoke_url=f"{endpoint.url}revoke")
        async with Handshake(provider, CONSUMER, store=store) as handshake:
            if error is None:
                assert await handshake.revoke("ann")
            else:
                with pytest.raises(error):
                    await handshake.revoke("ann")
    assert (await store.get_access_token("endpoint", "ann") is None) == (error is None)


async def test_revoke_without_an_endpoint_discards_the_token() -> None:
    store = await with_token()
    async with Endpoint(http(b"")) as endpoint, endpoint.handshake(store=store) as handshake:
        assert await handshake.revoke("ann") is True
        assert await handshake.revoke("ann") is False
    assert endpoint.requests == []
    assert await store.get_access_token("endpoint", "ann") is None


# xAuth


async def test_xauth_sends_the_password_only_in_the_form() -> None:
    store = MemoryStore()
    reply = b"oauth_token=at&oauth_token_secret=s&user_id=7"
    async with Endpoint(http(reply)) as endpoint, endpoint.handshake(store=store) as handshake:
        token = await handshake.fetch_access_token_by_password(
            "ann@x.example", "p & ü-CANARY", save_as=lambda token: token.params["user_id"]
        )
    assert await store.get_access_token("endpoint", "7") == token
    (request,) = endpoint.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert body == (
        b"x_auth_mode=client_auth&x_auth_username=ann%40x.example&x_auth_password=p%20%26%20%C3%BC-CANARY"
    )
    assert b"CANARY" not in head
    assert b"oauth_token=" not in head


@pytest.mark.parametrize("answer", [http(b"", status="401 No"), b"", http(b"<html>CANARY")])
async def test_xauth_errors_hide_the_password(answer: bytes) -> None:
    endpoint: Endpoint

    async def echo(writer: asyncio.StreamWriter) -> None:
        writer.write(answer.replace(b"\r\n\r\n", b"\r\nX-Echo: " + endpoint.requests[-1][-60:] + b"\r\n\r\n"))

    async with Endpoint(echo if answer else answer) as endpoint, endpoint.handshake() as handshake:
        with pytest.raises((ProviderError, OutcomeUnknown, TokenResponseError)) as raised:
            await handshake.fetch_access_token_by_password("ann", "pw-CANARY-1")
    assert leaks(raised.value, ["pw-CANARY-1"]) == []
    traceback: TracebackType | None = raised.tb
    while traceback is not None:
        if "aiooauth1" in traceback.tb_frame.f_code.co_filename:
            assert "pw-CANARY-1" not in repr(traceback.tb_frame.f_locals)
        traceback = traceback.tb_next


async def test_xauth_refuses_get() -> None:
    async with Endpoint(http(b"")) as endpoint:
        provider = replace(endpoint.provider, access_token_method="GET")
        async with Handshake(provider, CONSUMER, store=MemoryStore()) as handshake:
            with pytest.raises(ValueError, match="a password belongs in no URL"):
                await handshake.fetch_access_token_by_password("ann", "pw")
            number: Any = 7
            with pytest.raises(ValueError, match="POST"):
                await handshake.fetch_access_token_by_password("ann", number)
    assert endpoint.requests == []
