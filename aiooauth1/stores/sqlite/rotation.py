"""Re-encrypting all records of a SQLite file while others read and write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiooauth1.errors import StoreCorrupt
from aiooauth1.stores.sqlite.records import Row


if TYPE_CHECKING:
    from collections.abc import Callable

    from aiooauth1.stores.sqlite.database import Database
    from aiooauth1.stores.sqlite.file import SQLiteFile
    from aiooauth1.stores.sqlite.records import SQLiteRecords


__all__ = ["rotate"]

_PAGE = 100  # records
_TOTAL = "SELECT (SELECT count(*) FROM access) + (SELECT count(*) FROM pending)"
_PAGES = {
    "access": "SELECT id, provider, name, record, user FROM access WHERE id > ? ORDER BY id LIMIT ?",
    "pending": "SELECT id, provider, name, record, NULL FROM pending WHERE id > ? ORDER BY id LIMIT ?",
}
# Compare-and-set of many rows. It must begin with UPDATE, or Python does not count the rows.
_RENEW = {
    "access": "UPDATE access SET record = CASE id {records} END, user = CASE id {users} END WHERE {these}",
    "pending": "UPDATE pending SET record = CASE id {records} END WHERE {these}",
}
_WHEN = "WHEN ? THEN ?"
_THESE = "id BETWEEN ? AND ? AND (id, record) IN (VALUES {pairs})"


async def rotate(
    file: SQLiteFile, records: SQLiteRecords, progress: Callable[[int, int], object] | None = None
) -> int:
    """Re-encrypt every record that is not encrypted with the first key.

    Args:
        file: The file.
        records: How records are encrypted.
        progress: Called with the number of records looked at and of all, after every page.

    Returns:
        How many records were re-encrypted.

    Raises:
        StoreCorrupt: If records do not decrypt. All others are re-encrypted.
        ValueError: If the store has no encryption.
    """
    if not records.encrypted:
        raise ValueError("to rotate keys, the store needs encryption=Encryption(new_key, old_key)")
    async with file.operation() as database:
        total = await database.one(_TOTAL)
    done = rewritten = 0
    corrupt: list[StoreCorrupt] = []
    for kind, page in _PAGES.items():
        after = 0
        while True:
            async with file.operation() as database:
                rows = [Row(*row) for row in await database.read(page, after, _PAGE)]
                stale, unreadable = _stale(records, kind, rows)
                changed = await _renew(database, kind, stale) if stale else 0
            rewritten += changed
            if changed < len(stale):
                continue  # another process wrote one of them meanwhile: read the page again
            if not rows:
                break
            after = rows[-1].id
            done += len(rows)
            corrupt += unreadable
            if progress is not None:
                progress(done, max(done, total))
    async with file.operation() as database:
        await database.checkpoint()  # no record of the old key may stay in the log
    if corrupt:
        raise StoreCorrupt(f"{len(corrupt)} of {done} records could not be re-encrypted: {corrupt[0]}")
    return rewritten


def _stale(
    records: SQLiteRecords, kind: str, rows: list[Row]
) -> tuple[list[tuple[Row, Row]], list[StoreCorrupt]]:
    """Return the rows to be re-encrypted, each as it is and as it should be, and the errors of the others."""
    stale: list[tuple[Row, Row]] = []
    unreadable: list[StoreCorrupt] = []
    for row in rows:
        try:
            fresh = records.reseal(kind, row)
        except StoreCorrupt as problem:
            unreadable.append(problem)
        else:
            stale += [(row, fresh)] if fresh is not None else []
    return stale, unreadable


async def _renew(database: Database, kind: str, stale: list[tuple[Row, Row]]) -> int:
    """Replace the rows that were not changed meanwhile, in one statement."""
    these = _THESE.format(pairs=", ".join(["(?, ?)"] * len(stale)))
    when = " ".join([_WHEN] * len(stale))
    values: list[object] = [part for _, new in stale for part in (new.id, new.record)]
    if kind == "access":
        values += [part for _, new in stale for part in (new.id, new.user)]
    values += [stale[0][0].id, stale[-1][0].id]
    values += [part for old, _ in stale for part in (old.id, old.record)]
    return await database.write(_RENEW[kind].format(records=when, users=when, these=these), *values)
