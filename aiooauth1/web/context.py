"""Session, handshake and store of an application, closed with it in an order that loses no sign-in."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiooauth1._internal.arguments import kind_of


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiooauth1.flows.handshake.handshake import Handshake
    from aiooauth1.session.session import OAuth1Session


__all__ = ["OAuth1", "check_parts", "opened"]


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


def check_parts(*, session: object = None, handshake: object = None, store: object = None) -> None:
    """Refuse what is not a session, handshake or store, above all a class: it would be found at shutdown.

    Raises:
        TypeError: If one is something else.
    """
    for name, given, member in (
        ("session", session, "rate_limits"),
        ("handshake", handshake, "begin"),
        ("store", store, "__init__"),  # any object of the application's own
    ):
        if given is not None and (isinstance(given, type) or not hasattr(given, member)):
            raise TypeError(f"{name} must be one that you have made, not {kind_of(given)}")


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
