"""Sites that users name: their addresses, checked before anything connects there. Pure."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from aiooauth1._internal.loopback import is_loopback


__all__ = ["Site", "origin_of"]

_PORTS = {"https": 443, "http": 80}


class Site(NamedTuple):
    """Where a site is: its origin, and its path without a `/` at the end."""

    origin: str
    path: str

    @property
    def base(self) -> str:
        """The site's address, without a `/` at the end."""
        return f"{self.origin}{self.path}"

    @classmethod
    def of(cls, address: str, *, allow_http: bool = False) -> Site:
        """Read the address of a site.

        Args:
            address: `https://example.org` or `https://example.org/blog`.
            allow_http: Whether it may be plain http on another machine than this one.

        Raises:
            TypeError: If it is not a str.
            ValueError: If it is not such an address; the message shows the right form.
        """
        if not isinstance(address, str):
            raise TypeError(f"the site must be a str, not {type(address).__name__}")
        parts = _split(address)
        is_secure = parts is not None and parts.scheme == "https"
        is_plain = parts is not None and parts.scheme == "http"
        if parts is None or not (
            is_secure or (is_plain and (allow_http or is_loopback(parts.hostname or "")))
        ):
            raise ValueError("the site must be an https address such as 'https://example.org/blog'")
        if parts.query or parts.fragment or "?" in address or "#" in address or "@" in parts.netloc:
            raise ValueError(
                "the site must have no user name, query or fragment: write it as 'https://example.org/blog'"
            )
        return cls(origin_of(address), parts.path.rstrip("/"))


def origin_of(url: str) -> str:
    """Return the origin of an http or https URL, or an empty string for any other text."""
    parts = _split(url)
    if parts is None or parts.scheme not in _PORTS:
        return ""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port in {None, _PORTS[parts.scheme]} else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    is_clean = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    return parts if parts.hostname and is_clean else None
