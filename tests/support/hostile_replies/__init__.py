"""Replies that are made to take the time and memory of whoever reads them, and a child that reads them."""

from __future__ import annotations
