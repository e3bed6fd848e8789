"""Whole handshakes over stores in Redis and SQLite, by several processes: what their tests stand on."""

from __future__ import annotations
