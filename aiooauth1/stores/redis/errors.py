"""What an error of redis-py means for an operation, and how to tell it without showing a command. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass


__all__ = ["RedisFailure", "classify"]

# What Redis refuses with, and what to do about it. Out of a script most of them come as an error without a
# type of its own, so they are known by their text as well.
_REFUSALS = {
    "ASK": "its slots are being moved: use a Cluster client, or redis+cluster:// in the URL",
    "DENIED": "it takes no clients from other machines (protected mode): give it a password",
    "DB index": "it has no database of that number: use a lower one, or raise its setting `databases`",
    "unknown command": "it does not know the command: RedisStore needs Redis 6.2 or later with Lua scripts",
    "syntax error": "it does not know an option of SET: RedisStore needs Redis 6.2 or later",
    "request limit exceeded": "its plan's requests are spent",
    "requests limit exceeded": "its plan's requests are spent",
    "max number of clients": "it has as many clients as it takes (maxclients)",
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
    "WRONGTYPE": "the key holds another Redis type",
}
# A failover, a start or too many clients: it soon passes.
_PASSING = {"CLUSTERDOWN", "LOADING", "MASTERDOWN", "TRYAGAIN", "max number of clients"}
_CODE = re.compile(r"\b(?:" + "|".join(_REFUSALS) + r")\b")
_MOST_CAUSES = 8
_NO_PASSWORD = ("Authentication required", "HELLO must be called")
_AS_CONNECTION = {"max number of clients reached": "max number of clients", "DB index": "DB index"}
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
class RedisFailure:
    """Why a command has no good reply."""

    message: str
    """It in words, without anything of the command."""
    code: str | None
    """The word that Redis refuses with; None if it does not refuse."""
    transient: bool
    """Whether it may soon be over, so that repeating the command is worth while."""
    maybe_applied: bool
    """Whether the command may have been done nevertheless."""


def classify(error: Exception) -> RedisFailure:
    """Tell what an error that came from redis-py means.

    >>> classify(TimeoutError("Timeout reading from localhost:6379")).message
    'the connection failed (TimeoutError)'
    """
    name = type(error).__name__
    code = _code(error)
    if code is not None:
        return RedisFailure(
            f"it refuses: {_REFUSALS[code]} ({code})", code, code in _PASSING, maybe_applied=False
        )
    if "ResponseError" in _kinds(error):
        return RedisFailure(
            f"it refuses ({name}): its log may tell why", "ERR", transient=False, maybe_applied=False
        )
    # redis-py lets all kinds of errors out when a connection goes while it is being used.
    sent = name != "MaxConnectionsError"
    return RedisFailure(_connection(error, name), None, transient=True, maybe_applied=sent)


# Why there is no connection, by the class of an error or of what it came from. The first that fits counts.
_CONNECTIONS = {
    "SSLCertVerificationError": "its TLS certificate is not trusted: check ssl_ca_certs and the host name",
    "SSLError": "TLS failed: does the port speak TLS (rediss://)",
    "gaierror": "its host name is not known (DNS)",
    "ConnectionRefusedError": "the connection was refused: does a server listen there",
    "FileNotFoundError": "there is no such socket",
    "PermissionError": "its socket may not be opened",
    "ConnectionResetError": "the connection was reset",
    "InvalidResponse": "what answers there does not speak Redis's protocol: check host and port",
}


def _connection(error: BaseException, name: str) -> str:
    seen: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and len(seen) < _MOST_CAUSES:
        seen.append(cause)
        cause = cause.__cause__ or cause.__context__
    kinds = {kind for one in seen for kind in _kinds(one)}
    said = next((words for kind, words in _CONNECTIONS.items() if kind in kinds), None)
    if said is None and any("refused" in str(one).lower() for one in seen):
        said = _CONNECTIONS["ConnectionRefusedError"]  # several addresses, each refused
    return f"{said} ({name})" if said is not None else f"the connection failed ({name})"


def _code(error: Exception) -> str | None:
    kinds = _kinds(error)
    if "AuthenticationError" in kinds and str(error).startswith(_NO_PASSWORD):
        return "NOAUTH"  # redis-py has one class for it and for a wrong password
    if kinds[0] == "ConnectionError":
        # What redis-py makes of two refusals: these are its own words, and the server's.
        return next((code for words, code in _AS_CONNECTION.items() if str(error).startswith(words)), None)
    for kind in kinds:
        if kind in _TYPES:
            return _TYPES[kind]
    # By its text only what Redis said: a connection's error may show anything, such as the name of a host.
    found = _CODE.search(str(error)) if "ResponseError" in kinds else None
    return found.group() if found is not None else None


def _kinds(error: BaseException) -> list[str]:
    return [kind.__name__ for kind in type(error).__mro__]
