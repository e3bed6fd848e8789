"""What the tests of the handshake's rooms stand on: a stage, stores and endpoints that fail, and judges."""

from __future__ import annotations
