"""Where a request goes, and whether a signature may go there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from yarl import URL

from aiooauth1._internal.arguments import kind_of
from aiooauth1._internal.loopback import is_loopback
from aiooauth1.errors import SigningError
from aiooauth1.signing.methods import PLAINTEXT


if TYPE_CHECKING:
    from aiooauth1.signing.methods import SignatureMethod


__all__ = ["Origin", "RequestTarget", "check_proxy_url", "require_secure_transport"]


class Origin(NamedTuple):
    """Where a request goes: another host, port or scheme is another origin (RFC 6454)."""

    scheme: str
    host: str
    port: int | None

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"

    @classmethod
    def of(cls, url: URL) -> Origin:
        """Return a URL's origin."""
        return cls(url.scheme, (url.raw_host or "").lower(), url.port)

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine, by its name alone."""
        return is_loopback(self.host)


class RequestTarget(NamedTuple):
    """Where a call goes."""

    url: URL
    origin: Origin


def check_proxy_url(proxy: object) -> URL:
    """Return the URL of a proxy.

    Raises:
        TypeError: If it is neither text nor URL.
        ValueError: If it is not an http or https URL.
    """
    if not isinstance(proxy, (str, URL)):
        raise TypeError(f"proxy= must be a str or URL, not {kind_of(proxy)}")
    where = URL(proxy)
    if where.scheme not in {"http", "https"} or not where.raw_host:
        raise ValueError(
            "proxy= must be a URL such as http://proxy.example:3128, or None: for SOCKS give a connector of"
            " aiohttp-socks"
        )
    return where


def require_secure_transport(origin: Origin, signature_method: SignatureMethod, *, allow_http: bool) -> None:
    """Refuse what shows a signed request to everybody on the way (RFC 5849 sections 3.4.4 and 4).

    Raises:
        SigningError: If the origin is plain http, not loopback or with PLAINTEXT, and http is not allowed.
    """
    if origin.scheme == "https" or allow_http:
        return
    if signature_method.name == PLAINTEXT.name:
        raise SigningError("PLAINTEXT over http sends both secrets unencrypted: use https or an HMAC method")
    if not origin.is_loopback:
        raise SigningError(f"{origin.host!r} over plain http: use https, or allow_http=True if you must")
