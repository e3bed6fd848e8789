"""Compares the posts that were sent with the provider's ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aiooauth1.cli.demo.posts import Post
    from aiooauth1.testing import Arrival


__all__ = ["Audit"]


@dataclass(slots=True)
class Audit:
    """Counts of posts in the provider's ledger, over all looks at it.

    Attributes:
        accepted: Posts that it accepted.
        refused: Posts that it refused.
        duplicates: Posts that it accepted again.
        missing: Posts that were sent and that it did not accept.
        altered: Posts that it accepted for another user or with another text.
        strangers: Posts that it accepted and that were never sent.
        forgotten: Arrivals that left the ledger before a look at it.
    """

    accepted: int = 0
    refused: int = 0
    duplicates: int = 0
    missing: int = 0
    altered: int = 0
    strangers: int = 0
    forgotten: int = 0
    _last_arrival: int = 0
    _last_post: int = 0

    def look(self, sent: Mapping[int, Post], ledger: Iterable[Arrival]) -> None:
        """Look for each post that was sent since the last look."""
        waiting = dict(sent)
        self._last_post = max(sent, default=self._last_post)
        for arrival in ledger:
            if arrival.number <= self._last_arrival:
                continue
            self.forgotten += arrival.number - self._last_arrival - 1
            self._last_arrival = arrival.number
            if arrival.endpoint == "posts":
                self._enter(arrival, waiting)
        self.missing += len(waiting)

    def _enter(self, arrival: Arrival, waiting: dict[int, Post]) -> None:
        if arrival.verdict != "accepted":
            self.refused += 1
            return
        self.accepted += 1
        form = parse_qs(arrival.body.decode("utf-8", "replace"), keep_blank_values=True)
        number = int(form.get("number", ["0"])[0])
        post = waiting.pop(number, None)
        if post is None and 0 < number <= self._last_post:
            self.duplicates += 1
        elif post is None:
            self.strangers += 1
        elif (arrival.user, form.get("status")) != (post.user, [post.text]):
            self.altered += 1

    def disagreements(self, answered: int) -> list[str]:
        """Return the differences from what was sent; none if the ledger has each post exactly once."""
        counts = {
            "accepted again": self.duplicates,
            "not accepted": self.missing,
            "accepted for another user or with another text": self.altered,
            "accepted that were never sent": self.strangers,
            "refused": self.refused,
            "accepted without a reply that says so": max(0, self.accepted - answered),
            "arrivals gone from the ledger too early": self.forgotten,
        }
        return [f"{count:,} {what}" for what, count in counts.items() if count]
