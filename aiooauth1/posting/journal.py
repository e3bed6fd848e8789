"""What a journal is: it knows of each post whether it was begun and how it ended, also after a crash."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, runtime_checkable


if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiooauth1.posting.post import Outcome, Post


__all__ = [
    "FINAL",
    "IN_DOUBT",
    "Entry",
    "InputChanged",
    "Journal",
    "JournalReport",
    "KeptWindow",
    "Numbered",
    "State",
    "WindowKeeper",
]

State = Literal["begun", "done", "refused", "failed", "unknown"]

FINAL = frozenset({"done", "refused"})
"""States of posts that no later run sends again."""

IN_DOUBT = frozenset({"begun", "unknown"})
"""States of posts that may have been done: they are reconciled or named, never sent again unasked."""


class InputChanged(ValueError):
    """The posts of this run are not those that the journal began with. The message says where they differ."""


class Numbered(NamedTuple):
    """A post and its place in the input."""

    position: int
    """Counted from 0."""
    post: Post
    digest: bytes
    """Of the post: 16 bytes."""


class KeptWindow(NamedTuple):
    """What a run learned of one rate-limit window, as a journal keeps it for the next run."""

    key: str
    """Whose window it is, and of which route or rule."""
    until: float
    """When it is full again, in seconds since the epoch: from then on it need not be kept."""
    value: str
    """JSON, to be returned as it is."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a journal knows of a post.

    Args:
        state: How far it is.
        http_status: The status of the reply; None: there was none.
        error: Why it is not done, in words; empty: it is, or that is not known.
        at: When it came into that state, in seconds since the epoch.
    """

    state: State
    http_status: int | None = None
    error: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class JournalReport:
    """How many posts are in which state; `report["done"]` is `report.done`.

    Args:
        begun: Sent by a run that goes on, or that ended without knowing what came of them.
        done: Accepted by the provider.
        refused: Refused by the provider.
        failed: Not sent; the next run tries them again.
        unknown: Perhaps done.
        waiting: Enqueued for workers, and not sent yet.
        in_doubt: The ids of those that are begun or unknown.
    """

    begun: int = 0
    done: int = 0
    refused: int = 0
    failed: int = 0
    unknown: int = 0
    waiting: int = 0
    in_doubt: tuple[str, ...] = ()

    def __getitem__(self, state: State) -> int:
        return int(getattr(self, state))

    @property
    def total(self) -> int:
        """How many posts the journal knows."""
        return self.begun + self.done + self.refused + self.failed + self.unknown + self.waiting


class Journal(Protocol):
    """**Protocol:** what `post_all` keeps its state in. Whoever has an answer knows that it is stored.

    All operations raise `StoreUnavailable` when the journal cannot be read or written.
    """

    async def open(self) -> int:
        """Take the journal for one run, and return how many posts of the input were reached before.

        Raises:
            RuntimeError: If another run has it.
        """

    async def look_up(self, posts: Sequence[Numbered]) -> list[Entry | None]:
        """Return what is known of each post; None: nothing.

        Raises:
            InputChanged: If another post stood at that place, or the same id elsewhere.
        """

    async def begin(self, numbered: Numbered) -> None:
        """Note that a post is about to be sent.

        Raises:
            InputChanged: If its id is another post's.
        """

    async def finish(self, numbered: Numbered, outcome: Outcome) -> None:
        """Note how a post ended."""

    async def release(self) -> None:
        """Give the journal back: the run is over."""

    async def report(self) -> JournalReport:
        """Count the posts."""

    async def aclose(self) -> None:
        """Close what it has open. Closing it again does nothing."""


@runtime_checkable
class WindowKeeper(Protocol):
    """**Protocol:** what a `Journal` may offer besides: it keeps rate-limit windows from run to run.

    Without it, a run that is started again meets windows that are spent, and learns them by refusals.
    """

    async def keep_windows(self, windows: Sequence[KeptWindow]) -> None:
        """Note windows, each in place of what is known by its key."""

    async def kept_windows(self, now: float, most: int) -> list[KeptWindow]:
        """Return the windows that are not full again yet, those that last longest first.

        Args:
            now: The time, in seconds since the epoch.
            most: How many at most.
        """
