"""The people that use the site: the sessions of their browsers, and what has happened for each of them."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Literal


__all__ = ["Event", "EventKind", "People", "Person"]

EventKind = Literal["posted", "waiting", "revoked", "failed"]

_MOST_SESSIONS = 1000
_MOST_EVENTS = 200


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened for a person.

    Attributes:
        number: Its number among the person's events.
        kind: What kind of thing.
        account: The screen name of the account.
        text: The post, if it is about one.
        note: What happened, in words.
    """

    number: int
    kind: EventKind
    account: str
    text: str
    note: str


@dataclass(slots=True, eq=False)
class Person:
    """Somebody who uses the site."""

    id: str = field(default_factory=lambda: secrets.token_hex(8))
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=_MOST_EVENTS))
    names: dict[str, str] = field(default_factory=dict)  # screen names by account id
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _numbered: int = 0

    def tell(self, kind: EventKind, account: str, text: str, note: str) -> None:
        """Add an event, and wake who waits for one."""
        self._numbered += 1
        self.events.append(Event(self._numbered, kind, account, text, note))
        self.wake()

    def wake(self) -> None:
        """Let everybody look who waits for an event."""
        self.changed.set()
        self.changed = asyncio.Event()

    def since(self, number: int) -> list[Event]:
        """Return the events after that number."""
        return [event for event in self.events if event.number > number]


class People:
    """Persons by the session ids of their browsers. Old sessions make room for new ones."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, Person] = OrderedDict()

    def find(self, session: str) -> Person | None:
        """Return the person of a session, None if it is not one."""
        return self._sessions.get(session)

    def by_id(self, person: str) -> Person | None:
        """Return the person with that id."""
        return next((one for one in self._sessions.values() if one.id == person), None)

    def enter(self, person: Person) -> str:
        """Begin a session for a person; return its id."""
        session = secrets.token_urlsafe(32)
        self._sessions[session] = person
        if len(self._sessions) > _MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return session

    def renew(self, session: str) -> str:
        """Give a session a new id, as after every sign-in; the old id is worth nothing any more."""
        return self.enter(self._sessions.pop(session, Person()))

    def everybody(self) -> list[Person]:
        """Return all persons."""
        return list(self._sessions.values())
