"""What an error of redis-py means for an operation, and how to tell it without showing a command. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass


__all__ = ["Trouble", "trouble"]

# What Redis refuses with, and what to do about it. Out of a script most of them come as an error without a
# type of its own, so they are known by their text as well.
_REFUSALS = {
    "ASK": "its slots are being moved: use a Cluster client, or redis+cluster:// in the URL",
    "BUSY": "a script that is not ours keeps it busy",
    "CLUSTERDOWN": "the Cluster is down",
    "CROSSSLOT": "the Cluster does not take the key",
    "LOADING": "it is loading its data",
    "MASTERDOWN": "it is a replica, and its primary is down",
    "MISCONF": "it cannot write to its disk",
    "MOVED": "it is part of a Cluster: use a Cluster client, or redis+cluster:// in the URL",
    "NOAUTH": "it wants a password",
    "NOPERM": "its user may not do this: it needs EVAL, EVALSHA, GET, SET and SCAN",
    "NOREPLICAS": "it has fewer replicas than it must have",
    "NOSCRIPT": "it does not know the script",
    "OOM": "it is out of memory (maxmemory)",
    "READONLY": "it is a replica, which takes no writes",
    "TRYAGAIN": "its slots are being moved",
    "WRONGPASS": "it does not take the user name and password",
    "WRONGTYPE": "what stands there is not a string",
}
_PASSING = {"CLUSTERDOWN", "LOADING", "MASTERDOWN", "TRYAGAIN"}  # a failover or a start, which soon ends
_CODE = re.compile(r"\b(?:" + "|".join(_REFUSALS) + r")\b")
_TYPES = {
    "AskError": "ASK",
    "AuthenticationError": "WRONGPASS",
    "AuthorizationError": "NOAUTH",
    "BusyLoadingError": "LOADING",
    "ClusterCrossSlotError": "CROSSSLOT",
    "ClusterDownError": "CLUSTERDOWN",
    "MasterDownError": "MASTERDOWN",
    "MovedError": "MOVED",
    "NoPermissionError": "NOPERM",
    "NoScriptError": "NOSCRIPT",
    "OutOfMemoryError": "OOM",
    "ReadOnlyError": "READONLY",
    "TryAgainError": "TRYAGAIN",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a command has no good reply."""

    says: str
    """It in words, without anything of the command."""
    code: str | None
    """The word that Redis refuses with; None if it does not refuse."""
    passing: bool
    """Whether it may soon be over, so that repeating the command is worth while."""
    maybe_done: bool
    """Whether the command may have been done nevertheless."""


def trouble(error: Exception) -> Trouble:
    """Tell what an error that came from redis-py means.

    >>> trouble(TimeoutError("Timeout reading from localhost:6379"))
    Trouble(says='the connection failed (TimeoutError)', code=None, passing=True, maybe_done=True)
    """
    name = type(error).__name__
    code = _code(error)
    if code is not None:
        return Trouble(f"Redis refuses: {_REFUSALS[code]} ({code})", code, code in _PASSING, maybe_done=False)
    if "ResponseError" in _kinds(error):
        return Trouble(
            f"Redis refuses ({name}): its log may tell why", "ERR", passing=False, maybe_done=False
        )
    # redis-py lets all kinds of errors out when a connection goes while it is being used.
    sent = name != "MaxConnectionsError"
    return Trouble(f"the connection failed ({name})", None, passing=True, maybe_done=sent)


def _code(error: Exception) -> str | None:
    for kind in _kinds(error):
        if kind in _TYPES:
            return _TYPES[kind]
    # By its text only what Redis said: a connection's error may show anything, such as the name of a host.
    found = _CODE.search(str(error)) if "ResponseError" in _kinds(error) else None
    return found.group() if found is not None else None


def _kinds(error: Exception) -> list[str]:
    return [kind.__name__ for kind in type(error).__mro__]
