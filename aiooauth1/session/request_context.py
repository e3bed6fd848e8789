"""What a verb returns: a call that can be awaited, entered with `async with`, or given to a task."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, NoReturn

from aiohttp import ClientResponse


if TYPE_CHECKING:
    from collections.abc import Generator
    from types import TracebackType


__all__ = ["RequestContextManager"]


class RequestContextManager(Coroutine[Any, Any, ClientResponse]):
    """A coroutine that is a context manager too, like the one that aiohttp's verbs return.

    >>> from asyncio import iscoroutine
    >>> async def answer(): ...
    >>> call = RequestContextManager(answer())
    >>> iscoroutine(call)  # so `TaskGroup.create_task` takes it
    True
    >>> call.close()
    """

    __slots__ = ("_coroutine", "_response")

    _response: ClientResponse

    def __init__(self, coroutine: Coroutine[Any, Any, ClientResponse]) -> None:
        self._coroutine = coroutine

    def send(self, value: Any) -> Any:
        """Resume the call, as the event loop does."""
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        """Raise an error where the call waits, as a task's cancel does."""
        return self._coroutine.throw(*error)

    def close(self) -> None:
        """Give the call up before it is done."""
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, ClientResponse]:
        return self._coroutine.__await__()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            raise AttributeError(
                f"a call has no {name!r}, its response may: write `response = await session.get(...)` or"
                " `async with session.get(...) as response:`"
            )

        def __enter__(self) -> NoReturn:
            self._coroutine.close()
            raise TypeError("use `async with session.get(...) as response:`, not `with`")

        def __exit__(self, *exc_info: object) -> None:
            pass  # there only so that `with` gets as far as `__enter__`

    async def __aenter__(self) -> ClientResponse:
        self._response = await self._coroutine
        return await self._response.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._response.__aexit__(kind, error, trace)
