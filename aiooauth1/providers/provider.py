"""What a consumer knows of a service provider: data, no callables."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, fields
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from aiooauth1.errors import SigningError
from aiooauth1.signing.base_string import parse_url
from aiooauth1.signing.methods import HMAC_SHA1
from aiooauth1.signing.rules import SigningRules


if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from aiooauth1.signing.methods import SignatureMethod


__all__ = ["Placement", "Provider", "ProviderSunsetWarning"]

Placement = Literal["header", "query", "body"]
"""Where the `oauth_` parameters of a request go (RFC 5849 section 3.5)."""

_URLS = ("request_token_url", "authorize_url", "access_token_url", "base_url")
_PLACEMENTS = ("placement", "request_token_placement", "access_token_placement")
_METHODS = ("request_token_method", "access_token_method")
_PARAMS = ("request_params", "authorize_params")
_TOKEN_NAMES = ("authorize_token_name", "callback_token_name")


class ProviderSunsetWarning(UserWarning):
    """The provider has named the day on which it ends OAuth 1.0a."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A service provider (RFC 5849: server): where it is, and how it departs from the RFC.

    Everything but the name has a default, which is the RFC's. A departure that weakens the handshake says so
    by its name.

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
        rules: How it departs from RFC 5849 in what is signed.
        placement: Where the `oauth_` parameters of API calls go.
        request_token_placement: Where those of the first leg go.
        access_token_placement: Where those of the third leg go.
        request_token_method: POST or GET.
        access_token_method: POST or GET.
        request_params: More parameters of every request for a request token, signed: in the form of a POST,
            the query of a GET.
        authorize_params: More parameters of every authorize URL.
        authorize_token_name: What the authorize URL calls the request token.
        authorize_consumer_name: What it calls the consumer key; empty: it has none.
        callback_token_name: What the callback calls the request token.
        sign_authorize_url: Whether the authorize URL is signed, with the consumer secret alone.
        json_token_replies: Whether tokens come as a JSON object.
        denied_by_empty_verifier: Whether an empty verifier in the callback means that the user said no.
        php_arrays: Whether repeated parameters are numbered as PHP has it: `a[0]=…&a[1]=…`.
        sign_multipart_text: Whether the text fields of multipart bodies are signed as if they were a form's.
        monotonic_timestamps: Whether it refuses a timestamp before the last one.
        nonce_length: How many characters nonces have.
        needs_user_agent: Whether it refuses requests that do not name their consumer in User-Agent.
        user_agent: That User-Agent, yours: `dataclasses.replace(TUMBLR, user_agent="my-service/1.0")`.
        allow_http: Whether requests may go over plain http.
        signs_calls: Whether API calls are signed at all; if not, the access token is a key for unsigned ones.
        sunset: The last day of OAuth 1.0a there; using the provider warns.
        insecure_unconfirmed_callback: Whether a reply without `oauth_callback_confirmed` is taken. That lets
            an attacker have a victim approve the attacker's handshake.
        insecure_without_verifier: Whether a callback without a verifier is taken. Likewise.
        insecure_oauth_10: Whether it speaks OAuth 1.0: the callback goes on the authorize URL, nothing
            confirms it, and there is no verifier. Likewise.

    Raises:
        ValueError: If the name is empty or a value malformed; the message says which.

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
    placement: Placement = "header"
    request_token_placement: Placement = "header"
    access_token_placement: Placement = "header"
    request_token_method: str = "POST"
    access_token_method: str = "POST"
    request_params: Mapping[str, str] = field(default_factory=dict, hash=False)
    authorize_params: Mapping[str, str] = field(default_factory=dict, hash=False)
    authorize_token_name: str = "oauth_token"
    authorize_consumer_name: str = ""
    callback_token_name: str = "oauth_token"
    sign_authorize_url: bool = False
    json_token_replies: bool = False
    denied_by_empty_verifier: bool = False
    php_arrays: bool = False
    sign_multipart_text: bool = False
    monotonic_timestamps: bool = False
    nonce_length: int = 30
    needs_user_agent: bool = False
    user_agent: str | None = None
    allow_http: bool = False
    signs_calls: bool = True
    sunset: date | None = None
    insecure_unconfirmed_callback: bool = False
    insecure_without_verifier: bool = False
    insecure_oauth_10: bool = False

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a provider needs a name: tokens are stored under it")
        object.__setattr__(self, "origins", tuple(self.origins))
        for name in _PARAMS:
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        for name in _URLS:
            self._check_url(name, getattr(self, name))
        for url in self.origins:
            self._check_url("origins", url)
        if self.base_url and not parse_url(self.base_url).path.endswith("/"):
            raise ValueError(
                f"base_url of {self.name!r} must end in '/': joining a relative URL drops what stands behind"
                " the last one"
            )
        self._check_choices()

    def __reduce__(self) -> tuple[object, ...]:
        # Made anew from what was given: a read-only mapping is neither pickled nor deeply copied.
        given = {one.name: getattr(self, one.name) for one in fields(self) if one.init}
        return partial(type(self), **given | {name: dict(given[name]) for name in _PARAMS}), ()

    def _check_choices(self) -> None:
        for name in _PLACEMENTS:
            if getattr(self, name) not in {"header", "query", "body"}:
                raise ValueError(f"{name} of {self.name!r} must be 'header', 'query' or 'body'")
        for name in _METHODS:
            if getattr(self, name) not in {"GET", "POST"}:
                raise ValueError(f"{name} of {self.name!r} must be 'GET' or 'POST'")
            if getattr(self, name) == "GET" and getattr(self, name.replace("method", "placement")) == "body":
                raise ValueError(f"{name} of {self.name!r} is GET, which has no body for the parameters")
        for name in _TOKEN_NAMES:
            if not getattr(self, name):
                raise ValueError(f"{name} of {self.name!r} must not be empty: the request token needs a name")
        if self.nonce_length < 1:
            raise ValueError(f"nonce_length of {self.name!r} must be 1 or more")

    def _check_url(self, name: str, url: str) -> None:
        if not url:
            return
        if "#" in url:
            raise ValueError(f"{name} of {self.name!r} has a fragment, behind which no query may stand")
        try:
            parse_url(url)
        except SigningError as error:
            reason = str(error)
        else:
            return
        raise ValueError(f"{name} of {self.name!r}: {reason}")

    def warn_of_sunset(self) -> None:
        """Warn of the day on which OAuth 1.0a ends there, if that is known.

        It is called by what is made to use the provider.
        """
        if self.sunset is not None:
            warnings.warn(
                f"{self.name!r} takes OAuth 1.0a until {self.sunset:%Y-%m-%d} only",
                ProviderSunsetWarning,
                stacklevel=4,
            )

    def signed_origins(self) -> frozenset[str]:
        """Return the origins whose requests are signed: those of `base_url`, the endpoints and `origins`."""
        urls = (*(getattr(self, name) for name in _URLS), *self.origins)
        return frozenset(parse_url(url).origin for url in urls if url)
