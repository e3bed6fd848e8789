"""One exchange at a time, its token never lost, whatever fails or is cancelled on the way."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from aiohttp import web
from handshakes.faulty_store import FaultyStore
from handshakes.stage import BIND, CALLBACK, LEASE, Gate, Hook, Stage, Step, at_exchange, staged
from handshakes.steps import Steps

from aiooauth1 import (
    AccessToken,
    AuthorizationDenied,
    CallbackError,
    Handshake,
    MemoryStore,
    NonceRejected,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    RedirectRefused,
    StoreUnavailable,
    TimestampRefused,
    TokenRejected,
    TokenResponseError,
    VerifierRejected,
)
from aiooauth1.flows.handshake import completion
from aiooauth1.testing import FakeProvider, drop


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Iterator


pytestmark = pytest.mark.socket

T = TypeVar("T")

OTHER = AccessToken("newer", "newer-secret")


@pytest.fixture
async def faulty() -> AsyncIterator[tuple[Stage, FaultyStore]]:
    store = FaultyStore(MemoryStore())
    async with staged(FakeProvider(), store) as ready:
        yield ready, store


def answering(status: int, body: str = "", **headers: str) -> Hook:
    async def answer(_request: web.BaseRequest) -> web.Response:
        return web.Response(status=status, text=body, headers=headers)

    return at_exchange(answer)


def under_way() -> list[asyncio.Task[Any]]:
    return [
        task
        for task in asyncio.all_tasks()
        if (coroutine := task.get_coro()) is not None
        and "Exchange.run" in getattr(coroutine, "__qualname__", "")
    ]


async def all_settled() -> None:
    if tasks := under_way():
        await asyncio.wait(tasks)


async def test_cancelling_the_first_of_50_calls_leaves_the_others(stage: Stage, handshake: Handshake) -> None:
    gate = Gate()
    stage.fake.after = at_exchange(gate)
    step = await stage.approved(handshake)
    calls = [asyncio.create_task(handshake.complete(step.callback, bind=BIND)) for _ in range(50)]
    await gate.reached.wait()
    calls[0].cancel()
    gate.open.set()
    gone, *tokens = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(gone, asyncio.CancelledError)
    assert len(set(tokens)) == 1
    assert isinstance(tokens[0], AccessToken)
    assert len(stage.fake.exchanges) == 1


@pytest.mark.parametrize("first", ["right", "wrong"])
async def test_each_of_two_verifiers_is_sent_once(stage: Stage, handshake: Handshake, first: str) -> None:
    step = await stage.approved(handshake, "oob")
    verifiers = [step.verifier, "wrong"] if first == "right" else ["wrong", step.verifier]
    ends = await asyncio.gather(
        *[handshake.complete_with_verifier(step.key, verifier, bind=BIND) for verifier in verifiers * 25],
        return_exceptions=True,
    )
    got = {end for end in ends if isinstance(end, AccessToken)}
    refused = [end for end in ends if isinstance(end, ProviderError)]
    assert len(got) == 1
    assert len(refused) == (0 if first == "right" else 25)
    assert len([end for end in ends if isinstance(end, AccessToken)]) + len(refused) == 50
    assert [arrival.verdict for arrival in stage.fake.exchanges] == (
        ["accepted"] if first == "right" else ["refused", "accepted"]
    )


@pytest.mark.parametrize(
    ("before", "error"),
    [
        (at_exchange(drop), OutcomeUnknown),
        (answering(503), ProviderError),
        (answering(429), RateLimited),
        (answering(200, "<html>"), TokenResponseError),
        (answering(302, Location="https://evil.example/"), RedirectRefused),
    ],
    ids=["lost", "503", "429", "page", "redirect"],
)
async def test_waiting_calls_share_a_failed_exchange(
    stage: Stage, handshake: Handshake, before: Hook, error: type[Exception]
) -> None:
    step = await stage.approved(handshake)
    stage.fake.before = before
    calls = [handshake.complete(step.callback, bind=BIND) for _ in range(50)]
    ends = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(end) for end in ends} == {error}
    assert len(stage.fake.exchanges) == 1
    stage.fake.before = None
    assert isinstance(await handshake.complete(step.callback, bind=BIND), AccessToken)


async def test_a_failing_save_as_does_not_stop_another_call(stage: Stage, handshake: Handshake) -> None:
    gate = Gate()
    stage.fake.after = at_exchange(gate)
    step = await stage.approved(handshake)
    fails = asyncio.create_task(handshake.complete(step.callback, bind=BIND, save_as=unknown_user))
    await gate.reached.wait()
    saves = asyncio.create_task(handshake.complete(step.callback, bind=BIND, save_as="ann"))
    await asyncio.sleep(0)
    gate.open.set()
    ends = await asyncio.gather(fails, saves, return_exceptions=True)
    assert isinstance(ends[0], LookupError)
    assert ends[1] == await stage.stored()
    assert len(stage.fake.exchanges) == 1


async def test_a_lost_answer_allows_one_more_exchange(stage: Stage, handshake: Handshake) -> None:
    step = await stage.approved(handshake)
    stage.fake.after = at_exchange(drop)
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            await handshake.complete(step.callback, bind=BIND)
    for _ in range(3):
        with pytest.raises(CallbackError, match="got no reply twice"):
            await handshake.complete(step.callback, bind=BIND)
    assert [arrival.verdict for arrival in stage.fake.exchanges] == ["accepted", "refused"]


async def died(stage: Stage, handshake: Handshake, step: Step, *, too_early: bool) -> None:
    """Let the process die with its exchange under way: too early for the provider to see it, or too late."""
    gate = Gate()

    async def lost(request: web.BaseRequest, *_: web.StreamResponse) -> None:
        await gate(request)
        await drop(request)

    stage.fake.before, stage.fake.after = (
        (at_exchange(lost), None) if too_early else (None, at_exchange(lost))
    )
    call = asyncio.create_task(handshake.complete(step.callback, bind=BIND))
    await gate.reached.wait()
    for task in under_way():
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    gate.open.set()
    stage.fake.before = stage.fake.after = None


@pytest.mark.parametrize("who", ["its own process", "another process"])
async def test_a_killed_exchange_keeps_its_claim_for_the_lease(stage: Stage, who: str) -> None:
    async with stage.handshake() as dying, stage.handshake() as other:
        step = await stage.approved(dying)
        await died(stage, dying, step, too_early=True)
        going_on = other if who == "another process" else dying
        waiting = asyncio.create_task(going_on.complete(step.callback, bind=BIND, save_as="ann"))
        await asyncio.sleep(0.2)
        assert not waiting.done()  # it may have been sent, and its outcome is unknown
        stage.clock.ahead += LEASE + 1
        assert await waiting == await stage.stored()


async def test_two_killed_exchanges_exhaust_the_request_token(stage: Stage) -> None:
    async with stage.handshake() as first, stage.handshake() as second, stage.handshake() as living:
        step = await stage.approved(first)
        for dying in (first, second):
            await died(stage, dying, step, too_early=False)
            stage.clock.ahead += LEASE + 1
        with pytest.raises(CallbackError, match="got no reply twice"):
            await living.complete(step.callback, bind=BIND)
        assert len(stage.fake.exchanges) == 2


async def test_each_claim_has_its_own_id(stage: Stage, handshake: Handshake) -> None:
    gate, claims = Gate(), []
    stage.fake.before = at_exchange(gate)
    for _ in range(2):
        step = await stage.approved(handshake)
        gate.reached.clear()
        call = asyncio.create_task(handshake.complete(step.callback, bind=BIND))
        await gate.reached.wait()
        claims.append((await stage.record(step)).claim)
        gate.open.set()
        await call
        gate.open.clear()
    assert None not in claims
    assert claims[0] != claims[1]


@pytest.mark.parametrize("answer_lost", [False, True], ids=["not done", "done and the answer lost"])
@pytest.mark.parametrize("save_as", [None, "ann"])
async def test_any_failed_store_operation_leaves_one_exchange(answer_lost: bool, save_as: str | None) -> None:
    for number in count(1):
        store = FaultyStore(MemoryStore(), {number}, answer_lost=answer_lost)
        async with staged(FakeProvider(), store) as stage, stage.handshake() as handshake:
            step = await once_more(partial(stage.approved, handshake))
            complete = partial(handshake.complete, step.callback, bind=BIND, save_as=save_as)
            token = await once_more(complete)
            await all_settled()
            assert await once_more(complete) == token
            assert len(stage.fake.exchanges) == 1
            if save_as is not None:
                assert await store.store.get_access_token(stage.fake.provider.name, save_as) == token
        if number > len(store.done):
            break
    assert number > 5


async def once_more(call: Callable[[], Awaitable[T]]) -> T:
    try:
        return await call()
    except StoreUnavailable:
        return await call()


def breaking(store: FaultyStore, also: Hook | None = None) -> Hook:
    """Let the store break down while the provider answers."""

    async def hook(request: web.BaseRequest, reply: web.StreamResponse) -> web.StreamResponse | None:
        store.fails = {"swap_pending", "put_access_token"}
        return None if also is None else await also(request, reply)

    return hook


async def test_lost_answers_count_without_the_store(faulty: tuple[Stage, FaultyStore]) -> None:
    stage, store = faulty
    async with stage.handshake() as handshake:
        step = await stage.approved(handshake)
        stage.fake.after = at_exchange(breaking(store, drop))
        for error in (OutcomeUnknown, OutcomeUnknown, CallbackError, CallbackError):
            with pytest.raises(error):
                await handshake.complete(step.callback, bind=BIND)
            store.fails = ()
            await all_settled()
    assert len(stage.fake.exchanges) == 2


async def test_the_outcome_is_returned_without_the_store(faulty: tuple[Stage, FaultyStore]) -> None:
    stage, store = faulty
    async with stage.handshake() as handshake:
        step = await stage.approved(handshake, "oob")
        stage.fake.after = at_exchange(breaking(store))
        with pytest.raises(ProviderError):
            await handshake.complete_with_verifier(step.key, "wrong", bind=BIND)
        store.fails = ()
        stage.fake.after = None
        stage.fake.after = at_exchange(breaking(store))
        token = await handshake.complete_with_verifier(step.key, step.verifier, bind=BIND)
        store.fails = ()
        await all_settled()
        assert await handshake.complete_with_verifier(step.key, step.verifier, bind=BIND) == token
    assert len(stage.fake.exchanges) == 2


async def test_an_unconfirmed_claim_is_retaken_at_once(faulty: tuple[Stage, FaultyStore]) -> None:
    stage, store = faulty
    async with stage.handshake() as handshake:
        step = await stage.approved(handshake)
        store.fails, store.answer_lost = {"swap_pending"}, True
        for _ in range(5):
            with pytest.raises(StoreUnavailable):
                await handshake.complete(step.callback, bind=BIND)
        store.fails = ()
        stage.fake.before = at_exchange(drop)
        for error in (OutcomeUnknown, OutcomeUnknown, CallbackError):  # none of those five counts
            with pytest.raises(error):
                await handshake.complete(step.callback, bind=BIND)
    assert len(stage.fake.exchanges) == 2


async def test_an_unconfirmed_claim_is_released_for_others(faulty: tuple[Stage, FaultyStore]) -> None:
    stage, store = faulty
    async with stage.handshake() as handshake, stage.handshake() as elsewhere:
        step = await stage.approved(handshake)
        store.fails, store.answer_lost = {len(store.done) + 2}, True  # it is read, then claimed
        with pytest.raises(StoreUnavailable):
            await handshake.complete(step.callback, bind=BIND)
        await all_settled()
        assert (await stage.record(step)).claim is None
        assert isinstance(await elsewhere.complete(step.callback, bind=BIND), AccessToken)


@pytest.fixture
async def hurry(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let time pass at once for the event loop."""
    loop, ahead = asyncio.get_running_loop(), [0.0]
    time = loop.time
    monkeypatch.setattr(loop, "time", lambda: time() + sum(ahead))
    return ahead.append


async def test_a_claim_confirmed_too_late_is_not_used(hurry: Callable[[float], None]) -> None:
    class Late(FaultyStore):
        async def swap_pending(self, *args: Any) -> Any:
            held = await self._do("swap_pending", *args)
            if self.done.count("swap_pending") == 1:
                hurry(9.0)
            return held

    async with staged(FakeProvider(), Late(MemoryStore())) as stage, stage.handshake() as handshake:
        step = await stage.approved(handshake)
        with pytest.raises(StoreUnavailable, match="too long"):
            await handshake.complete(step.callback, bind=BIND)
        assert stage.fake.exchanges == []
        assert (await stage.record(step)).attempts == 0
        async with stage.handshake() as elsewhere:
            assert isinstance(await elsewhere.complete(step.callback, bind=BIND), AccessToken)


async def test_a_store_that_always_refuses_a_claim_is_left(hurry: Callable[[float], None]) -> None:
    class Stale(FaultyStore):
        async def swap_pending(self, *_: Any) -> None:
            hurry(5.0)

    store = Stale(MemoryStore())
    async with staged(FakeProvider(), store) as stage, stage.handshake() as handshake:
        step = await stage.approved(handshake)
        with pytest.raises(CallbackError, match="another request is completing"):
            await handshake.complete(step.callback, bind=BIND)
        assert store.done.count("get_pending") < 20
        assert stage.fake.exchanges == []


async def test_waiting_for_another_process_has_an_end(
    stage: Stage, handshake: Handshake, hurry: Callable[[float], None]
) -> None:
    step = await stage.approved(handshake)
    await stage.claim_elsewhere(step)
    waiting = asyncio.create_task(handshake.complete(step.callback, bind=BIND))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    hurry(12 + 3)
    with pytest.raises(CallbackError, match="another request is completing"):
        await waiting
    assert stage.fake.exchanges == []


async def test_recording_a_result_has_an_end(
    faulty: tuple[Stage, FaultyStore], hurry: Callable[[float], None]
) -> None:
    stage, store = faulty
    async with stage.handshake() as handshake:
        step = await stage.approved(handshake)
        stage.fake.after = at_exchange(breaking(store))
        await handshake.complete(step.callback, bind=BIND)
        hurry(LEASE)
        await all_settled()
        assert under_way() == []


async def test_a_reload_gets_the_same_token_from_any_process(stage: Stage, handshake: Handshake) -> None:
    step = await stage.approved(handshake)
    token = await handshake.complete(step.callback, bind=BIND)
    async with stage.handshake() as elsewhere:
        assert await elsewhere.complete(step.callback, bind=BIND) == token
    assert await handshake.complete(step.callback, bind=BIND) == token
    assert token.params == {"user_id": "1000", "screen_name": "ann"}
    assert len(stage.fake.exchanges) == 1


@pytest.mark.parametrize("meanwhile", ["a newer token", "discarded"])
async def test_a_reload_does_not_save_again(stage: Stage, handshake: Handshake, meanwhile: str) -> None:
    step, name = await stage.approved(handshake), stage.fake.provider.name
    token = await handshake.complete(step.callback, bind=BIND, save_as="ann")
    if meanwhile == "discarded":
        assert await stage.store.discard_access_token(name, "ann", token.key)
    else:
        await stage.store.put_access_token(name, "ann", OTHER)
    assert await handshake.complete(step.callback, bind=BIND, save_as="ann") == token
    assert await stage.stored() == (None if meanwhile == "discarded" else OTHER)


async def test_a_reload_with_save_as_saves_the_token(stage: Stage, handshake: Handshake) -> None:
    step = await stage.approved(handshake)
    token = await handshake.complete(step.callback, bind=BIND)
    given = await handshake.complete(step.callback, bind=BIND, save_as=lambda it: it.params["user_id"])
    assert given == token == await stage.stored("1000")
    assert len(stage.fake.exchanges) == 1


def unknown_user(_token: AccessToken) -> str:
    raise LookupError("no such user")


@pytest.mark.parametrize(
    ("save_as", "error"),
    [(unknown_user, LookupError), (lambda _: None, TypeError), (lambda _: 7, TypeError), (next, TypeError)],
    ids=["raises", "None", "a number", "raises otherwise"],
)
async def test_a_failing_save_as_does_not_lose_the_token(
    stage: Stage, handshake: Handshake, save_as: Any, error: type[Exception]
) -> None:
    step = await stage.approved(handshake)
    for _ in range(2):
        with pytest.raises(error):
            await handshake.complete(step.callback, bind=BIND, save_as=save_as)
    token = await handshake.complete(step.callback, bind=BIND, save_as="ann")
    assert await stage.stored() == token
    assert [user async for user in stage.store.users(stage.fake.provider.name)] == ["ann"]
    assert len(stage.fake.exchanges) == 1


async def test_a_refused_pin_is_not_sent_again(stage: Stage, handshake: Handshake) -> None:
    step = await stage.approved(handshake, "oob")
    refusals = []
    for _ in range(3):
        with pytest.raises(ProviderError) as raised:
            await handshake.complete_with_verifier(step.key, "0", bind=BIND)
        refusals.append((type(raised.value), raised.value.status, raised.value.problem, raised.value.advice))
    assert refusals == [(VerifierRejected, 401, "verifier_invalid", refusals[0][3])] * 3
    assert len(stage.fake.exchanges) == 1
    with pytest.raises(ProviderError):
        await handshake.complete_with_verifier(step.key, "1", bind=BIND)
    assert len(stage.fake.exchanges) == 2
    token = await handshake.complete_with_verifier(step.key, f" {step.verifier}\n", bind=BIND)
    assert token.params["screen_name"] == "ann"


@pytest.mark.parametrize(
    ("answer", "error", "asked"),
    [
        # It would come again: told again without asking.
        *[((status, ""), ProviderError, 1) for status in (400, 401, 403, 404)],
        ((401, "oauth_problem=permission_denied"), AuthorizationDenied, 1),
        ((401, "oauth_problem=user_refused&oauth_problem_advice=no"), AuthorizationDenied, 1),
        ((401, "End-user refused to authorize request token."), AuthorizationDenied, 1),  # Launchpad
        ((401, "oauth_problem=verifier_invalid"), VerifierRejected, 1),
        ((401, "oauth_problem=parameter_rejected&oauth_problem_advice=wrong+verifier"), VerifierRejected, 1),
        ((401, "OAuth verifier does not match."), VerifierRejected, 1),  # WordPress
        ((401, '{"error": "Invalid verifier"}'), VerifierRejected, 1),
        # The request token is dead: at a token endpoint, these sentences mean nothing else.
        ((401, '{"error": "Invalid request token"}'), TokenRejected, 1),
        ((401, '{"error": "Invalid / expired Token"}'), TokenRejected, 1),
        # It may pass: asked again each time.
        *[((status, ""), ProviderError, 3) for status in (408, 500, 503)],
        ((429, ""), RateLimited, 3),
        ((401, "oauth_problem=nonce_used"), NonceRejected, 3),
        ((401, "oauth_problem=timestamp_refused"), TimestampRefused, 3),
        # The user has not answered yet.
        ((401, "oauth_problem=permission_unknown"), ProviderError, 3),  # Jira
        ((401, "Request token has not yet been reviewed. Try again later."), ProviderError, 3),  # Launchpad
        ((401, "Request token has not been authorized."), ProviderError, 3),  # Spring Security OAuth 1
        ((401, "Request token is not authorized!"), ProviderError, 3),  # eXo
    ],
)
async def test_a_refused_exchange_is_kept_unless_it_may_pass(
    stage: Stage, handshake: Handshake, answer: tuple[int, str], error: type[Exception], asked: int
) -> None:
    step = await stage.approved(handshake)
    stage.fake.before = answering(*answer)
    for _ in range(3):
        with pytest.raises((ProviderError, AuthorizationDenied)) as raised:
            await handshake.complete(step.callback, bind=BIND)
        assert type(raised.value) is error
    assert len(stage.fake.exchanges) == asked
    if asked > 1:
        stage.fake.before = None
        assert (await handshake.complete(step.callback, bind=BIND)).params["screen_name"] == "ann"


async def test_two_unusable_answers_end_the_handshake(stage: Stage, handshake: Handshake) -> None:
    step = await stage.approved(handshake)
    stage.fake.before = answering(200, "<html>")
    for error in (TokenResponseError, TokenResponseError, CallbackError):
        with pytest.raises(error):
            await handshake.complete(step.callback, bind=BIND)
    assert len(stage.fake.exchanges) == 2


async def _by_callback(_: Stage, handshake: Handshake, step: Step) -> AccessToken:
    return await handshake.complete(step.callback, bind=BIND, save_as="ann")


async def _by_pin(_: Stage, handshake: Handshake, step: Step) -> AccessToken:
    return await handshake.complete_with_verifier(step.key, step.verifier, bind=BIND, save_as="ann")


async def _to_keep_it_oneself(_: Stage, handshake: Handshake, step: Step) -> AccessToken:
    return await handshake.complete(step.callback, bind=BIND)


async def _twice_at_once(stage: Stage, handshake: Handshake, step: Step) -> AccessToken:
    async with stage.handshake() as elsewhere:
        both = await asyncio.gather(*[_by_callback(stage, one, step) for one in (handshake, elsewhere)])
    assert both[0] == both[1]
    return both[0]


async def _with_a_mistyped_pin(stage: Stage, handshake: Handshake, step: Step) -> AccessToken:
    with pytest.raises(ProviderError):
        await handshake.complete_with_verifier(step.key, "0", bind=BIND)
    return await _by_pin(stage, handshake, step)


Shape = Callable[[Stage, Handshake, Step], Coroutine[Any, Any, AccessToken]]
SHAPES: dict[Shape, str] = {
    _by_callback: CALLBACK,
    _to_keep_it_oneself: CALLBACK,
    _twice_at_once: CALLBACK,
    _by_pin: "oob",
    _with_a_mistyped_pin: "oob",
}


@pytest.fixture
def complaints() -> Iterator[list[dict[str, Any]]]:
    """Give what the event loop complains of: errors never retrieved, sessions never closed."""
    heard: list[dict[str, Any]] = []
    yield heard
    gc.collect()
    assert heard == []


async def test_complete_cancelled_at_any_resumption_can_be_repeated(complaints: list[dict[str, Any]]) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    points = {}
    async with staged(FakeProvider(), FaultyStore(MemoryStore(), pauses=2)) as stage:
        for shape, callback in SHAPES.items():
            for number in count(1):
                cancelled = await _cancel_at(number, stage, shape, callback)
                if not cancelled:
                    break
                points[shape.__name__.strip("_")] = number
    assert sum(points.values()) >= 50
    assert min(points.values()) >= 10


async def _cancel_at(number: int, stage: Stage, shape: Shape, callback: str) -> bool:
    """Cancel a run before its resumption of that number; say whether there was one."""
    fake = stage.fake
    sent = len(fake.exchanges)
    async with stage.handshake() as handshake:
        step = await stage.approved(handshake, callback)
        await stage.store.discard_access_token(fake.provider.name, "ann")
        run = Steps(number)
        task = run.start(shape(stage, handshake, step))
        cancelled = (await asyncio.gather(task, return_exceptions=True))[0]
        again = _by_pin if callback == "oob" else _by_callback
        token = await again(stage, handshake, step)
        await all_settled()
    assert await stage.stored() == token
    assert token.params["screen_name"] == "ann"
    accepted = [arrival.verdict for arrival in fake.exchanges[sent:]]
    assert accepted.count("accepted") == 1
    assert len(accepted) <= (3 if shape is _with_a_mistyped_pin else 2)
    assert under_way() == []
    if isinstance(cancelled, AccessToken):
        assert cancelled == token
        return run.taken >= number
    assert isinstance(cancelled, asyncio.CancelledError)
    return True


async def test_begin_cancelled_at_any_resumption_frees_its_slot(complaints: list[dict[str, Any]]) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    async with FakeProvider() as fake:
        seconds = count(0, 1000)  # so all that is kept has had its time by the next look
        store = MemoryStore(max_pending=1, clock=lambda: next(seconds))
        for number in count(1):
            async with Handshake(fake.provider, fake.consumer, store=store) as handshake:
                task = Steps(number).start(handshake.begin(CALLBACK, bind=BIND))
                await asyncio.wait({task})
                await handshake.begin(CALLBACK, bind=BIND)
            if not task.cancelled():
                break
    assert number >= 5


async def test_closing_waits_for_an_exchange_without_caller(stage: Stage) -> None:
    gate = Gate()
    stage.fake.after = at_exchange(gate)
    handshake = stage.handshake()
    step = await stage.approved(handshake)
    call = asyncio.create_task(handshake.complete(step.callback, bind=BIND, save_as="ann"))
    await gate.reached.wait()
    call.cancel()
    closing = asyncio.create_task(handshake.aclose())
    await asyncio.sleep(0.05)
    assert not closing.done()
    gate.open.set()
    await closing
    assert under_way() == []
    token = await stage.stored()
    assert token is not None
    async with stage.handshake() as another:
        assert await another.complete(step.callback, bind=BIND) == token  # from the record


async def test_closing_starts_no_exchange(stage: Stage) -> None:
    gate = Gate()
    stage.fake.after = at_exchange(gate)
    handshake = stage.handshake()
    first, second = await stage.approved(handshake), await stage.approved(handshake)
    call = asyncio.create_task(handshake.complete(first.callback, bind=BIND))
    await gate.reached.wait()
    closing = asyncio.create_task(handshake.aclose())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="closed"):
        await handshake.complete(second.callback, bind=BIND)
    gate.open.set()
    await closing
    assert isinstance(await call, AccessToken)
    with pytest.raises(RuntimeError, match="closed"):
        await handshake.complete(second.callback, bind=BIND)
    assert len(stage.fake.exchanges) == 1
    async with stage.handshake() as elsewhere:  # which finds the record free
        assert isinstance(await elsewhere.complete(second.callback, bind=BIND), AccessToken)


async def test_6000_callbacks_read_the_store_as_one() -> None:
    store = FaultyStore(MemoryStore())
    gate = Gate()
    async with staged(FakeProvider(), store) as stage, stage.handshake() as handshake:
        step = await stage.approved(handshake)
        store.done.clear()
        stage.fake.after = at_exchange(gate)
        calls = [asyncio.create_task(handshake.complete(step.callback, bind=BIND)) for _ in range(6000)]
        strangers = [
            asyncio.create_task(handshake.complete(step.callback, bind="a stranger")) for _ in range(10)
        ]
        await gate.reached.wait()
        gate.open.set()
        assert len(set(await asyncio.gather(*calls))) == 1
        refused = await asyncio.gather(*strangers, return_exceptions=True)
        assert {type(one) for one in refused} == {CallbackError}
        assert len(stage.fake.exchanges) == 1
        assert store.done.count("get_pending") <= 3


async def test_callbacks_that_wait_for_another_process_share_one_poller() -> None:
    store = FaultyStore(MemoryStore())
    async with staged(FakeProvider(), store) as stage, stage.handshake(timeout=0.5) as handshake:
        step = await stage.approved(handshake)
        await stage.claim_elsewhere(step)
        store.done.clear()
        calls = [asyncio.create_task(handshake.complete(step.callback, bind=BIND)) for _ in range(1000)]
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(end) for end in ends} == {CallbackError}
        # Polls grow from 0.05 s to 0.5 s while 3.5 s pass.
        assert store.done.count("get_pending") < 15


async def test_more_callbacks_than_may_wait_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "_MAX_WAITERS", 5)
    gate = Gate()
    async with staged(FakeProvider()) as stage, stage.handshake() as handshake:
        step = await stage.approved(handshake)
        stage.fake.after = at_exchange(gate)
        calls = [asyncio.create_task(handshake.complete(step.callback, bind=BIND)) for _ in range(9)]
        await gate.reached.wait()
        gate.open.set()
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(isinstance(end, AccessToken) for end in ends) == 5
        assert sum(isinstance(end, CallbackError) and "too many" in str(end) for end in ends) == 4
