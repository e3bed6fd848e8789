"""A provider full of faults, a store that goes away, and a consumer who keeps account of all he is told."""

from __future__ import annotations
