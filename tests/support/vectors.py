"""The agreed signing cases, as they lie in `tests/data`."""

from __future__ import annotations

import json
from pathlib import Path


VECTORS = json.loads((Path(__file__).parents[1] / "data" / "vectors.json").read_text(encoding="utf-8"))
