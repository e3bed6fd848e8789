"""Posting at scale: many posts for many users, each sent once, at the pace that the provider allows.

Map: `post` the values; `fan_out` what users call, `run` what it does, with `source` (the input), `lanes`
(each user's posts in order), `pacing` and `window` (rate limits), `attempt` (one request); `journal` what
survives a crash, in SQLite (`sqlite_journal`) or Redis (`redis_journal`, `redis_scripts`); `worker` and
`taskiq` the same on any number of machines.
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


__all__ = [
    "Entry",
    "InputChanged",
    "Journal",
    "JournalReport",
    "Outcome",
    "Post",
    "Posting",
    "RedisJournal",
    "SQLiteJournal",
    "post_all",
]


def __getattr__(name: str) -> Any:
    # Each needs an extra, which is loaded when the journal is first named.
    if name == "SQLiteJournal":
        return import_module("aiooauth1.posting.sqlite_journal").SQLiteJournal
    if name == "RedisJournal":
        return import_module("aiooauth1.posting.redis_journal").RedisJournal
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
