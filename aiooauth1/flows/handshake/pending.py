"""The record of a pending handshake, as it lies in a store between `begin` and the end of its time."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, fields
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

from aiooauth1.errors import StoreCorrupt
from aiooauth1.stores.codec import dump_record, load_record, token_fields, token_from_fields


if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiooauth1.credentials import AccessToken


__all__ = ["DENIED", "PendingRecord", "Refusal", "check_bind"]

DENIED = "denied"
"""The outcome of a handshake that the user ended by saying no."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused exchange, as much of it as tells the same again without asking the provider."""

    verifier: str
    """The digest of the verifier that was refused: another one may be tried."""
    status: int
    problem: str | None
    advice: str | None
    meaning: str | None = None
    """What it means, in the names of the Problem Reporting extension."""


@dataclass(frozen=True, slots=True, repr=False)
class PendingRecord:
    """A handshake between its first leg and its last.

    Attributes:
        provider: The provider's name.
        token: The request token's key.
        secret: The request token's secret; empty once there is an outcome.
        params: What else came with the request token.
        data: The application's own.
        url: Where the user was sent to approve; empty once there is an access token.
        salt: For the two digests below.
        bind: The digest of what the handshake is bound to.
        claim: Who is exchanging the request token now; None: nobody.
        until: When that claim ends, in seconds since the epoch.
        tries: How many exchanges may have reached the provider without our knowing how they ended.
        outcome: The access token, or `DENIED`; None: there is none yet.
        saved: Whether the access token has been stored for its user.
        refused: The last exchange that was refused.
    """

    provider: str
    token: str
    secret: str
    params: Mapping[str, str]
    data: Mapping[str, str]
    url: str
    bind: str
    salt: str
    claim: str | None = None
    until: float = 0.0
    tries: int = 0
    outcome: AccessToken | str | None = None
    saved: bool = False
    refused: Refusal | None = None

    def __repr__(self) -> str:
        return f"<PendingRecord of request token {self.token!r}>"

    def digest(self, text: str) -> str:
        """Return the salted digest of a binding or a verifier: neither lies in a store as it is."""
        return hashlib.sha256(self.salt.encode() + b"|" + text.encode("utf-8", "surrogatepass")).hexdigest()

    def is_bound_to(self, bind: str) -> bool:
        """Say whether the handshake is this browser's or account's, in constant time."""
        return compare_digest(self.bind, self.digest(bind))

    def is_refused(self, verifier: str) -> bool:
        """Say whether the provider has refused this verifier before."""
        return self.refused is not None and compare_digest(self.refused.verifier, self.digest(verifier))

    def dump(self) -> bytes:
        """Write the record.

        Raises:
            ValueError: If it is too long.
        """
        written: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self)}
        written["params"], written["data"] = dict(self.params), dict(self.data)
        if self.outcome is not None and not isinstance(self.outcome, str):
            written["outcome"] = token_fields(self.outcome)
        if self.refused is not None:
            written["refused"] = {one.name: getattr(self.refused, one.name) for one in fields(self.refused)}
        return dump_record(written)

    @classmethod
    def load(cls, record: bytes) -> PendingRecord:
        """Read the record.

        Raises:
            StoreCorrupt: If it is not one.
        """
        try:
            return cls(**_fields(record))
        except StoreCorrupt as error:
            corrupt = error.with_traceback(None)  # as if new: the one that it had knows the record
        del record
        raise corrupt


def check_bind(bind: str) -> None:
    """Refuse what binds a handshake to nobody.

    Raises:
        ValueError: If it is not a text, or empty.
    """
    if not isinstance(bind, str) or not bind:
        raise ValueError("bind must be a text, not empty: what ties the handshake to one browser or account")


def _fields(record: bytes) -> dict[str, Any]:
    read = load_record(record)
    _check(read, _TYPES)
    if isinstance(read["outcome"], dict):
        read["outcome"] = token_from_fields(read["outcome"])
    elif read["outcome"] not in {None, DENIED}:
        raise StoreCorrupt("a stored pending handshake has an outcome that is none")
    digests = [read["salt"], read["bind"]]
    if isinstance(read["refused"], dict):
        _check(read["refused"], _REFUSAL_TYPES)
        digests.append(read["refused"]["verifier"])
        read["refused"] = Refusal(**read["refused"])
    if not all(_HEXADECIMAL.fullmatch(str(digest)) for digest in digests):
        raise StoreCorrupt("a stored pending handshake has a digest or salt that is none")
    return read


_HEXADECIMAL = re.compile(r"[0-9a-f]{32}([0-9a-f]{32})?")
_TYPES: Mapping[str, tuple[type, ...]] = {
    "provider": (str,),
    "token": (str,),
    "secret": (str,),
    "params": (dict,),
    "data": (dict,),
    "url": (str,),
    "bind": (str,),
    "salt": (str,),
    "claim": (str, type(None)),
    "until": (float, int),
    "tries": (int,),
    "outcome": (dict, str, type(None)),
    "saved": (bool,),
    "refused": (dict, type(None)),
}
_REFUSAL_TYPES: Mapping[str, tuple[type, ...]] = {
    "verifier": (str,),
    "status": (int,),
    "problem": (str, type(None)),
    "advice": (str, type(None)),
    "meaning": (str, type(None)),
}


def _check(read: Mapping[str, object], types: Mapping[str, tuple[type, ...]]) -> None:
    if read.keys() != types.keys():
        raise StoreCorrupt("a stored pending handshake has not the fields of one")
    for name, value in read.items():
        if type(value) not in types[name]:
            raise StoreCorrupt(f"the {name!r} of a stored pending handshake is of a wrong type")
        if name not in {"params", "data"} or not isinstance(value, dict):
            continue
        if not all(isinstance(text, str) for text in value.values()):
            raise StoreCorrupt(f"the {name!r} of a stored pending handshake is of a wrong type")
