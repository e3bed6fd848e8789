"""The desk that the tests of the commands share."""

from desk import desk


__all__ = ["desk"]
