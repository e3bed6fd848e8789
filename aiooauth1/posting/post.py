"""`Post`, a request to send for a user, and `Outcome`, what became of it."""

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
"""done: the provider accepted it. refused: the provider refused it. failed: it was not sent. unknown: it may
have been done. skipped: an earlier run of the same journal finished it, so it was not sent."""

MAX_BODY = 64 * 1024
"""The most bytes of a reply's body that an outcome keeps."""

_SECRET_FIELDS = frozenset({"authorization", "cookie", "proxy-authorization"})
_NAMES = frozenset({"id", "user", "url", "method", "data", "data_base64", "json", "params", "headers"})
_DIGEST_SIZE = 16
_USER_INFO = re.compile(r"[^/?#]*//[^/?#]*@")

Pairs = Mapping[str, str] | Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Post:
    """One signed request to send for one user. It holds no secret, and survives JSON unchanged.

    Args:
        id: Its name in the run and in the journal: unique, not empty.
        user: The application's own name for the user for whom it is sent, not empty.
        url: The URL, absolute or relative to the provider's `base_url`.
        method: The HTTP method.
        data: The body: form fields as a mapping or pairs of strings, or a `str` or `bytes` sent unchanged.
        json: A value to send as a JSON body, instead of `data`.
        params: Further query parameters, as a mapping or pairs of strings.
        headers: Further header fields, none of them secret.

    Raises:
        TypeError: If a value has a wrong type, or `json` cannot be written as JSON.
        ValueError: If a required value is empty, both `data` and `json` are given, or a header field or the
            URL holds a secret.

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
                raise ValueError(f"post {self.id!r} has data= and json=: pass one of them")
            if not isinstance(self.data, (str, bytes)):
                object.__setattr__(self, "data", _frozen(self.data, "data"))
        if self.json is not None:
            _dumped(self.json)
        if self.params is not None:
            object.__setattr__(self, "params", _frozen(self.params, "params"))
        if self.headers is not None:
            object.__setattr__(self, "headers", _public_fields(self.headers))

    def __reduce__(self) -> tuple[object, ...]:
        return Post.from_json, (self.to_json(),)  # a read-only mapping cannot be pickled

    def to_json(self) -> str:
        """Return the post as one line of JSON, without defaults. Equal posts give the same line."""
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
            text: JSON as written by `to_json`, or the parsed object.

        Raises:
            ValueError: If it is not a post. The message says why, and shows no value of it.
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
        """Return the arguments of `session.request` other than method, URL and user."""
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
    """What became of a post.

    Args:
        post: The post.
        status: `done`: the provider accepted it (a status below 400). `refused`: the provider did not accept
            it (a status of 400 or more). `failed`: it was not sent. `unknown`: it was sent, and no answer
            says whether it was done, or only that of a gateway (502, 504 …). `skipped`: an earlier run
            finished it.
        http_status: The reply's status, or None without a reply.
        body: The beginning of the reply's body, at most 64 KiB.
        error: Why it is not done, or None if it is, or if it was skipped.
        attempts: How many times this run sent it.
    """

    post: Post
    status: Status
    http_status: int | None = None
    body: bytes = b""
    error: Exception | None = None
    attempts: int = 0


def digest(post: Post) -> bytes:
    """Return a 16-byte hash, by which a journal recognises a post."""
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
        raise TypeError(f"{name} of a post must be a mapping of str to str, or pairs of str")
    return MappingProxyType(dict(found)) if isinstance(given, Mapping) else found


def _refuse_user_info(url: str) -> None:
    if _USER_INFO.match(url):
        raise ValueError("a post must hold no secrets: remove user and password from its URL")


def _public_fields(given: Mapping[str, str]) -> Pairs:
    if not isinstance(given, Mapping):
        raise TypeError("headers of a post must be a mapping of str to str")
    fields = _frozen(given, "headers")
    if secret := [name for name in given if name.lower() in _SECRET_FIELDS]:
        raise ValueError(f"a post must hold no secrets: remove {secret[0]!r} from its headers")
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
            "json of a post must consist of JSON values: dicts, lists, strings, finite numbers …"
        ) from None
