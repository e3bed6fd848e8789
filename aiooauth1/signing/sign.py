"""Sign a request: collect what is sent, make the base string, sign it, and write the result where it goes.

RFC 5849 sections 3.1 and 3.4 to 3.6. `sign` is the whole in one call; a `Signer` holds what stays the same
for one consumer and one token, and splits the work: `prepare` makes the base string, `finish` the value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiooauth1.errors import SigningError
from aiooauth1.signing.base_string import base_string, join_normalized, parse_url
from aiooauth1.signing.encoding import encode_form, parse_form, percent_encode
from aiooauth1.signing.methods import HMAC_SHA1, body_hash_value, keyed
from aiooauth1.signing.rules import SigningRules


if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiooauth1.credentials import AccessToken, Consumer, RequestToken
    from aiooauth1.signing.methods import SignatureMethod


__all__ = ["Prepared", "Signature", "Signer", "sign"]

_PROTOCOL = frozenset(
    {
        "oauth_body_hash",
        "oauth_callback",
        "oauth_consumer_key",
        "oauth_nonce",
        "oauth_signature_method",
        "oauth_timestamp",
        "oauth_token",
        "oauth_verifier",
        "oauth_version",
    }
)
_SIGNATURE = "oauth_signature"
_NO_REALM_CHARACTER = re.compile(r"[^ -~]")


@dataclass(frozen=True, slots=True, repr=False)
class Signature:
    """A signed request's parameters, to be written into its header, its query or its form body.

    Attributes:
        value: The signature. With PLAINTEXT it is both secrets.
        base_string: What was signed.
        parameters: The `oauth_` parameters and what was given as extra, `oauth_signature` last, decoded.
    """

    value: str
    base_string: str
    parameters: tuple[tuple[str, str], ...]
    _prepared: Prepared

    def __repr__(self) -> str:
        return f"<Signature for {self._prepared!r}>"

    def header(self) -> str:
        """Return the value of an Authorization header (RFC 5849 section 3.5.1)."""
        fields = [f'{percent_encode(name)}="{percent_encode(value)}"' for name, value in self.parameters]
        if self._prepared.realm is not None:
            # RFC 9110 section 5.6.4: quote and backslash are escaped in a quoted-string.
            escaped = self._prepared.realm.replace("\\", "\\\\").replace('"', '\\"')
            fields.insert(0, f'realm="{escaped}"')
        return "OAuth " + ", ".join(fields)

    def url(self) -> str:
        """Return the request's URL with the parameters at the end of its query (RFC 5849 section 3.5.3)."""
        url = self._prepared.url.partition("#")[0]
        return f"{url}{'&' if '?' in url else '?'}{encode_form(self.parameters)}"

    def body(self) -> bytes:
        """Return the form body with the parameters at its end (RFC 5849 section 3.5.2).

        Raises:
            SigningError: If the request has a body that is no form.
        """
        if self._prepared.hashed:
            raise SigningError(
                "the body is no form, so it cannot hold the parameters: send them in the header"
            )
        parameters = encode_form(self.parameters).encode()
        return b"&".join([self._prepared.form, parameters]) if self._prepared.form else parameters


@dataclass(frozen=True, slots=True, repr=False)
class Prepared:
    """A request of which all is known but the signature's value."""

    method: str
    url: str
    realm: str | None
    form: bytes | None
    hashed: bool
    base_string: str
    parameters: tuple[tuple[str, str], ...]

    def __repr__(self) -> str:
        return f"{self.method} {self.url.partition('?')[0]}"


class Signer:
    """Signs the requests of one consumer, with one token or without. Pure and immutable: share it at will.

    Args:
        consumer: Whose request it is.
        token: For which user, or in which handshake; None: the consumer's own (two-legged).
        signature_method: How to sign.
        rules: How the provider departs from RFC 5849.
        realm: The realm of the Authorization header, visible ASCII and spaces; None: none is sent.

    Raises:
        SigningError: If the realm has another character, or a credential has no UTF-8 form.
    """

    __slots__ = ("_constant", "_realm", "_rules", "_signature_method", "_value")

    def __init__(
        self,
        consumer: Consumer,
        token: RequestToken | AccessToken | None = None,
        *,
        signature_method: SignatureMethod = HMAC_SHA1,
        rules: SigningRules = SigningRules(),
        realm: str | None = None,
    ) -> None:
        if realm is not None and (unfit := _NO_REALM_CHARACTER.search(realm)):
            raise SigningError(
                f"the realm has the character {unfit.group()!r}: only visible ASCII and spaces may"
            )
        self._realm = realm
        self._rules = rules
        self._signature_method = signature_method
        self._constant = (
            ("oauth_consumer_key", consumer.key),
            *((("oauth_token", token.key),) if token is not None else ()),
            ("oauth_signature_method", signature_method.name),
        )
        self._value = keyed(signature_method, consumer.secret, token.secret if token is not None else "")

    def __repr__(self) -> str:
        return f"<Signer {self._signature_method.name} for {self._constant[0][1]!r}>"

    def prepare(
        self,
        method: str,
        url: str,
        *,
        nonce: str,
        timestamp: int,
        form: bytes | Iterable[tuple[str, str]] | None = None,
        callback: str | None = None,
        verifier: str | None = None,
        body_hash: bytes | None = None,
        version: str | None = "1.0",
        extra: Iterable[tuple[str, str]] = (),
    ) -> Prepared:
        """Make the base string; the parameters are those of `sign`, which says what they mean.

        Raises:
            SigningError: If the request cannot be signed rightly.
        """
        request_url = parse_url(url)
        body = _form_octets(form)
        parameters = [*self._constant, ("oauth_timestamp", _timestamp(timestamp)), ("oauth_nonce", nonce)]
        if version is not None and self._rules.send_version:
            parameters.append(("oauth_version", version))
        if callback is not None:
            parameters.append(("oauth_callback", callback))
        if verifier is not None:
            parameters.append(("oauth_verifier", verifier))
        if body_hash is not None:
            if body is not None:
                raise SigningError("a form is signed whole: it has no body hash (give form= or body_hash=)")
            parameters.append(("oauth_body_hash", body_hash_value(self._signature_method, body_hash)))
        parameters += _extra(extra)
        encoded = [(percent_encode(name), percent_encode(value)) for name, value in parameters]
        if request_url.query:
            encoded += _sent_elsewhere(request_url.query.encode(), "query")
        if body:
            encoded += _sent_elsewhere(body, "form")
        return Prepared(
            method=method.upper(),
            url=url,
            realm=self._realm,
            form=body,
            hashed=body_hash is not None,
            base_string=base_string(method, request_url.base, join_normalized(encoded)),
            parameters=tuple(parameters),
        )

    def finish(self, prepared: Prepared) -> Signature:
        """Compute the value: the half that takes time where the method is RSA."""
        value = self._value(prepared.base_string)
        return Signature(value, prepared.base_string, (*prepared.parameters, (_SIGNATURE, value)), prepared)

    def header(self, method: str, url: str, *, nonce: str, timestamp: int, form: bytes | None = None) -> str:
        """Return the Authorization header of a request: both halves, as a session needs them.

        Raises:
            SigningError: If the request cannot be signed rightly.
        """
        return self.finish(self.prepare(method, url, nonce=nonce, timestamp=timestamp, form=form)).header()


def sign(
    method: str,
    url: str,
    *,
    consumer: Consumer,
    token: RequestToken | AccessToken | None = None,
    nonce: str,
    timestamp: int,
    form: bytes | Iterable[tuple[str, str]] | None = None,
    signature_method: SignatureMethod = HMAC_SHA1,
    rules: SigningRules = SigningRules(),
    realm: str | None = None,
    callback: str | None = None,
    verifier: str | None = None,
    body_hash: bytes | None = None,
    version: str | None = "1.0",
    extra: Iterable[tuple[str, str]] = (),
) -> Signature:
    """Sign one request (RFC 5849 section 3): a pure function, the same result for the same arguments.

    Args:
        method: The request method; it is signed, and must be sent, in upper case.
        url: The URL as it goes over the wire, absolute, query included, in the characters of RFC 3986.
        consumer: Whose request it is.
        token: The request or access token; None: there is none (two-legged).
        nonce: A text that no other request with this timestamp and token has; letters and digits are safe.
        timestamp: Seconds since the epoch, a whole number.
        form: The body where its content type is exactly `application/x-www-form-urlencoded`: its octets, or
            pairs that `Signature.body` then writes. None for any other body and for none.
        signature_method: How to sign.
        rules: How the provider departs from RFC 5849.
        realm: The realm of the header, which is not signed; visible ASCII and spaces.
        callback: `oauth_callback`, when a request token is asked for: an absolute URI or `oob`.
        verifier: `oauth_verifier`, when an access token is asked for.
        body_hash: A body that is no form, b"" included, whose hash is sent as `oauth_body_hash`.
        version: `oauth_version`; None: none is sent.
        extra: More parameters to be signed and sent beside the `oauth_` ones.

    Returns:
        The signature, which renders itself as header, URL or form body.

    Raises:
        SigningError: If something in the arguments cannot be signed rightly; the message names it.

    >>> from aiooauth1.credentials import AccessToken, Consumer
    >>> signature = sign(
    ...     "GET", "http://photos.example.net/photos?file=vacation.jpg&size=original",
    ...     consumer=Consumer("dpf43f3p2l4k3l03", "kd94hf93k423kf44"),
    ...     token=AccessToken("nnch734d00sl2jdk", "pfkkdhi9sl3r4s00"),
    ...     nonce="kllo9940pd9333jh", timestamp=1191242096,
    ... )
    >>> signature.value
    'tR3+Ty81lMeYAr/Fid0kMTYa/WM='
    >>> signature.header()[:45]
    'OAuth oauth_consumer_key="dpf43f3p2l4k3l03", '
    """
    signer = Signer(consumer, token, signature_method=signature_method, rules=rules, realm=realm)
    return signer.finish(
        signer.prepare(
            method,
            url,
            nonce=nonce,
            timestamp=timestamp,
            form=form,
            callback=callback,
            verifier=verifier,
            body_hash=body_hash,
            version=version,
            extra=extra,
        )
    )


def _timestamp(timestamp: int) -> str:
    if not isinstance(timestamp, int) or isinstance(timestamp, bool) or timestamp < 0:
        raise SigningError(
            f"the timestamp is {timestamp!r}: it must be a whole number of seconds, not negative"
        )
    return str(timestamp)


def _form_octets(form: bytes | Iterable[tuple[str, str]] | None) -> bytes | None:
    if form is None or isinstance(form, bytes):
        return form
    return encode_form(_pairs(form, "form")).encode()


def _pairs(given: Iterable[tuple[str, str]], what: str) -> list[tuple[str, str]]:
    # A mapping could not repeat a name, and a text would be taken letter by letter.
    if isinstance(given, (Mapping, str, bytes)):
        raise SigningError(f"{what} must be pairs of texts, not a {type(given).__name__}")
    pairs = list(given)
    for pair in pairs:
        if not isinstance(pair, (tuple, list)) or [type(text) for text in pair] != [str, str]:
            raise SigningError(f"{what} must be pairs of texts: one of its {len(pairs)} items is not")
    return pairs


def _extra(extra: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    pairs = _pairs(extra, "extra")
    for name, _ in pairs:
        if name in _PROTOCOL or name in {_SIGNATURE, "realm"}:
            raise SigningError(f"extra has {name!r}, which has a parameter of its own")
    return pairs


def _sent_elsewhere(octets: bytes, where: str) -> list[tuple[str, str]]:
    """Encode the pairs of a query or form; a stale signature in it is sent but never signed."""
    encoded = []
    for raw_name, raw_value in parse_form(octets):
        name = percent_encode(raw_name)
        if name in _PROTOCOL:
            # Section 3.5: protocol parameters are sent in one place only, each once.
            raise SigningError(
                f"the {where} has {name!r}, which goes out with the signature: take it out there"
            )
        if name != _SIGNATURE:
            encoded.append((name, percent_encode(raw_value)))
    return encoded
