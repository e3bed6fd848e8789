"""Session, handshake and store of an application, closed with it in an order that loses no sign-in."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiooauth1.flows.handshake.handshake import Handshake
    from aiooauth1.session.session import OAuth1Session


__all__ = ["OAuth1", "opened"]


@dataclass(frozen=True, slots=True)
class OAuth1:
    """The OAuth parts of an application.

    Attributes:
        session: The session that signs requests, or None.
        handshake: The handshake that connects users, or None.
        store: The store of both, or None.
    """

    session: OAuth1Session | None
    handshake: Handshake | None
    store: Any


@asynccontextmanager
async def opened(
    session: OAuth1Session | None, handshake: Handshake | None, store: object
) -> AsyncIterator[OAuth1]:
    """Close all of them at the end, the handshake first: it waits for exchanges that still use the store."""
    async with AsyncExitStack() as stack:
        if (close := getattr(store, "aclose", None)) is not None:
            stack.push_async_callback(close)
        if session is not None:
            stack.push_async_callback(session.close)
        if handshake is not None:
            stack.push_async_callback(handshake.aclose)
        yield OAuth1(session, handshake, store)
