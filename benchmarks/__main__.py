"""`python -m benchmarks [subject …] [--json] [--quick]`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from benchmarks.harness.measure import FULL, MINIMAL, QUICK
from benchmarks.harness.report import as_json, as_text
from benchmarks.subjects import handshake, importing, memory, posting, rsa, session, sign, stores, users


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.harness.measure import Effort
    from benchmarks.harness.report import Subject


SUBJECTS: Mapping[str, Callable[[Effort], Subject]] = {
    "sign": sign.measure,
    "session": session.measure,
    "users": users.measure,
    "stores": stores.measure,
    "handshake": handshake.measure,
    "memory": memory.measure,
    "posting": posting.measure,
    "rsa": rsa.measure,
    "import": importing.measure,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the given subjects and print the figures. A missed mark does not change the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure aiooauth1 beside its peers."
    )
    parser.add_argument(
        "subjects", nargs="*", metavar="subject", help=f"one of {', '.join(SUBJECTS)} (default: all)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of tables")
    less = parser.add_mutually_exclusive_group()
    less.add_argument(
        "--quick", action="store_true", help="few short samples: shows that it runs, not how fast"
    )
    less.add_argument("--minimal", action="store_true", help="the least work that shows that it runs")
    chosen = parser.parse_args(arguments)
    for name in chosen.subjects:
        if name not in SUBJECTS:
            parser.error(f"there is no subject {name!r}: choose from {', '.join(SUBJECTS)}")
    effort = QUICK if chosen.quick else MINIMAL if chosen.minimal else FULL
    subjects = [SUBJECTS[name](effort) for name in dict.fromkeys(chosen.subjects or SUBJECTS)]
    print((as_json if chosen.json else as_text)(subjects, effort))
    return 0


if __name__ == "__main__":
    sys.exit(main())
