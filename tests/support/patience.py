"""How long the tests let a store take that is not about how long it takes."""

from __future__ import annotations


__all__ = ["PATIENCE"]

PATIENCE = 30.0
"""Seconds, instead of a store's own 2: a busy machine may be slow, and that is no failure."""
