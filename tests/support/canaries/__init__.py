"""What the sweep for secrets stands on: the places where one could show, and a provider that tells all."""

from __future__ import annotations
