"""What a consumer holds: its own credentials, and the tokens that a provider gave it.

OAuth Core 1.0a's words, with RFC 5849's in parentheses where a thing is defined.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NoReturn, Self


__all__ = ["AccessToken", "Consumer", "RequestToken"]

_NOTHING: Mapping[str, str] = MappingProxyType({})  # shared by all tokens without params


def _frozen(kind: type, params: Mapping[str, str]) -> Mapping[str, str]:
    if not isinstance(params, Mapping):
        raise TypeError(f"{kind.__name__}: params must be a mapping, not {type(params).__name__}")
    return MappingProxyType(dict(params)) if params else _NOTHING


class _Credentials:
    """A key and a secret, of which the secret is neither shown nor pickled."""

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

    `repr`, logs and tracebacks never show the secret. `dataclasses.asdict` and `astuple` do, since they give
    every field. The same holds for tokens.

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
        object.__setattr__(self, "params", _frozen(type(self), self.params))


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
        object.__setattr__(self, "params", _frozen(type(self), self.params))
        if self.expires_at is not None and (
            isinstance(self.expires_at, bool) or not isinstance(self.expires_at, (int, float))
        ):
            given = type(self.expires_at).__name__
            raise TypeError(f"AccessToken: expires_at must be seconds since the epoch, not {given}")

    @classmethod
    def from_params(cls, params: Mapping[str, object]) -> Self:
        """Make a token from a mapping: a provider's reply, another library's token, or a result of `to_dict`.

        Args:
            params: `oauth_token` and `oauth_token_secret`, or `key` and `secret`. A mapping in `params` and
                every other text, number or boolean become the token's `params`; `expires_at` is in seconds
                since the epoch.

        Raises:
            TypeError: If it is not a mapping, or the token or its secret is not a `str`.
            ValueError: If the token or its secret is missing.

        >>> AccessToken.from_params({"oauth_token": "k", "oauth_token_secret": "s", "user_id": 7}).params
        mappingproxy({'user_id': '7'})
        """
        if not isinstance(params, Mapping):
            raise TypeError(f"AccessToken.from_params() takes a mapping, not {type(params).__name__}")
        left = dict(params)
        found: dict[str, object] = {}
        for field_name, names in _NAMES.items():
            name = next((name for name in names if left.get(name) is not None), None)
            if name is None:
                raise ValueError(f"AccessToken.from_params() needs {names[0]} (or {names[1]})")
            found[field_name] = left.pop(name)
        expires_at = left.pop("expires_at", None)
        inner = left.pop("params", None)
        rest = {**left, **(inner if isinstance(inner, Mapping) else {})}
        texts = {
            str(name): value if isinstance(value, str) else json.dumps(value)
            for name, value in rest.items()
            if isinstance(value, (str, int, float))
        }
        # The constructor checks the types of what was given.
        given: dict[str, Any] = {**found, "params": texts, "expires_at": expires_at}
        return cls(**given)

    def to_dict(self, *, reveal: bool) -> dict[str, object]:
        """Return the token as a plain dict, for a file or database of your own. `from_params` reads it back.

        Args:
            reveal: True, said aloud: the dict holds the secret in the clear.

        Raises:
            ValueError: If `reveal` is not True.

        >>> AccessToken("k", "s").to_dict(reveal=True)
        {'oauth_token': 'k', 'oauth_token_secret': 's', 'params': {}, 'expires_at': None}
        """
        if reveal is not True:
            raise ValueError("to_dict(reveal=True) gives the secret in the clear: say so")
        return {
            "oauth_token": self.key,
            "oauth_token_secret": self.secret,
            "params": dict(self.params),
            "expires_at": self.expires_at,
        }


_NAMES = {"key": ("oauth_token", "key"), "secret": ("oauth_token_secret", "secret")}
