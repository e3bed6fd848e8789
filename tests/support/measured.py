"""A signature method of a user's own."""

from __future__ import annotations


__all__ = ["Measured"]


class Measured:
    """A method of a user's own: nothing but the two members of the protocol."""

    @property
    def name(self) -> str:
        return "X-MEASURED"

    def sign(self, base_string: str, consumer_secret: str, token_secret: str) -> str:
        return f"{len(base_string)}: {len(consumer_secret)}+{len(token_secret)}"
