"""A pending handshake: the record that lies in a store between `begin` and the end of its time. Pure.

```
          begin             claimed              completed        saved
(nothing) ─────▶ open ──────────────────▶ claimed ─────────▶ done ─────▶ done, saved
                 │ ▲                        │
                 │ └── released, refused ───┘   also when the lease is over
                 └───▶ denied
```

Each arrow is a method. Writing its result is one compare-and-set of one record, so an arrow is taken once,
whatever the store, and over any number of processes.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, fields, replace
from hmac import compare_digest
from typing import TYPE_CHECKING, Any, NamedTuple

from aiooauth1._internal.secrecy import SecretBytes
from aiooauth1.errors import StoreCorrupt
from aiooauth1.responses.problem import Problem
from aiooauth1.stores.codec import dump_record, load_record, token_fields, token_from_fields


if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiooauth1.credentials import AccessToken


__all__ = [
    "DENIED",
    "Busy",
    "Claimable",
    "Denied",
    "Done",
    "Exhausted",
    "PendingRecord",
    "Refusal",
    "Refused",
    "Status",
    "validate_bind",
]

DENIED = "denied"
"""The outcome of a handshake that the user has denied."""

_MOST_ATTEMPTS = 2  # an exchange whose answer was lost is sent once more, and never a third time


class Done(NamedTuple):
    """There is an access token, and it is saved if the call saves."""

    token: AccessToken


class Refused(NamedTuple):
    """The provider has refused this verifier, and would refuse it again."""

    problem: Problem


class Denied(NamedTuple):
    """The user said no."""


class Claimable(NamedTuple):
    """A process may claim the exchange by compare-and-set."""


class Busy(NamedTuple):
    """An exchange is running, or its process died less than a lease ago."""


class Exhausted(NamedTuple):
    """The request token was sent as often as allowed, and no answer came."""


Status = Done | Refused | Denied | Claimable | Busy | Exhausted


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is kept of a refused exchange, to raise the same error again without asking the provider."""

    verifier: str
    """The digest of the refused verifier. Another verifier may be tried."""
    problem: Problem


@dataclass(frozen=True, slots=True, repr=False)
class PendingRecord:
    """A handshake between its first leg and its last.

    Attributes:
        provider: The provider's name.
        request_token: The request token's key.
        secret: The request token's secret; empty once there is an outcome.
        params: The other parameters that came with the request token.
        data: The application's own data.
        url: Where the user was sent to approve; empty once there is an access token.
        salt: For the digests below.
        bind_digest: The digest of the handshake's binding.
        claim: The id of the claim under which the request token is exchanged now, if any.
        claim_expires_at: When that claim ends, in seconds since the epoch.
        attempts: The number of exchanges that may have reached the provider and whose outcome is unknown.
        outcome: The access token, or `DENIED`; None as long as there is no outcome.
        is_saved: Whether the access token has been stored for its user.
        refusal: The last exchange that was refused.
    """

    provider: str
    request_token: str
    secret: str
    params: Mapping[str, str]
    data: Mapping[str, str]
    url: str
    bind_digest: str
    salt: str
    claim: str | None = None
    claim_expires_at: float = 0.0
    attempts: int = 0
    outcome: AccessToken | str | None = None
    is_saved: bool = False
    refusal: Refusal | None = None

    def __repr__(self) -> str:
        return f"<PendingRecord of request token {self.request_token!r}>"

    def digest(self, text: str) -> str:
        """Return the salted digest of a binding or verifier, which are not stored themselves."""
        return hashlib.sha256(self.salt.encode() + b"|" + text.encode("utf-8", "surrogatepass")).hexdigest()

    def is_bound_to(self, bind: str) -> bool:
        """Say whether the handshake is this browser's or account's, in constant time."""
        return compare_digest(self.bind_digest, self.digest(bind))

    def is_refused(self, verifier: str) -> bool:
        """Say whether the provider has refused this verifier before."""
        return self.refusal is not None and compare_digest(self.refusal.verifier, self.digest(verifier))

    def status(self, verifier: str, now: float, *, saves: bool) -> Status:
        """Say what a call with this verifier may do. The checks are in order of precedence."""
        if self.outcome == DENIED:
            return Denied()
        if self.outcome is not None and not isinstance(self.outcome, str):
            if self.is_saved or not saves:
                return Done(self.outcome)
        elif self.refusal is not None and self.is_refused(verifier):
            return Refused(self.refusal.problem)
        if self.claim is not None and self.claim_expires_at > now:
            return Busy()
        if self.outcome is None and self.attempts >= _MOST_ATTEMPTS:
            return Exhausted()
        return Claimable()

    def claimed(self, claim: str, expires_at: float) -> PendingRecord:
        """Claim the exchange. The attempt counts at once, since a process that dies cannot count it later."""
        sends = self.outcome is None
        return replace(self, claim=claim, claim_expires_at=expires_at, attempts=self.attempts + sends)

    def released(self, *, attempt_counts: bool) -> PendingRecord:
        """End the claim. The attempt counts unless its outcome is known, or nothing was sent."""
        taken_back = self.outcome is None and not attempt_counts
        return replace(self, claim=None, claim_expires_at=0.0, attempts=self.attempts - taken_back)

    def refused(self, verifier: str, problem: Problem) -> PendingRecord:
        """End the claim and keep the provider's refusal, to raise it again."""
        kept = Problem(problem.status, problem.name, problem.advice, meaning=problem.meaning)
        freed = self.released(attempt_counts=False)
        return replace(freed, refusal=Refusal(self.digest(verifier), kept))

    def completed(self, token: AccessToken) -> PendingRecord:
        """End the claim with an access token, and erase what only the exchange needed."""
        return replace(self, claim=None, claim_expires_at=0.0, secret="", params={}, url="", outcome=token)

    def saved(self) -> PendingRecord:
        """Mark the access token as saved for its user, so that a reload does not save it again."""
        return replace(self, is_saved=True)

    def denied(self) -> PendingRecord:
        """End the handshake because the user has denied it."""
        return replace(self, claim=None, claim_expires_at=0.0, secret="", params={}, outcome=DENIED)

    def dump(self) -> SecretBytes:
        """Write the record.

        Raises:
            ValueError: If it is too long.
        """
        written: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self)}
        written["params"], written["data"] = dict(self.params), dict(self.data)
        if self.outcome is not None and not isinstance(self.outcome, str):
            written["outcome"] = token_fields(self.outcome)
        if self.refusal is not None:
            told = self.refusal.problem
            written["refusal"] = {
                "verifier": self.refusal.verifier,
                **{name: getattr(told, name) for name in _PROBLEM_TYPES},
            }
        return SecretBytes(dump_record(written))

    @classmethod
    def load(cls, record: bytes) -> PendingRecord:
        """Read the record.

        Raises:
            StoreCorrupt: If it is not a valid record.
        """
        try:
            return cls(**_fields(record))
        except StoreCorrupt as error:
            corrupt = error.with_traceback(None)  # without the traceback, which holds the record
        del record
        raise corrupt


def validate_bind(bind: str) -> None:
    """Check a binding.

    Raises:
        ValueError: If it is not a str, or empty.
    """
    if not isinstance(bind, str) or not bind:
        raise ValueError("bind must be a non-empty str that identifies one browser session or account")


def _fields(record: bytes) -> dict[str, Any]:
    read = load_record(record)
    _check(read, _TYPES)
    if isinstance(read["outcome"], dict):
        read["outcome"] = token_from_fields(read["outcome"])
    elif read["outcome"] not in {None, DENIED}:
        raise StoreCorrupt("a stored pending handshake has an invalid outcome")
    digests = [read["salt"], read["bind_digest"]]
    if isinstance(read["refusal"], dict):
        told = dict(read["refusal"])
        _check(told, {"verifier": (str,), **_PROBLEM_TYPES})
        digests.append(verifier := told.pop("verifier"))
        read["refusal"] = Refusal(verifier, Problem(**told))
    if not all(_HEXADECIMAL.fullmatch(str(digest)) for digest in digests):
        raise StoreCorrupt("a stored pending handshake has an invalid digest or salt")
    return read


_HEXADECIMAL = re.compile(r"[0-9a-f]{32}([0-9a-f]{32})?")
_TYPES: Mapping[str, tuple[type, ...]] = {
    "provider": (str,),
    "request_token": (str,),
    "secret": (str,),
    "params": (dict,),
    "data": (dict,),
    "url": (str,),
    "bind_digest": (str,),
    "salt": (str,),
    "claim": (str, type(None)),
    "claim_expires_at": (float, int),
    "attempts": (int,),
    "outcome": (dict, str, type(None)),
    "is_saved": (bool,),
    "refusal": (dict, type(None)),
}
_PROBLEM_TYPES: Mapping[str, tuple[type, ...]] = {
    "status": (int,),
    "name": (str, type(None)),
    "advice": (str, type(None)),
    "meaning": (str, type(None)),
}


def _check(read: Mapping[str, object], types: Mapping[str, tuple[type, ...]]) -> None:
    if read.keys() != types.keys():
        raise StoreCorrupt("a stored pending handshake has missing or unknown fields")
    for name, value in read.items():
        if type(value) not in types[name]:
            raise StoreCorrupt(f"the {name!r} of a stored pending handshake has the wrong type")
        if name not in {"params", "data"} or not isinstance(value, dict):
            continue
        if not all(isinstance(text, str) for text in value.values()):
            raise StoreCorrupt(f"the {name!r} of a stored pending handshake has the wrong type")
