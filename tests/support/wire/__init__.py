"""The wire, seen from the other end: listeners that keep every byte, and oauthlib's opinion of it."""

from __future__ import annotations
