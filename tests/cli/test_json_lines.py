from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from aiooauth1.cli.json_lines import LONGEST_LINE, decode, read_each


if TYPE_CHECKING:
    from pathlib import Path


async def test_lines_are_whole_wherever_the_chunks_end(tmp_path: Path) -> None:
    texts = ["x" * length for length in (1, 65_000, 65_536, 200_000, LONGEST_LINE - 40, 3)]
    rejected: list[tuple[int, str]] = []
    with (tmp_path / "lines").open("w+b", buffering=0) as file:
        file.write("\n".join(map(json.dumps, texts)).encode())
        file.seek(0)
        lines = read_each(file.fileno(), lambda line, _: decode(line), lambda *bad: rejected.append(bad))
        assert [line async for line in lines] == texts
    assert rejected == []


async def test_input_that_cannot_be_read_any_further_is_reported(tmp_path: Path) -> None:
    rejected: list[tuple[int, str]] = []
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        lines = read_each(descriptor, lambda line, _: decode(line), lambda *bad: rejected.append(bad))
        assert [line async for line in lines] == []
    finally:
        os.close(descriptor)
    assert rejected == [(1, "cannot be read, nor what follows: Is a directory")]
