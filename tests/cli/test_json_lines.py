from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from aiooauth1.cli.json_lines import MAX_LINE, decode, open_input, read_each
from aiooauth1.cli.outcome import CommandError


if TYPE_CHECKING:
    from pathlib import Path


async def test_lines_are_whole_wherever_the_chunks_end(tmp_path: Path) -> None:
    texts = ["x" * length for length in (1, 65_000, 65_536, 200_000, MAX_LINE - 40, 3)]
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


def test_standard_input_is_opened_unless_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "lines").open("w+") as file:
        monkeypatch.setattr(sys, "stdin", file)
        with open_input("-") as descriptor:
            assert descriptor == file.fileno()
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(CommandError, match="standard input is closed"), open_input("-"):
        pass
