"""The users of the site: the sessions of their browsers, and the events of each person."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Literal


__all__ = ["Event", "EventKind", "People", "Person"]

EventKind = Literal["posted", "waiting", "revoked", "failed"]

_MAX_SESSIONS = 1000
_MAX_EVENTS = 200


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a person.

    Attributes:
        number: Its number among the person's events.
        kind: Its kind.
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
    """A user of the site."""

    id: str = field(default_factory=lambda: secrets.token_hex(8))
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=_MAX_EVENTS))
    names: dict[str, str] = field(default_factory=dict)  # screen names by account id
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _numbered: int = 0

    def add_event(self, kind: EventKind, account: str, text: str, note: str) -> None:
        """Add an event, and wake all who wait for one."""
        self._numbered += 1
        self.events.append(Event(self._numbered, kind, account, text, note))
        self.wake()

    def wake(self) -> None:
        """Wake all who wait for an event."""
        self.changed.set()
        self.changed = asyncio.Event()

    def events_after(self, number: int) -> list[Event]:
        """Return the events after that number."""
        return [event for event in self.events if event.number > number]


class People:
    """Persons by the session ids of their browsers. The oldest sessions are dropped beyond a limit."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, Person] = OrderedDict()

    def find(self, session: str) -> Person | None:
        """Return the person of a session, or None if there is no such session."""
        return self._sessions.get(session)

    def by_id(self, person: str) -> Person | None:
        """Return the person with that id."""
        return next((one for one in self._sessions.values() if one.id == person), None)

    def enter(self, person: Person) -> str:
        """Begin a session for a person; return its id."""
        session = secrets.token_urlsafe(32)
        self._sessions[session] = person
        if len(self._sessions) > _MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return session

    def renew(self, session: str) -> str:
        """Give a session a new id and invalidate the old one."""
        return self.enter(self._sessions.pop(session, Person()))

    def all(self) -> list[Person]:
        """Return all persons."""
        return list(self._sessions.values())
