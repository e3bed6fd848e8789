"""A signed request's parameters, written into header, query or form body (RFC 5849 section 3.5)."""

from __future__ import annotations

from dataclasses import dataclass

from aiooauth1.errors import SigningError
from aiooauth1.signing.base_string import join_normalized
from aiooauth1.signing.encoding import encode_form, parse_form, percent_encode


__all__ = ["SIGNATURE", "Prepared", "Signature", "header_start", "render_fields"]

SIGNATURE = "oauth_signature"


@dataclass(frozen=True, slots=True, repr=False)
class Prepared:
    """A request ready to be signed.

    Attributes:
        method: The method, in upper case.
        url: The URL without its fragment.
        form: The form body, or None if there is no body or it is not a form.
        realm: The realm of the header.
        is_hashed: Whether there is a body that is not a form.
        is_sorted: Whether parameters must be sent in the order in which they are signed.
        base_string: The signature base string.
        parameters: The parameters that go out with the signature, decoded.
        secret_lengths: The lengths of the consumer's and the token's secret, for `explain`.
    """

    method: str
    url: str
    form: bytes | None
    realm: str | None
    is_hashed: bool
    is_sorted: bool
    base_string: str
    parameters: tuple[tuple[str, str], ...]
    secret_lengths: tuple[int, int]

    def __repr__(self) -> str:
        return f"<Prepared {self.method} {self.url.partition('?')[0]}>"


@dataclass(frozen=True, slots=True, repr=False)
class Signature:
    """A signature and what goes out with it, as a header, a URL or a form body.

    Attributes:
        value: The signature. With PLAINTEXT it is the two secrets.
        base_string: What was signed.
        parameters: The `oauth_` parameters and what was given as extra, `oauth_signature` last, decoded.
    """

    value: str
    base_string: str
    parameters: tuple[tuple[str, str], ...]
    _request: Prepared

    def __repr__(self) -> str:
        return f"<Signature of {self._request.method} {self._request.url.partition('?')[0]}>"

    @property
    def request(self) -> Prepared:
        """The request that was signed."""
        return self._request

    def header(self) -> str:
        """Return the value of an Authorization header (RFC 5849 section 3.5.1)."""
        encoded = [(percent_encode(name), percent_encode(value)) for name, value in self.parameters]
        return header_start(self._request.realm) + render_fields(encoded)

    def url(self) -> str:
        """Return the request's URL with the parameters at the end of its query (RFC 5849 section 3.5.3).

        Raises:
            SigningError: If the query has an `oauth_signature` already.
        """
        url, _, query = self._request.url.partition("?")
        return f"{url}?{self._joined(query.encode(), 'query')}"

    def body(self) -> bytes:
        """Return the form body with the parameters at its end (RFC 5849 section 3.5.2).

        Raises:
            SigningError: If the form has an `oauth_signature` already, or the body is not a form.
        """
        if self._request.is_hashed:
            raise SigningError(
                "the body is not a form and cannot hold the parameters: send them in the header"
            )
        return self._joined(self._request.form or b"", "form").encode("latin-1")

    def form(self) -> tuple[tuple[str, str], ...]:
        """Return the pairs of the form body with the parameters at its end, decoded.

        They are for a form that a user's browser posts, such as an LTI 1.1 launch: write each pair as a
        hidden field. Browsers send a line break in a value as CR LF, so sign it as CR LF.

        Raises:
            SigningError: If a name or value is not UTF-8, and what `body` raises.

        >>> from aiooauth1 import Consumer
        >>> from aiooauth1.signing import sign
        >>> launch = sign("POST", "https://tool.example/launch", consumer=Consumer("key", "secret"),
        ...               nonce="n", timestamp=1, form=[("lti_version", "LTI-1p0")])
        >>> launch.form()[0], launch.form()[-1][0]
        (('lti_version', 'LTI-1p0'), 'oauth_signature')
        """
        try:
            return tuple((name.decode(), value.decode()) for name, value in parse_form(self.body()))
        except UnicodeDecodeError:
            pass
        raise SigningError("the form has bytes that are not UTF-8, which a page cannot hold: send body()")

    def _joined(self, given: bytes, where: str) -> str:
        theirs = parse_form(given)
        if any(name == SIGNATURE.encode() for name, _ in theirs):
            raise SigningError(f"the {where} has an {SIGNATURE} already: take it out, or use the header")
        if self._request.is_sorted:
            pairs: list[tuple[str | bytes, str | bytes]] = [*theirs, *self.parameters]
            return join_normalized([(percent_encode(name), percent_encode(value)) for name, value in pairs])
        ours = encode_form(self.parameters)
        return f"{given.decode('latin-1')}&{ours}" if given else ours


def header_start(realm: str | None) -> str:
    """Return the header's scheme and, if there is one, the realm, which is quoted instead of encoded."""
    if realm is None:
        return "OAuth "
    # RFC 9110 section 5.6.4: quote and backslash are escaped in a quoted-string.
    escaped = realm.replace("\\", "\\\\").replace('"', '\\"')
    return f'OAuth realm="{escaped}", '


def render_fields(encoded: list[tuple[str, str]]) -> str:
    """Join encoded pairs as the fields of a header."""
    return ", ".join([f'{name}="{value}"' for name, value in encoded])
