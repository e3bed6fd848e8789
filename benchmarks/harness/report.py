"""The figures, as tables for people and as JSON for programs."""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal


if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.harness.measure import Comparison, Effort


@dataclass(frozen=True, slots=True)
class Mark:
    """The bound that a ratio must keep.

    Args:
        kind: `at most` this many times the cost of the other, or `at least` this many times faster.
        factor: How many times.
    """

    kind: Literal["at most", "at least"]
    factor: float

    def __str__(self) -> str:
        return f"{self.kind} {self.factor:.4g}"

    def met(self, ratio: float) -> bool:
        """Say whether a ratio keeps the bound."""
        return ratio <= self.factor if self.kind == "at most" else ratio >= self.factor


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: a case of ours, what it was measured against, and the mark.

    Args:
        case: What was measured.
        against: What it is compared with.
        comparison: Ours and the other, measured in pairs.
        mark: The bound of the ratio, if there is one. With `at least` the ratio is the other's to ours: how
            many times faster ours is.
        unit: What is compared: seconds, bytes or a number.
    """

    case: str
    against: str
    comparison: Comparison
    mark: Mark | None = None
    unit: Literal["s", "B", "number"] = "s"

    @property
    def ratio(self) -> float:
        """Ours to the other's, or with `at least` the other's to ours."""
        return self._turned(self.comparison.ratio)

    @property
    def spread(self) -> tuple[float, float]:
        """The quartiles of the ratio."""
        low, high = sorted(self._turned(bound) for bound in self.comparison.spread)
        return low, high

    @property
    def met(self) -> bool | None:
        """Whether the mark is met, or None without a mark."""
        return None if self.mark is None else self.mark.met(self.ratio)

    def _turned(self, ratio: float) -> float:
        return 1 / ratio if self.mark is not None and self.mark.kind == "at least" else ratio


@dataclass(frozen=True, slots=True)
class Subject:
    """One subject's rows.

    Args:
        name: Its name on the command line.
        about: What is measured, in a sentence, and whether in CPU time or by wall clock.
        rows: The figures.
        packages: The distributions whose versions matter.
        notes: Whatever else the reader must know, such as a peer that is not installed.
    """

    name: str
    about: str
    rows: tuple[Row, ...]
    packages: tuple[str, ...]
    notes: tuple[str, ...] = ()


def as_text(subjects: Sequence[Subject], effort: Effort) -> str:
    """Render the figures as plain text tables, below the versions and the machine."""
    about = environment(subjects)
    lines = [
        f"{about['python']} on {about['machine']}, {about['date']}",
        ", ".join(f"{name} {number}" for name, number in about["versions"].items()),
        f"{effort.name}: {effort.pairs} pairs each, measured alternately: the median; spread: the quartiles",
    ]
    for subject in subjects:
        header = ("case", "against", "ours", "theirs", "ratio", "spread", "mark", "met")
        cells = [
            (
                row.case,
                row.against,
                _quantity(row.comparison.first, row.unit),
                _quantity(row.comparison.second, row.unit),
                f"{row.ratio:.2f}",
                "{:.2f}-{:.2f}".format(*row.spread),
                "-" if row.mark is None else str(row.mark),
                {True: "yes", False: "NO", None: "-"}[row.met],
            )
            for row in subject.rows
        ]
        lines += ["", f"{subject.name}: {subject.about}", *_table([header, *cells]), *subject.notes]
    return "\n".join(lines)


def as_json(subjects: Sequence[Subject], effort: Effort) -> str:
    """Render the figures as one JSON document. Times are in seconds a call, sizes in bytes."""
    document = {
        "environment": environment(subjects),
        "effort": {"name": effort.name, "pairs": effort.pairs, "seconds": effort.seconds},
        "subjects": [
            {
                "name": subject.name,
                "about": subject.about,
                "notes": list(subject.notes),
                "rows": [
                    {
                        "case": row.case,
                        "against": row.against,
                        "unit": row.unit,
                        "ours": row.comparison.first,
                        "theirs": row.comparison.second,
                        "ratio": row.ratio,
                        "spread": list(row.spread),
                        "mark": None if row.mark is None else asdict(row.mark),
                        "met": row.met,
                    }
                    for row in subject.rows
                ],
            }
            for subject in subjects
        ],
    }
    return json.dumps(document, indent=1)


def environment(subjects: Sequence[Subject]) -> dict[str, Any]:
    """Return the date, the interpreter, the machine and the versions of the packages."""
    packages = dict.fromkeys(package for subject in subjects for package in subject.packages)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "machine": f"{platform.system()} {platform.machine()}, {_processor()}, {os.cpu_count()} cores",
        "versions": {package: _version(package) for package in ("aiooauth1", *packages)},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "from source" if package in sys.modules else "not installed"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "processor unknown"


def _quantity(value: float, unit: Literal["s", "B", "number"]) -> str:
    if unit == "number":
        return f"{value:,.0f}"
    if unit == "B":
        return f"{value:,.0f} B" if value < 1e6 else f"{value / 1e6:.1f} MB"  # noqa: PLR2004
    if value < 1e-3:  # noqa: PLR2004
        return f"{value * 1e6:.2f} µs"
    return f"{value * 1e3:.2f} ms" if value < 1.0 else f"{value:.2f} s"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align the columns: words to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    numbers = {2, 3, 4, 5}
    lines = [
        "  ".join(
            cell.rjust(widths[column]) if column in numbers else cell.ljust(widths[column])
            for column, cell in enumerate(row)
        ).rstrip()
        for row in rows
    ]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]
