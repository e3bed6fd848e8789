"""What an error shows to a log or a reader, and which secrets are in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wire.leaks import leaks as leaks_in
from wire.leaks import shown_by


if TYPE_CHECKING:
    from collections.abc import Iterable


def shown(error: BaseException) -> str:
    """Return the texts of an error and of those that it is linked to, without the variables of its frames."""
    return shown_by(error, with_locals=False)


def leaks(error: BaseException, secrets: Iterable[str]) -> list[str]:
    """Return the secrets that an error shows: as they are, percent-encoded or in base64."""
    return leaks_in(shown(error), secrets)
