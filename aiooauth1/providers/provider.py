"""What a consumer knows of a service provider, as data."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, fields
from functools import partial
from typing import TYPE_CHECKING, Literal

from aiooauth1.providers.validation import (
    ENDPOINTS,
    MAPPINGS,
    SIGNED_URLS,
    EndpointName,
    check_values,
    normalized,
)
from aiooauth1.signing.base_string import parse_url
from aiooauth1.signing.methods import HMAC_SHA1
from aiooauth1.signing.rules import SigningRules


if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from aiooauth1.providers.rate_limit_rule import RateLimitRule
    from aiooauth1.signing.methods import SignatureMethod


__all__ = ["RFC_5849", "Endpoint", "EndpointName", "Placement", "Provider", "ProviderSunsetWarning"]

Placement = Literal["header", "query", "body"]
"""Where the `oauth_` parameters of a request go (RFC 5849 section 3.5)."""


class ProviderSunsetWarning(UserWarning):
    """The provider has named the day on which it ends OAuth 1.0a."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One of a provider's endpoints.

    Attributes:
        url: Its absolute URL, empty if the provider has no such endpoint.
        method: `GET` or `POST`.
        placement: Where the `oauth_` parameters go.
    """

    url: str
    method: str
    placement: Placement


@dataclass(frozen=True, slots=True)
class Provider:
    """A service provider (RFC 5849: server): its URLs, and how it departs from the RFC.

    Every argument but the name has a default, which is the RFC's rule. An option that weakens the handshake
    has a name that begins with `insecure_`. To change a value: `dataclasses.replace(TUMBLR, user_agent="…")`.

    Args:
        name: The namespace of its tokens in stores, not empty: one for each provider, tenant and consumer.
        request_token_url: Where a request token is fetched (RFC 5849 section 2.1), absolute.
        authorize_url: Where the user approves (section 2.2), absolute.
        access_token_url: Where a request token and its verifier are exchanged for an access token
            (section 2.3), absolute.
        base_url: What relative URLs of API calls are joined to, absolute and ending in `/`.
        origins: More origins (`https://host` or `https://host:port`) whose requests are signed, besides those
            of the URLs above and of `renew_url` and `revoke_url`.
        signature_method: How to sign. The name of a method without a key, such as `"HMAC-SHA256"`, is
            accepted and replaced by the method.
        realm: The realm of the Authorization header, or None to send none.
        rules: How it departs from RFC 5849 in what is signed.
        placement: Where the `oauth_` parameters of API calls go.
        request_token_placement: Where those of the request for a request token go.
        access_token_placement: Where those of the exchange go, and those of renewal and revocation.
        request_token_method: `POST` or `GET`.
        access_token_method: `POST` or `GET`.
        request_params: More signed parameters of every request for a request token: in the form of a POST, in
            the query of a GET.
        authorize_params: More parameters of every authorize URL.
        authorize_token_name: What the authorize URL calls the request token.
        authorize_consumer_name: What it calls the consumer key; empty if the key is not sent.
        callback_token_name: What the callback calls the request token.
        sign_authorize_url: Whether the authorize URL is signed, with the consumer secret alone.
        json_token_replies: Whether tokens come as a JSON object.
        denied_by_empty_verifier: Whether an empty verifier in the callback means that the user said no.
        php_arrays: Whether repeated parameters of `params=` and `data=` are numbered as PHP does it:
            `a[0]=…&a[1]=…`. A query in the URL's own text goes out as it is.
        sign_multipart_text: Whether the text fields of multipart bodies are signed like a form's.
        monotonic_timestamps: Whether it refuses a timestamp before the last one.
        nonce_length: How many characters nonces have.
        needs_user_agent: Whether it refuses requests whose User-Agent does not name the consumer.
        user_agent: Your User-Agent: `dataclasses.replace(TUMBLR, user_agent="my-service/1.0")`.
        allow_http: Whether requests may go over plain http.
        signs_calls: Whether API calls are signed. If not, the access token is a key for unsigned calls.
        sunset: The last day of OAuth 1.0a there; a session or handshake with this provider warns.
        insecure_unconfirmed_callback: Whether a reply without `oauth_callback_confirmed` is accepted. That
            lets an attacker have a victim approve the attacker's handshake.
        insecure_without_verifier: Whether a callback without a verifier is accepted. The attack is the same.
        insecure_oauth_10: Whether it speaks OAuth 1.0: the callback goes on the authorize URL, nothing
            confirms it, and there is no verifier. The attack is the same.
        docs: The URL of the provider's page on OAuth 1.0a.
        user_id_field: Which of an access token's `params` is the user's id; empty if none is sent.
        user_name_field: Which one is the user's name. People change their names: store tokens by the id.
        renew_url: Where an access token is renewed, absolute; empty if it never is.
        renew_method: `POST` or `GET`.
        revoke_url: Where an access token is revoked, absolute; empty if there is no such endpoint.
        revoke_method: `POST` or `GET`.
        token_lifetime: How many seconds an access token lives from the exchange; None if it does not expire
            or if its reply says so.
        token_idle_limit: After how many seconds without a call it must be renewed, or None if never.
        tokens_end_at_midnight_in: The time zone (an IANA name) at whose midnight every access token ends.
        denied_without_verifier: Whether a callback without a verifier means that the user said no.
        denial_params: Callback parameters that mean that the user said no, as (name, value); the value None
            stands for any value. Only what is ambiguous elsewhere: what every provider means by it (`denied`,
            `oauth_problem=user_refused`, `error=access_denied` …) needs no option.
        rate_limits: The limits that the provider documents, for pacing.
        rate_limit_headers: The beginnings of the header fields, in lower case, with which it tells what is
            left of a limit, such as `"x-rate-limit-"`; empty if it sends none.
        errors_in_success: Whether it reports errors in the body of a response with a 2xx status.
        refusal_header: The header field that every refusal carries, whatever its status.
        hints: What to do there about a problem, by the problem's name (`"signature_invalid"` …).
        public_only: Whether only public addresses may be connected to: for sites that users name.

    Raises:
        TypeError: If a value is of the wrong type; the message says what is accepted.
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
    docs: str = ""
    user_id_field: str = ""
    user_name_field: str = ""
    renew_url: str = ""
    renew_method: str = "POST"
    revoke_url: str = ""
    revoke_method: str = "POST"
    token_lifetime: float | None = None
    token_idle_limit: float | None = None
    tokens_end_at_midnight_in: str = ""
    denied_without_verifier: bool = False
    denial_params: tuple[tuple[str, str | None], ...] = ()
    rate_limits: tuple[RateLimitRule, ...] = ()
    rate_limit_headers: tuple[str, ...] = ()
    errors_in_success: bool = False
    refusal_header: str = ""
    hints: Mapping[str, str] = field(default_factory=dict, hash=False)
    public_only: bool = False

    def __post_init__(self) -> None:
        for name, value in normalized(self).items():
            object.__setattr__(self, name, value)
        check_values(self)
        for name in ENDPOINTS:
            endpoint = self.endpoint(name)
            if endpoint.method == "GET" and endpoint.placement == "body":
                raise ValueError(
                    f"{name}_method of {self.name!r} is GET, which has no body for the parameters"
                )

    def __reduce__(self) -> tuple[object, ...]:
        # Rebuilt from its arguments: a read-only mapping is neither pickled nor deeply copied.
        given = {one.name: getattr(self, one.name) for one in fields(self) if one.init}
        return partial(type(self), **given | {name: dict(given[name]) for name in MAPPINGS}), ()

    def endpoint(self, name: EndpointName) -> Endpoint:
        """Return an endpoint: its URL, its method, and where the `oauth_` parameters go.

        Args:
            name: `"request_token"`, `"authorize"`, `"access_token"`, `"renew"` or `"revoke"`.

        Raises:
            ValueError: If there is no endpoint of that name.

        >>> Provider("p", access_token_url="https://p.example/access", access_token_method="GET").endpoint(
        ...     "access_token"
        ... )
        Endpoint(url='https://p.example/access', method='GET', placement='header')
        """
        match name:
            case "request_token":
                return Endpoint(
                    self.request_token_url, self.request_token_method, self.request_token_placement
                )
            case "authorize":
                return Endpoint(self.authorize_url, "GET", "query")
            case "access_token":
                return Endpoint(self.access_token_url, self.access_token_method, self.access_token_placement)
            case "renew":
                return Endpoint(self.renew_url, self.renew_method, self.access_token_placement)
            case "revoke":
                return Endpoint(self.revoke_url, self.revoke_method, self.access_token_placement)
            case _:
                raise ValueError(f"no endpoint {name!r}: give one of {', '.join(ENDPOINTS)}")

    def warn_of_sunset(self) -> None:
        """Warn of the day on which OAuth 1.0a ends there, if that is known.

        Sessions and handshakes call it when they are constructed.
        """
        if self.sunset is not None:
            warnings.warn(
                f"{self.name!r} takes OAuth 1.0a until {self.sunset:%Y-%m-%d} only",
                ProviderSunsetWarning,
                stacklevel=4,
            )

    def signed_origins(self) -> frozenset[str]:
        """Return the origins whose requests are signed: those of `base_url`, the endpoints and `origins`."""
        urls = (*(getattr(self, name) for name in SIGNED_URLS), *self.origins)
        return frozenset(parse_url(url).origin for url in urls if url)


RFC_5849 = Provider("RFC 5849")
"""A provider without quirks and without URLs: RFC 5849 as it is."""
