"""The demo's figures, as a table and as JSON, and the cost of signing."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from aiooauth1.transport.nonce import random_nonce


if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiooauth1.signing.sign import Signer


__all__ = ["FOOTNOTE", "Report", "quotient", "signing_seconds"]

_CALLS = 2000

FOOTNOTE = "* of this process's CPU time while posting; signing is measured on its own afterwards"
"""The footnote on how signing's share is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The figures.

    Args:
        users: Connected users.
        bad_lines: Bad lines of the input, or None without an input.
        sent: Posts that were sent.
        accepted: Posts that the provider's ledger has as accepted.
        refused: Posts that the provider refused.
        failed: Posts without an answer or with a wrong one, or that could not be sent.
        duplicates: Posts that the ledger has as accepted more than once.
        rate: Accepted posts a second.
        signing_share: Signing's share of the CPU time that this process used while posting, from 0 to 1.
        ledger_agrees: Whether the ledger has each post exactly once, and nothing else.
        revocation_recognised: Whether the refusal after the revocation was recognised.
    """

    users: int
    bad_lines: int | None
    sent: int
    accepted: int
    refused: int
    failed: int
    duplicates: int
    rate: float
    signing_share: float
    ledger_agrees: bool
    revocation_recognised: bool

    def table(self) -> Table:
        """Return the figures as a table."""
        table = Table(box=box.ROUNDED, show_header=False)
        table.add_column()
        table.add_column(justify="right")
        table.add_row("users", f"{self.users:,}")
        if self.bad_lines is not None:
            table.add_row("bad lines", f"{self.bad_lines:,}")
        table.add_row("sent", f"{self.sent:,}")
        table.add_row("accepted", f"{self.accepted:,}")
        table.add_row("refused", f"{self.refused:,}")
        table.add_row("failed", f"{self.failed:,}")
        table.add_row("duplicates", f"{self.duplicates:,}")
        table.add_row("rate", f"{self.rate:,.0f} a second")
        table.add_row("signing's share of the CPU *", f"{self.signing_share:.1%}")
        return table

    def json(self) -> str:
        """Return the figures as JSON."""
        return json.dumps(asdict(self), indent=2)


def quotient(dividend: float, divisor: float) -> float:
    """Divide; by zero, which a coarse clock may measure, gives 0."""
    return dividend / divisor if divisor else 0.0


def signing_seconds(requests: Sequence[tuple[Signer, str, bytes]]) -> float:
    """Measure what it costs to sign a request: nonce, timestamp, base string, signature and header."""
    began = time.process_time()
    for signer, url, form in islice(cycle(requests), _CALLS):
        signer.header("POST", url, nonce=random_nonce(), timestamp=int(time.time()), form=form)
    return (time.process_time() - began) / _CALLS
