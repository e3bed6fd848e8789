"""The timeout of stores in tests that are not about timeouts."""

from __future__ import annotations


__all__ = ["PATIENCE"]

PATIENCE = 30.0
"""Seconds, instead of a store's own 2: a slow machine is no failure."""
