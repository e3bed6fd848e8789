"""Whether a request began to be written is a fact of the request, for any session, connector and error."""

from __future__ import annotations

import inspect
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import ClientRequest, ClientSession
from wire.listener import DROP, Listener

from aiooauth1 import OutcomeUnknown, SigningError
from aiooauth1.transport.delivery import (
    PRIVATE_NAMES,
    ObservedRequest,
    body_error,
    is_network_error,
    observe,
    outcome_unknown,
)


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientHandlerType, ClientResponse


class Own(ClientRequest):
    """The request class of somebody else's session."""


class Observer:
    """A middleware that keeps the requests of its session, observed."""

    def __init__(self) -> None:
        self.requests: list[ObservedRequest] = []

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        observed = observe(request, ObservedRequest)
        self.requests.append(observed)
        return await handler(observed)


class TheirError(Exception):
    """What a connector of somebody else's raises."""


class TheirConnector(aiohttp.TCPConnector):
    async def connect(self, *_args: Any, **_options: Any) -> Any:
        raise TheirError


def test_aiohttp_still_has_each_private_name_that_is_overridden() -> None:
    for name in PRIVATE_NAMES:
        assert inspect.iscoroutinefunction(getattr(ClientRequest, name, None)), (
            f"aiohttp {aiohttp.__version__} has no ClientRequest.{name}: trace hooks would see signed"
            " URLs and Authorization; find what replaced it and change transport/delivery.py"
        )
    parameters = [list(inspect.signature(getattr(ClientRequest, name)).parameters) for name in PRIVATE_NAMES]
    assert parameters == [["self", "method", "url", "chunk"], ["self", "method", "url", "headers"]]


@pytest.mark.socket
@pytest.mark.parametrize("is_up", [True, False], ids=["connected", "refused"])
@pytest.mark.parametrize("request_class", [ClientRequest, Own, ObservedRequest])
async def test_a_request_has_begun_once_it_has_a_connection(
    request_class: type[ClientRequest], *, is_up: bool
) -> None:
    observer = Observer()
    listener = Listener(lambda _: DROP)
    http = ClientSession(request_class=request_class, middlewares=(observer,))
    async with http, listener if is_up else nullcontext():
        url = listener.origin if is_up else "http://127.0.0.1:1/"
        with pytest.raises(aiohttp.ServerDisconnectedError if is_up else aiohttp.ClientConnectorError):
            await http.post(url)
    assert isinstance(observer.requests[0], request_class)
    assert observer.requests[0].has_begun is is_up


async def test_an_error_of_another_connectors_own_is_of_the_network_and_sent_nothing() -> None:
    observer = Observer()
    async with ClientSession(connector=TheirConnector(), middlewares=(observer,)) as http:
        with pytest.raises(TheirError) as caught:
            await http.post("http://localhost/")
    assert not observer.requests[0].has_begun
    assert is_network_error(caught.value)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (aiohttp.ServerDisconnectedError(), True),
        (TimeoutError(), True),
        (EOFError(), True),
        (TheirError(), True),
        (ValueError(), False),
        (AssertionError(), False),
        (SigningError(), False),
        (KeyboardInterrupt(), False),
        # asyncio raises a group with `create_connection(all_errors=True)`.
        (ExceptionGroup("", [OSError(113, "a"), OSError(111, "b")]), True),
        (ExceptionGroup("", [OSError(113, "a"), ValueError("b")]), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_any_error_is_of_the_network_except_mistakes_and_ours(
    error: BaseException, *, expected: bool
) -> None:
    assert is_network_error(error) is expected


MINE = [
    KeyError("mine"),
    OSError("my file"),
    TheirError(),
    # Of a body that passes on what another request downloads.
    aiohttp.ClientPayloadError("mine"),
    aiohttp.ServerDisconnectedError(),
    TimeoutError("mine"),
]


@pytest.mark.socket
@pytest.mark.parametrize("mine", MINE, ids=repr)
async def test_an_error_of_the_callers_own_body_is_the_cause(mine: Exception) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"a"
        raise mine

    async with Listener() as listener, ClientSession(request_class=ObservedRequest) as http:
        with pytest.raises((aiohttp.ClientError, TimeoutError)) as caught:
            await http.post(listener.origin, data=body())
    unknown = outcome_unknown("POST", caught.value)
    assert isinstance(unknown, OutcomeUnknown)
    assert unknown.__cause__ is mine
    traceback = mine.__traceback__
    assert traceback is not None
    assert traceback.tb_frame.f_code.co_name == "body"


@pytest.mark.socket
async def test_an_error_of_the_network_is_not_the_callers() -> None:
    async with Listener(lambda _: DROP) as listener, ClientSession() as http:
        with pytest.raises(aiohttp.ClientError) as caught:
            await http.post(listener.origin, data=b"x" * 100)
    assert body_error(caught.value) is None
    assert str(outcome_unknown("POST", caught.value)) == (
        "POST was sent and no answer came (ServerDisconnectedError): it may have been done"
    )
