"""What a consumer knows of a service provider: data, no callables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiooauth1.errors import SigningError
from aiooauth1.signing.base_string import parse_url
from aiooauth1.signing.methods import HMAC_SHA1
from aiooauth1.signing.rules import SigningRules


if TYPE_CHECKING:
    from aiooauth1.signing.methods import SignatureMethod


__all__ = ["Provider"]


@dataclass(frozen=True, slots=True)
class Provider:
    """A service provider (RFC 5849: server): where it is, and how it wants requests signed.

    Args:
        name: The namespace of its tokens in stores, not empty: one for each provider, tenant and consumer.
        request_token_url: Where a request token is had (RFC 5849 section 2.1), absolute.
        authorize_url: Where the user approves (section 2.2), absolute.
        access_token_url: Where request token and verifier become an access token (section 2.3), absolute.
        base_url: What relative URLs of API calls are joined to, absolute and ending in `/`.
        origins: More origins (`https://host` or `https://host:port`) whose requests are signed, besides those
            of the URLs above.
        signature_method: How to sign.
        realm: The realm of the Authorization header; None: none is sent.
        rules: How the provider departs from RFC 5849 in what is signed.

    Raises:
        ValueError: If the name is empty, or a URL is not absolute http or https; the message says which.

    >>> provider = Provider("photos", base_url="https://api.photos.example/2/")
    >>> sorted(provider.signed_origins())
    ['https://api.photos.example']
    """

    name: str
    request_token_url: str = ""
    authorize_url: str = ""
    access_token_url: str = ""
    base_url: str = ""
    origins: tuple[str, ...] = ()
    signature_method: SignatureMethod = HMAC_SHA1
    realm: str | None = None
    rules: SigningRules = SigningRules()

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a provider needs a name: tokens are stored under it")
        object.__setattr__(self, "origins", tuple(self.origins))
        for field in ("request_token_url", "authorize_url", "access_token_url", "base_url"):
            if url := getattr(self, field):
                self._origin(url, field)
        for url in self.origins:
            self._origin(url, "origins")
        if self.base_url and not parse_url(self.base_url).path.endswith("/"):
            raise ValueError(
                f"base_url of {self.name!r} must end in '/': joining a relative URL drops what stands behind"
                " the last one"
            )

    def _origin(self, url: str, field: str) -> str:
        try:
            return parse_url(url).origin
        except SigningError as error:
            raise ValueError(f"{field} of {self.name!r}: {error}") from None

    def signed_origins(self) -> frozenset[str]:
        """Return the origins whose requests are signed: those of `base_url`, the endpoints and `origins`."""
        urls = (
            self.request_token_url,
            self.authorize_url,
            self.access_token_url,
            self.base_url,
            *self.origins,
        )
        return frozenset(parse_url(url).origin for url in urls if url)
