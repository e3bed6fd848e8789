"""Sign a request: collect what is sent, make the base string, and sign it (RFC 5849 sections 3.1 to 3.4).

`sign` does all in one call. A `Signer` keeps what is the same for one consumer and token, and works in two
halves: `prepare` makes the base string, `finish` the signature.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aiooauth1.errors import SigningError
from aiooauth1.signing.base_string import (
    base_string_prefix,
    encode_normalized,
    join_normalized,
    join_pairs,
)
from aiooauth1.signing.body_hash import body_hash_value
from aiooauth1.signing.encoding import decoded_again, percent_encode
from aiooauth1.signing.methods import HMAC_SHA1, Hmac, keyed, method_of
from aiooauth1.signing.parameters import (
    extra_pairs,
    form_bytes,
    nonce_text,
    plain_parameters,
    request_parameters,
    timestamp_text,
)
from aiooauth1.signing.rules import SigningRules
from aiooauth1.signing.signature import SIGNATURE, Prepared, Signature, header_start, render_fields


if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiooauth1.credentials import AccessToken, Consumer, RequestToken
    from aiooauth1.signing.methods import SignatureMethod


__all__ = ["Prepared", "Signature", "Signer", "sign"]

_NO_REALM_CHARACTER = re.compile(r"[^ -~]")
# The places of nonce and timestamp in the templates. Encoded text never has these two characters.
_NONCE, _TIMESTAMP = "{", "}"


class Signer:
    """Signs the requests of one consumer, with one token or none. It is immutable and may be shared.

    Args:
        consumer: Whose request it is.
        token: The user's token, a request token, or None (two-legged).
        signature_method: How to sign.
        rules: How the provider departs from RFC 5849.
        realm: The realm of the Authorization header, of visible ASCII and spaces. None sends none.

    Raises:
        SigningError: If the realm has another character, or a credential a lone surrogate.
    """

    __slots__ = (
        "_base",
        "_constant",
        "_encode_value",
        "_fixed",
        "_header",
        "_is_plain",
        "_method",
        "_realm",
        "_rules",
        "_secret_lengths",
        "_value",
        "takes_long",
    )

    takes_long: bool
    """Whether computing a signature would block an event loop for long."""

    def __init__(
        self,
        consumer: Consumer,
        token: RequestToken | AccessToken | None = None,
        *,
        signature_method: SignatureMethod | str = HMAC_SHA1,
        rules: SigningRules = SigningRules(),
        realm: str | None = None,
    ) -> None:
        self._method = signature_method = method_of(signature_method)
        # Set first, since __repr__ needs it and an error report may show a half-made signer.
        self._constant: tuple[tuple[str, str], ...] = (("oauth_consumer_key", consumer.key),)
        if realm is not None and not isinstance(realm, str):
            raise TypeError(f"realm must be a str or None, not {type(realm).__name__}")
        if realm is not None and (unfit := _NO_REALM_CHARACTER.search(realm)):
            raise SigningError(
                f"the realm has the character {unfit.group()!r}: only visible ASCII and spaces may"
            )
        self._realm = realm
        self._rules = rules
        self._secret_lengths = (len(consumer.secret), len(token.secret) if token is not None else 0)
        self._is_plain = not (
            rules.realm_is_url or rules.bare_values or rules.natural_order or rules.decodes_twice
        )
        self._value = keyed(signature_method, consumer.secret, token.secret if token is not None else "")
        self._encode_value = _encode_base64 if isinstance(signature_method, Hmac) else percent_encode
        self.takes_long = bool(getattr(signature_method, "takes_long", False))
        key = token.key if token is not None else "" if rules.empty_token else None
        self._constant += (
            *((("oauth_token", key),) if key is not None else ()),
            ("oauth_signature_method", signature_method.name),
        )
        # Templates of what most requests have: only nonce and timestamp differ.
        marks = (("oauth_nonce", _NONCE), ("oauth_timestamp", _TIMESTAMP))
        version = (("oauth_version", "1.0"),) if rules.send_version else ()
        constant = [(name, percent_encode(value)) for name, value in self._constant]
        with_marks = [*constant, *marks, *version]
        self._fixed = [f"{name}={value}" for name, value in (*constant, *version)]
        self._base = _split_template(encode_normalized(join_normalized(with_marks)))
        self._header = _split_template(f'{header_start(realm)}{render_fields(with_marks)}, {SIGNATURE}="')

    def __repr__(self) -> str:
        return f"<Signer {self._method.name} for {self._constant[0][1]!r}>"

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
        """Make the base string. The parameters are those of `sign`.

        Raises:
            SigningError: If the request cannot be signed rightly.
        """
        rules = self._rules
        raw = form_bytes(form)
        parameters = [
            *self._constant,
            ("oauth_nonce", nonce_text(nonce)),
            ("oauth_timestamp", timestamp_text(timestamp)),
        ]
        if version is not None and rules.send_version:
            parameters.append(("oauth_version", version))
        for name, text in (("callback", callback), ("verifier", verifier)):
            if text is not None and not isinstance(text, str):
                raise SigningError(f"{name} must be a str, not {type(text).__name__}")
        if callback is not None:
            parameters.append(("oauth_callback", callback))
        if verifier is not None:
            parameters.append(("oauth_verifier", verifier))
        if body_hash is not None:
            if raw is not None:
                raise SigningError("a form is signed whole: it has no body hash (give form= or body_hash=)")
            parameters.append(("oauth_body_hash", body_hash_value(self._method, body_hash)))
        parameters += extra_pairs(extra)
        encoded = [(percent_encode(name), percent_encode(value)) for name, value in parameters]
        where, _, query = url.partition("#")[0].partition("?")
        others = request_parameters(len(where), query, raw, {name for name, _ in encoded})
        if rules.bare_values:
            encoded = [(percent_encode(name), value) for name, value in parameters]
        everything = encoded + others
        if rules.decodes_twice:
            everything = [(decoded_again(name), decoded_again(value)) for name, value in everything]
        joined = join_normalized(everything, natural=rules.natural_order)
        normalized = percent_encode(joined) if rules.bare_values else encode_normalized(joined)
        return Prepared(
            method=method.upper(),
            url=url.partition("#")[0],
            form=raw,
            realm=where if rules.realm_is_url else self._realm,
            is_hashed=body_hash is not None,
            is_sorted=rules.sorted_parameters,
            base_string=self._prefix(method, where) + normalized,
            parameters=tuple(parameters),
            secret_lengths=self._secret_lengths,
        )

    def finish(self, prepared: Prepared) -> Signature:
        """Compute the signature. With RSA this half takes long."""
        value = self._value(prepared.base_string)
        return Signature(value, prepared.base_string, (*prepared.parameters, (SIGNATURE, value)), prepared)

    def header(self, method: str, url: str, *, nonce: str, timestamp: int, form: bytes | None = None) -> str:
        """Return the Authorization header of a request: both halves at once, from the templates.

        Raises:
            SigningError: If the request cannot be signed rightly.
        """
        where, _, query = url.partition("#")[0].partition("?")
        others = plain_parameters(query, form) if query or form else ()
        if others is None or not self._is_plain:
            prepared = self.prepare(method, url, nonce=nonce, timestamp=timestamp, form=form)
            return self.finish(prepared).header()
        nonce, stamp = percent_encode(nonce_text(nonce)), timestamp_text(timestamp)
        if others:
            own = [*self._fixed, f"oauth_nonce={nonce}", f"oauth_timestamp={stamp}"]
            normalized = encode_normalized(join_pairs([*own, *others]))
        else:
            start, middle, end = self._base
            normalized = f"{start}{nonce.replace('%', '%25')}{middle}{stamp}{end}"
        value = self._encode_value(self._value(self._prefix(method, where) + normalized))
        start, middle, end = self._header
        return f'{start}{nonce}{middle}{stamp}{end}{value}"'

    def _prefix(self, method: str, where: str) -> str:
        return base_string_prefix(method, where, self._rules.signed_scheme, self._rules.signed_origin)


def sign(
    method: str,
    url: str,
    *,
    consumer: Consumer,
    token: RequestToken | AccessToken | None = None,
    nonce: str,
    timestamp: int,
    form: bytes | Iterable[tuple[str, str]] | None = None,
    signature_method: SignatureMethod | str = HMAC_SHA1,
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
        token: The request or access token, or None (two-legged).
        nonce: A string that no other request with this timestamp and token has. Letters and digits are safe.
        timestamp: Seconds since the epoch, a whole number.
        form: The body if its content type is exactly `application/x-www-form-urlencoded`, as bytes, or as
            pairs, which `Signature.body` encodes. None for any other body and for none.
        signature_method: How to sign, or the name of an HMAC method or PLAINTEXT.
        rules: How the provider departs from RFC 5849.
        realm: The realm of the header, of visible ASCII and spaces. It is not signed.
        callback: `oauth_callback` of a request for a request token: an absolute URI or `oob`.
        verifier: `oauth_verifier` of a request for an access token.
        body_hash: A body that is not a form, b"" included, whose hash is sent as `oauth_body_hash`.
        version: `oauth_version`. None sends none.
        extra: More parameters to be signed and sent with the `oauth_` ones.

    Returns:
        The signature, which gives header, URL or form body.

    Raises:
        SigningError: If something cannot be signed rightly. The message names it.

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


def _encode_base64(value: str) -> str:
    """Percent-encode Base64, of which three characters are not unreserved: faster than a table."""
    return value.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")


def _split_template(rendered: str) -> tuple[str, str, str]:
    """Split a template at the places of nonce and timestamp."""
    start, _, rest = rendered.partition(_NONCE)
    middle, _, end = rest.partition(_TIMESTAMP)
    return start, middle, end
