"""How a provider departs from RFC 5849 in what it wants signed."""

from __future__ import annotations

from dataclasses import dataclass, fields
from types import NoneType

from aiooauth1.errors import SigningError
from aiooauth1.signing.base_string import parse_url


__all__ = ["SigningRules"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningRules:
    """The departures of one provider from RFC 5849. The default is none.

    Args:
        send_version: Whether `oauth_version` is sent (optional in RFC 5849 section 3.1).
        empty_token: Whether `oauth_token=""` is sent if there is no token.
        body_hash: Whether a request whose body is not a form, or is empty, carries `oauth_body_hash`.
        bare_values: Whether protocol values are not encoded in the normalised parameters (Mastercard).
        signed_scheme: The scheme in the base string, if it differs from the URL's.
        signed_origin: Scheme, host and port in the base string, such as `https://host`, if they differ from
            those of the connection. A path in it goes before the request's path:
            `https://inner.example/base` for a server behind a proxy that strips a prefix.
        realm_is_url: Whether the realm is the request's URL without its query.
        sorted_parameters: Whether parameters must be sent in the order in which they are signed.
        natural_order: Whether names are sorted by PHP's `strnatcmp`, `a[2]` before `a[10]`, not by their
            bytes (Magento 1 and 2).
        decodes_twice: Whether the provider percent-decodes names and values once too often before it signs
            them, so that a value with a literal `%41` counts as `A` (WordPress's OAuth1 plugin, WooCommerce).

    Raises:
        TypeError: If a value is of another type.
        ValueError: If the scheme is not http or https, the origin is malformed or has a query or fragment, or
            `natural_order` is combined with `sorted_parameters`.
    """

    send_version: bool = True
    empty_token: bool = False
    body_hash: bool = False
    bare_values: bool = False
    signed_scheme: str | None = None
    signed_origin: str | None = None
    realm_is_url: bool = False
    sorted_parameters: bool = False
    natural_order: bool = False
    decodes_twice: bool = False

    def __post_init__(self) -> None:
        for one in fields(self):
            value, is_text = getattr(self, one.name), one.name.startswith("signed_")
            if not isinstance(value, (str, NoneType) if is_text else bool):
                accepted = "a str or None" if is_text else "True or False"
                raise TypeError(f"{one.name} must be {accepted}, not {type(value).__name__}")
        if self.signed_scheme not in {None, "http", "https"}:
            raise ValueError(f"signed_scheme must be 'http' or 'https', not {self.signed_scheme!r}")
        if self.natural_order and self.sorted_parameters:
            raise ValueError(
                "natural_order does not go with sorted_parameters, which sorts by bytes: give one of them"
            )
        if self.signed_origin is None:
            return
        if "?" in self.signed_origin or "#" in self.signed_origin:
            raise ValueError(
                "signed_origin must have no query or fragment: give https://host, or https://host/path"
            )
        try:
            parse_url(self.signed_origin)
        except SigningError as error:
            reason = str(error)
        else:
            return
        raise ValueError(f"signed_origin: {reason}")
