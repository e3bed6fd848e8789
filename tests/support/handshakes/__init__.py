"""Helpers for tests of the handshake: a stage, stores and endpoints that fail, and an independent parser."""

from __future__ import annotations
