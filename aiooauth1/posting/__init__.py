"""Posting at scale: many posts for many users, each sent once, at the pace that the provider allows.

- `post`: `Post` and `Outcome`
- `fan_out`: `post_all`; `run` does its work, with `source` (reads the input), `lanes` (each user's posts in
  order), `pacing` and `window` (rate limits) and `attempt` (one request)
- `journal`: the protocol for what survives a crash; `sqlite_journal`, `redis_journal` (with `redis_lease` and
  `redis_scripts`) implement it
- `worker`, `taskiq`: the same on any number of machines
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from aiooauth1.posting.fan_out import Posting, post_all
from aiooauth1.posting.journal import Entry, InputChanged, Journal, JournalReport
from aiooauth1.posting.post import Outcome, Post


if TYPE_CHECKING:
    from aiooauth1.posting.redis_journal import RedisJournal
    from aiooauth1.posting.sqlite_journal import SQLiteJournal
    from aiooauth1.posting.worker import PostingWorker


__all__ = [
    "Entry",
    "InputChanged",
    "Journal",
    "JournalReport",
    "Outcome",
    "Post",
    "Posting",
    "PostingWorker",
    "RedisJournal",
    "SQLiteJournal",
    "post_all",
]


def __getattr__(name: str) -> Any:
    # Each needs an extra, which is imported when the name is first used.
    if name == "SQLiteJournal":
        return import_module("aiooauth1.posting.sqlite_journal").SQLiteJournal
    if name == "RedisJournal":
        return import_module("aiooauth1.posting.redis_journal").RedisJournal
    if name == "PostingWorker":
        return import_module("aiooauth1.posting.worker").PostingWorker
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
