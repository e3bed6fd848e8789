"""A post that is to be sent for a user, and what came of it: values, which go through JSON."""

from __future__ import annotations

import base64
import binascii
import json as json_module
import re
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from hashlib import blake2b
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal


if TYPE_CHECKING:
    from collections.abc import Iterable


__all__ = ["MAX_BODY", "Outcome", "Post", "Status", "digest"]

Status = Literal["done", "refused", "failed", "unknown", "skipped"]
"""Done: the provider accepted it. Refused: it did not. Failed: it was not sent. Unknown: it may have been
done. Skipped: an earlier run of the same journal finished it, and this one sent nothing."""

MAX_BODY = 64 * 1024
"""Bytes of a reply's body that an outcome keeps."""

_SECRET_FIELDS = frozenset({"authorization", "cookie", "proxy-authorization"})
_NAMES = frozenset({"id", "user", "url", "method", "data", "data_base64", "json", "params", "headers"})
_DIGEST_SIZE = 16
_USER_INFO = re.compile(r"[^/?#]*//[^/?#]*@")

Pairs = Mapping[str, str] | Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Post:
    """One signed request to send for one user. It holds no secret, and goes through JSON unchanged.

    Args:
        id: Its own name in the run, not empty: what the journal knows it by.
        user: For whom it is sent, by the application's own name for them, not empty.
        url: Where it goes, absolute or relative to the provider's `base_url`.
        method: The request method.
        data: The body: form fields as a mapping or as pairs of strings, or `str` or `bytes` as they are.
        json: A body to be sent as JSON, instead of `data`.
        params: More query parameters, a mapping or pairs of strings.
        headers: More header fields, none of which may hold a secret.

    Raises:
        TypeError: If a value has another type, or `json` is no JSON.
        ValueError: If a name is empty, both `data` and `json` are given, or a header field or the URL
            holds secrets.

    >>> post = Post("1", "ann", "posts", data={"status": "Hello"})
    >>> post.to_json()
    '{"data":{"status":"Hello"},"id":"1","url":"posts","user":"ann"}'
    >>> Post.from_json(post.to_json()) == post
    True
    """

    id: str
    user: str
    url: str
    _: KW_ONLY
    method: str = "POST"
    data: str | bytes | Pairs | None = field(default=None, hash=False)
    json: Any = field(default=None, hash=False)
    params: Pairs | None = field(default=None, hash=False)
    headers: Mapping[str, str] | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        for name, value in (("id", self.id), ("user", self.user), ("url", self.url), ("method", self.method)):
            if not isinstance(value, str):
                raise TypeError(f"{name} of a post must be a str, not {type(value).__name__}")
            if not value:
                raise ValueError(f"{name} of a post must not be empty")
        _refuse_user_info(self.url)
        if self.data is not None:
            if self.json is not None:
                raise ValueError(f"post {self.id!r} has data= and json=: give one")
            if not isinstance(self.data, (str, bytes)):
                object.__setattr__(self, "data", _frozen(self.data, "data"))
        if self.json is not None:
            _dumped(self.json)
        if self.params is not None:
            object.__setattr__(self, "params", _frozen(self.params, "params"))
        if self.headers is not None:
            object.__setattr__(self, "headers", _public_fields(self.headers))

    def __reduce__(self) -> tuple[object, ...]:
        return Post.from_json, (self.to_json(),)  # a read-only mapping is not pickled

    def to_json(self) -> str:
        """Return it as one line of JSON, the same for equal posts; what is left out has its default."""
        fields: dict[str, Any] = {"id": self.id, "user": self.user, "url": self.url}
        if self.method != "POST":
            fields["method"] = self.method
        if isinstance(self.data, bytes):
            fields["data_base64"] = base64.b64encode(self.data).decode("ascii")
        elif self.data is not None:
            fields["data"] = _thawed(self.data)
        if self.json is not None:
            fields["json"] = self.json
        if self.params is not None:
            fields["params"] = _thawed(self.params)
        if self.headers is not None:
            fields["headers"] = dict(self.headers)
        return _dumped(fields)

    @classmethod
    def from_json(cls, text: str | bytes | Mapping[str, Any]) -> Post:
        """Read a post.

        Args:
            text: JSON as `to_json` writes it, or the object that it stands for.

        Raises:
            ValueError: If it is none. The message says why, and shows no value of it.
        """
        fields = _object(text)
        if unknown := sorted(fields.keys() - _NAMES):
            raise ValueError(f"unknown key {unknown[0][:40]!r}: a post has {', '.join(sorted(_NAMES))}")
        if missing := [name for name in ("id", "user", "url") if name not in fields]:
            raise ValueError(f'"{missing[0]}" is missing')
        if "data_base64" in fields:
            if fields.get("data") is not None:
                raise ValueError('"data" and "data_base64" are both there: give one')
            try:
                fields["data"] = base64.b64decode(fields.pop("data_base64"), validate=True)
            except (binascii.Error, TypeError, ValueError):
                raise ValueError('"data_base64" is not base64') from None
        for name in ("id", "user", "url"):
            if not isinstance(fields[name], str):
                raise ValueError(f'"{name}" is not a string')  # noqa: TRY004  callers catch one error
        try:
            return cls(fields.pop("id"), fields.pop("user"), fields.pop("url"), **fields)
        except TypeError as error:
            raise ValueError(str(error)) from None

    def options(self) -> dict[str, Any]:
        """Return what a session's `request` takes beside method, URL and user."""
        return {
            name: value
            for name, value in (
                ("data", self.data),
                ("json", self.json),
                ("params", self.params),
                ("headers", self.headers),
            )
            if value is not None
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a post.

    Args:
        post: The post.
        status: `done`: the provider accepted it (a status below 400). `refused`: it did not, and nothing was
            done. `failed`: it was not sent. `unknown`: it was sent, and whether it was done is not known.
            `skipped`: an earlier run finished it.
        http_status: The status of the reply; None: there was none.
        body: The beginning of the reply's body, at most 64 KiB.
        error: Why it is not done; None: it is, or the journal of an earlier run does not say.
        attempts: How many times it was sent in this run.
    """

    post: Post
    status: Status
    http_status: int | None = None
    body: bytes = b""
    error: Exception | None = None
    attempts: int = 0


def digest(post: Post) -> bytes:
    """Return 16 bytes that differ for posts that differ: by them a journal knows a post again."""
    return blake2b(post.to_json().encode("utf-8", "surrogatepass"), digest_size=_DIGEST_SIZE).digest()


def _object(text: str | bytes | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(text, Mapping):
        return dict(text)
    try:
        found = json_module.loads(text)
    except json_module.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at character {error.pos + 1}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8: byte {error.start + 1}") from None
    except RecursionError:
        raise ValueError("not JSON that can be read: nested too deep") from None
    if not isinstance(found, dict):
        raise ValueError('not an object with "id", "user" and "url"')  # noqa: TRY004  callers catch one error
    return found


def _frozen(given: Any, name: str) -> Pairs:
    pairs: Iterable[Any] = given.items() if isinstance(given, Mapping) else given
    try:
        found = tuple((key, value) for key, value in pairs)
    except (TypeError, ValueError):
        found = ((None, None),)
    if not all(isinstance(key, str) and isinstance(value, str) for key, value in found):
        raise TypeError(f"{name} of a post must be a mapping or pairs of str, not other values")
    return MappingProxyType(dict(found)) if isinstance(given, Mapping) else found


def _refuse_user_info(url: str) -> None:
    if _USER_INFO.match(url):
        raise ValueError("a post holds no secrets: take user and password out of its URL")


def _public_fields(given: Mapping[str, str]) -> Pairs:
    if not isinstance(given, Mapping):
        raise TypeError("headers of a post must be a mapping of str to str")
    fields = _frozen(given, "headers")
    if secret := [name for name in given if name.lower() in _SECRET_FIELDS]:
        raise ValueError(f"a post holds no secrets: take {secret[0]!r} out of its headers")
    return fields


def _thawed(given: str | Pairs) -> str | dict[str, str] | list[tuple[str, str]]:
    if isinstance(given, str):
        return given
    return dict(given) if isinstance(given, Mapping) else list(given)


def _dumped(value: Any) -> str:
    try:
        return json_module.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise TypeError(
            "json of a post must be what JSON has: objects, arrays, strings, finite numbers …"
        ) from None
