"""What a consumer holds: its own credentials, and the tokens that a provider gave it.

OAuth Core 1.0a's words, with RFC 5849's in parentheses where a thing is defined.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, NoReturn, Self


if TYPE_CHECKING:
    from collections.abc import Mapping


__all__ = ["AccessToken", "Consumer", "RequestToken"]

_NOTHING: Mapping[str, str] = MappingProxyType({})  # one for all tokens without params: they are many


def _frozen(params: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(params)) if params else _NOTHING


class _Credentials:
    """What all three share: two texts, shown and pickled without the secret, which is: not at all."""

    __slots__ = ()

    key: str
    secret: str

    def __post_init__(self) -> None:
        for name in ("key", "secret"):
            if not isinstance(getattr(self, name), str):
                given = type(getattr(self, name)).__name__
                raise TypeError(f"{type(self).__name__}: {name} must be a str, not {given}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(key={self.key!r}, secret=***)"

    def __copy__(self) -> Self:
        return self  # immutable

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} is not pickled, since it holds a secret: keep tokens in a token store"
        )


@dataclass(frozen=True, slots=True, repr=False)
class Consumer(_Credentials):
    """The service that asks for access, as the provider has it registered (RFC 5849: client credentials).

    Args:
        key: The consumer key, any text (RFC 5849: client identifier).
        secret: The consumer secret, any text, which may be empty. It never shows in `repr`.

    Raises:
        TypeError: If one of them is not a `str`.

    >>> Consumer("dpf43f3p2l4k3l03", "kd94hf93k423kf44")
    Consumer(key='dpf43f3p2l4k3l03', secret=***)
    """

    key: str
    secret: str


@dataclass(frozen=True, slots=True, repr=False)
class RequestToken(_Credentials):
    """What a handshake begins with, not yet worth anything by itself (RFC 5849: temporary credentials).

    Args:
        key: The token, any text.
        secret: Its secret, any text, which may be empty. It never shows in `repr`.
        callback_confirmed: Whether the provider said `oauth_callback_confirmed=true` (RFC 5849 section 2.1).
        params: What else the provider sent with it. Copied, read-only, and left out of the hash.

    Raises:
        TypeError: If key or secret is not a `str`.
    """

    key: str
    secret: str
    callback_confirmed: bool = field(default=True, kw_only=True)
    params: Mapping[str, str] = field(default_factory=dict, kw_only=True, hash=False)

    def __post_init__(self) -> None:
        _Credentials.__post_init__(self)
        object.__setattr__(self, "params", _frozen(self.params))


@dataclass(frozen=True, slots=True, repr=False)
class AccessToken(_Credentials):
    """With it the service acts for one user (RFC 5849: token credentials).

    Args:
        key: The token, any text.
        secret: Its secret, any text, which may be empty. It never shows in `repr`.
        params: What else the provider sent with it (`user_id`, `screen_name` …). Copied, read-only, and left
            out of the hash.
        expires_at: When it expires, in seconds since the epoch; None if the provider does not say.

    Raises:
        TypeError: If key or secret is not a `str`.

    >>> token = AccessToken("nnch734d00sl2jdk", "pfkkdhi9sl3r4s00", params={"screen_name": "ann"})
    >>> token.params["screen_name"]
    'ann'
    """

    key: str
    secret: str
    params: Mapping[str, str] = field(default_factory=dict, kw_only=True, hash=False)
    expires_at: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        _Credentials.__post_init__(self)
        object.__setattr__(self, "params", _frozen(self.params))
