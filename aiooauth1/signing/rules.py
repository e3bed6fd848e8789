"""How a provider departs from RFC 5849 in what it wants signed: data, read where the signing is done."""

from __future__ import annotations

from dataclasses import dataclass

from aiooauth1.errors import SigningError
from aiooauth1.signing.base_string import parse_url


__all__ = ["SigningRules"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningRules:
    """The departures of one provider; without arguments: none.

    Args:
        send_version: Whether `oauth_version` is sent at all (RFC 5849 section 3.1 leaves it open).
        empty_token: Whether `oauth_token=""` is sent where there is no token, instead of nothing.
        body_hash: Whether a request whose body is no form carries `oauth_body_hash`, an empty body included.
        bare_values: Whether protocol values stand unencoded in the normalised parameters (Mastercard).
        signed_scheme: The scheme in the base string, where it is another than the one connected with.
        signed_origin: Scheme, host and port in the base string, where not those connected to.
        realm_is_url: Whether the realm is the request's URL without its query.
        sorted_parameters: Whether parameters must be sent in the order in which they are signed.

    Raises:
        ValueError: If scheme or origin is none.
    """

    send_version: bool = True
    empty_token: bool = False
    body_hash: bool = False
    bare_values: bool = False
    signed_scheme: str | None = None
    signed_origin: str | None = None
    realm_is_url: bool = False
    sorted_parameters: bool = False

    def __post_init__(self) -> None:
        if self.signed_scheme not in {None, "http", "https"}:
            raise ValueError(f"signed_scheme must be 'http' or 'https', not {self.signed_scheme!r}")
        if self.signed_origin is None:
            return
        try:
            parse_url(self.signed_origin)
        except SigningError as error:
            reason = str(error)
        else:
            return
        raise ValueError(f"signed_origin: {reason}")
