"""The journal protocol: a record, which survives crashes, of which posts were begun and how they ended."""

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
    "input_changed",
]

State = Literal["begun", "done", "refused", "failed", "unknown"]

FINAL = frozenset({"done", "refused"})
"""States of posts that no later run sends again."""

IN_DOUBT = frozenset({"begun", "unknown"})
"""States of posts that may have been done: they are reconciled or reported, never sent again by default."""


class InputChanged(ValueError):
    """The posts differ from those that the journal began with. The message says where."""


def input_changed(difference: str) -> InputChanged:
    """Return the error for this difference, with what to do about it."""
    return InputChanged(f"{difference}: pass the same posts, new ones at their end, or use a new journal")


class Numbered(NamedTuple):
    """A post and its place in the input."""

    position: int
    """Counted from 0."""
    post: Post
    digest: bytes
    """Of the post: 16 bytes."""


class KeptWindow(NamedTuple):
    """What a run learned about one rate-limit window, as a journal keeps it for the next run."""

    key: str
    """The user, if it is a user's window, and the route or rule."""
    until: float
    """When it resets, in seconds since the epoch. After that it need not be kept."""
    value: str
    """JSON, to be returned unchanged."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A journal's record of one post.

    Args:
        state: Its state.
        http_status: The reply's status, or None without a reply.
        error: Why it is not done, in words; empty if it is done, or the reason is not known.
        at: When it entered that state, in seconds since the epoch.
    """

    state: State
    http_status: int | None = None
    error: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class JournalReport:
    """How many posts are in each state. `report["done"]` is `report.done`.

    Args:
        begun: Sent by a run that is still going, or that ended before it knew the outcome.
        done: Accepted by the provider.
        refused: Refused by the provider.
        failed: Not sent. The next run tries again.
        unknown: Sent; whether they are done is not known.
        waiting: Enqueued for workers and not sent yet.
        in_doubt: The ids of posts that are begun or unknown.
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
        """The number of posts in the journal."""
        return self.begun + self.done + self.refused + self.failed + self.unknown + self.waiting


class Journal(Protocol):
    """**Protocol:** where `post_all` keeps its state. A write is durable when its method returns.

    All operations raise `StoreUnavailable` if the journal cannot be read or written.
    """

    async def open(self) -> int:
        """Lock the journal for one run, and return how many posts of the input earlier runs reached.

        Raises:
            RuntimeError: If another run has locked it.
        """

    async def look_up(self, posts: Sequence[Numbered]) -> list[Entry | None]:
        """Return the entry of each post, or None for a post without one.

        Raises:
            InputChanged: If the input had another post at that position, or the same id at another position.
        """

    async def begin(self, numbered: Numbered) -> None:
        """Record that a post is about to be sent.

        Raises:
            InputChanged: If its id belongs to another post.
        """

    async def finish(self, numbered: Numbered, outcome: Outcome) -> None:
        """Record how a post ended."""

    async def release(self) -> None:
        """Unlock the journal at the end of the run."""

    async def report(self) -> JournalReport:
        """Count the posts by state."""

    async def aclose(self) -> None:
        """Close the journal. Closing it again does nothing."""


@runtime_checkable
class WindowKeeper(Protocol):
    """**Protocol:** an optional part of a `Journal` that keeps rate-limit windows from run to run.

    Without it, a run that is started again learns of spent windows only when the provider refuses posts.
    """

    async def keep_windows(self, windows: Sequence[KeptWindow]) -> None:
        """Store windows; each replaces an earlier one of the same key."""

    async def kept_windows(self, now: float, most: int) -> list[KeptWindow]:
        """Return the windows that have not reset yet, the latest reset first.

        Args:
            now: The time, in seconds since the epoch.
            most: The largest number to return.
        """
