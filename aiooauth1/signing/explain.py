"""Why a signature is refused: the steps of ours, a comparison with the server's, the mistake in another's.

`explain` shows the steps of a signature. `compare` finds what differs in the base string that a server sent
back. `diagnose` finds which of the usual mistakes give a signature that was refused. All are pure, and what
they return shows no secret.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, unquote_plus

from aiooauth1.signing.diagnosis import diagnose, is_right
from aiooauth1.signing.encoding import encoded_pairs, percent_encode
from aiooauth1.signing.mistakes import Cause
from aiooauth1.signing.recipe import right_recipe
from aiooauth1.signing.rules import SigningRules
from aiooauth1.signing.sent_request import SentRequest
from aiooauth1.signing.signature import SIGNATURE, Signature


if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiooauth1.credentials import AccessToken, Consumer, RequestToken


__all__ = [
    "Cause",
    "Difference",
    "ExplainedParameter",
    "Explanation",
    "SentRequest",
    "compare",
    "diagnose",
    "explain",
    "explain_sent",
    "is_right",
    "read_base_string",
]

MASK = "***"
_WIDTH = 76
_PRIVATE = re.compile(r"password|secret|session_handle|verifier", re.IGNORECASE)
_PRIVATE_PAIRS = re.compile(
    r"((?:password|secret|session_handle|verifier)%3D)(?:(?!%26)[\w.~%+*-])++", re.ASCII | re.IGNORECASE
)


# Ours


@dataclass(frozen=True, slots=True)
class ExplainedParameter:
    """One signed parameter.

    Attributes:
        source: Where it was sent: `oauth` (with the signature), `query` or `form`.
        name: Its name, decoded.
        value: Its value, decoded; `***` for a verifier, password or other secret.
        encoded: `name=value` as it stands in the joined parameters.
    """

    source: str
    name: str
    value: str
    encoded: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The steps of one signature (RFC 5849 sections 3.4 and 3.5). It holds no secret; `str()` shows it.

    Attributes:
        method: The request method, as signed.
        base_string_uri: The URI, as signed.
        parameters: The signed parameters in their order.
        base_string: The signature base string.
        signature_method: `oauth_signature_method`.
        key: The shape of the key by lengths, for example `40 characters & 45 characters`.
        signature: The signature; `***` with PLAINTEXT, where it is the key.
    """

    method: str
    base_string_uri: str
    parameters: tuple[ExplainedParameter, ...]
    base_string: str
    signature_method: str
    key: str
    signature: str

    def __str__(self) -> str:
        width = max((len(one.source) for one in self.parameters), default=0)
        steps = [
            ("1. method", [self.method]),
            ("2. URI", _wrapped(self.base_string_uri)),
            (
                f"3. parameters, encoded and sorted ({len(self.parameters)})",
                [
                    line
                    for one in self.parameters
                    for line in _wrapped(f"{one.source:<{width}}  {one.encoded}")
                ],
            ),
            ("4. base string: method & encoded URI & encoded parameters", _wrapped(self.base_string)),
            ("5. key: consumer secret & token secret, each encoded", [self.key]),
            (f"6. signature by {self.signature_method}", [self.signature]),
        ]
        return "\n".join(
            line for title, lines in steps for line in (title, *(f"   {text}" for text in lines))
        )


def explain(signature: Signature) -> Explanation:
    """Show every step of a signature.

    Args:
        signature: What `sign`, `Signer` or `session.sign` returned.

    >>> from aiooauth1.credentials import Consumer
    >>> from aiooauth1.signing import sign
    >>> consumer = Consumer("k", "s")
    >>> signature = sign("get", "https://a.example/x?b=2", consumer=consumer, nonce="n", timestamp=1)
    >>> explanation = explain(signature)
    >>> explanation.method, explanation.base_string_uri, explanation.key
    ('GET', 'https://a.example/x', '1 character & 0 characters')
    >>> explanation.parameters[0]
    ExplainedParameter(source='query', name='b', value='2', encoded='b=2')
    """
    request = signature.request
    return _explanation(
        signature.base_string,
        {"query": request.url.partition("?")[2].encode(), "form": request.form or b""},
        dict(signature.parameters).get("oauth_signature_method", ""),
        request.secret_lengths,
        signature.value,
    )


def explain_sent(
    request: SentRequest,
    *,
    consumer: Consumer | None = None,
    token: RequestToken | AccessToken | None = None,
    rules: SigningRules = SigningRules(),
) -> Explanation:
    """Show every step of the right signature of a request that was sent, by any library.

    Args:
        request: The request.
        consumer: Whose request it is, for the shape of the key, or None if it is not known.
        token: The token, likewise.
        rules: How the provider departs from RFC 5849.

    Raises:
        SigningError: If the URL cannot be signed.
    """
    lengths = (
        None if consumer is None else (len(consumer.secret), len(token.secret) if token is not None else 0)
    )
    return _explanation(
        right_recipe(request, rules).base_string(),
        {
            "query": request.url.partition("#")[0].partition("?")[2].encode(),
            "form": request.body if request.form() else b"",
        },
        request.protocol("oauth_signature_method") or "",
        lengths,
        request.protocol(SIGNATURE) or "",
    )


def _explanation(
    base_string: str,
    places: dict[str, bytes],
    signature_method: str,
    lengths: tuple[int, int] | None,
    signature: str,
) -> Explanation:
    method, uri, joined = _split(base_string)
    sources: dict[tuple[str, str], list[str]] = {}
    for source, raw in places.items():
        for pair in encoded_pairs(raw):
            if not pair[0].startswith("oauth_"):
                sources.setdefault(pair, []).append(source)
    parameters = []
    for name, value in joined:
        found = sources.get((name, value))
        shown = MASK if _PRIVATE.search(unquote(name)) else unquote(value)
        written = f"{name}={MASK if shown == MASK else value}"
        parameters.append(
            ExplainedParameter(found.pop() if found else "oauth", unquote(name), shown, written)
        )
    key = "not known here"
    if lengths is not None:
        key = " & ".join(f"{length} character{'' if length == 1 else 's'}" for length in lengths)
    is_key = signature_method.upper() == "PLAINTEXT"
    masked = _PRIVATE_PAIRS.sub(rf"\1{MASK}", base_string)
    return Explanation(
        method, uri, tuple(parameters), masked, signature_method, key, MASK if is_key else signature
    )


def _split(base_string: str) -> tuple[str, str, list[tuple[str, str]]]:
    method, uri, joined = (*base_string.split("&", 2), "", "")[:3]
    pairs = [segment.partition("=") for segment in unquote(joined).split("&") if segment]
    return method, unquote(uri), [(name, value) for name, _, value in pairs]


def _wrapped(text: str) -> list[str]:
    return [text[at : at + _WIDTH] for at in range(0, len(text), _WIDTH)] or [""]


# Theirs

# METHOD&URI&parameters, the last two encoded (RFC 5849 section 3.4.1.1). A run begins at no letter or escape.
_SHAPE = re.compile(
    r"(?<![A-Za-z0-9%])[A-Za-z]{2,20}&(?:https?%3A%2F%2F)[\w.~%+*-]++&[\w.~%+*-]*+", re.ASCII | re.IGNORECASE
)
_JSON_ESCAPE = re.compile(r"\\u00([2-7][0-9a-fA-F])")
_MOST_READ = 1_000_000


def read_base_string(text: str) -> str | None:
    r"""Return the signature base string in what a server sent, or None if there is none.

    It may be the base string itself or stand anywhere in the text: as `debug_sbs=…` (Flickr, PECL), after
    `Expected signature base string:` (the python-oauth2 line), in JSON, in HTML, percent-encoded once more.
    The expected *signature*, which Magento 1 sends as `debug_sbs`, is not a base string.

    >>> read_base_string('{"message": "Expected: GET\\u0026http%3A%2F%2Fa.example%2F\\u0026b%3D1"}')
    'GET&http%3A%2F%2Fa.example%2F&b%3D1'
    """
    text = text[:_MOST_READ]
    unescaped = _JSON_ESCAPE.sub(lambda found: chr(int(found[1], 16)), text).replace("\\/", "/")
    for level in (text, unescaped, html.unescape(unescaped), html.unescape(html.unescape(unescaped))):
        for candidate in (level, unquote(level)):
            if found := _SHAPE.search(candidate):
                return found[0]
    return None


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which the server's base string differs from ours.

    Attributes:
        part: `method`, `scheme`, `host`, `path`, `parameter`, `order` or `encoding`.
        name: The parameter's name, else empty.
        ours: What we signed, or None if we did not sign it.
        theirs: What the server signed, or None if it did not sign it.
        meaning: What that usually means.
    """

    part: str
    name: str
    ours: str | None
    theirs: str | None
    meaning: str

    def __str__(self) -> str:
        what = f"{self.part} {self.name}".strip()
        ours, theirs = ("(nothing)" if text is None else text for text in (self.ours, self.theirs))
        return f"{what}: we signed {ours}, the server {theirs}. {self.meaning}"


def compare(ours: Signature | str, server_base_string: str) -> tuple[Difference, ...]:
    """Say in what a server's base string differs from ours, parameter by parameter, and what that means.

    Args:
        ours: Our signature, or its base string.
        server_base_string: The server's, or the text in which the server sent it (see `read_base_string`).

    Returns:
        The differences. Empty if both are equal: then a secret is wrong, or one side does not encode the key.

    Raises:
        ValueError: If there is no base string in one of the texts.

    >>> [found] = compare(
    ...     "POST&https%3A%2F%2Fa.example%2F&status%3Da%2520b",
    ...     "debug_sbs=POST&https%3A%2F%2Fa.example%2F&status%3Da%252Bb",
    ... )
    >>> found.name, found.ours, found.theirs
    ('status', 'a%20b', 'a%2Bb')
    """
    own = read_base_string(ours.base_string if isinstance(ours, Signature) else ours)
    theirs = read_base_string(server_base_string)
    if own is None or theirs is None:
        raise ValueError(
            f"{'our' if own is None else 'the server'} text holds no signature base string,"
            " METHOD&encoded-URI&encoded-parameters: a bare signature, as of Magento 1, tells no more"
        )
    if own == theirs:
        return ()
    found = [*_compare_heads(own, theirs), *_compare_parameters(_split(own)[2], _split(theirs)[2])]
    if not found and _split(own)[2] != _split(theirs)[2]:
        found.append(
            Difference(
                "order", "", _names(own), _names(theirs),
                "The server sorts parameters otherwise, or not at all: send them in its order, or use"
                " SigningRules(natural_order=True) if it is Magento.",
            )
        )  # fmt: skip
    if not found:
        found.append(
            Difference(
                "encoding", "", own, theirs,
                "Only the spelling differs: one side does not encode as RFC 5849 section 3.6.",
            )
        )  # fmt: skip
    return tuple(
        Difference(one.part, one.name, MASK, MASK, one.meaning) if _PRIVATE.search(one.name) else one
        for one in found
    )


def _names(base_string: str) -> str:
    return ", ".join(name for name, _ in _split(base_string)[2])


def _compare_heads(ours: str, theirs: str) -> Iterator[Difference]:
    (our_method, our_uri, _), (their_method, their_uri, _) = _split(ours), _split(theirs)
    if our_method != their_method:
        meaning = "The server got another method: look for a redirect, a proxy or a method override."
        if our_method.upper() == their_method.upper():
            meaning = "One side does not write the method in capital letters."
        yield Difference("method", "", our_method, their_method, meaning)
    if our_uri == their_uri:
        return
    (our_scheme, our_host, our_path), (scheme, host, path) = _cut_uri(our_uri), _cut_uri(their_uri)
    if our_scheme != scheme:
        yield Difference(
            "scheme", "", our_scheme, scheme,
            "TLS ends at a proxy before the server, or the URL is of the other scheme: sign what the server"
            " sees (SigningRules(signed_scheme=…)).",
        )  # fmt: skip
    if our_host != host:
        meaning = "The server knows itself by another name, behind a proxy: SigningRules(signed_origin=…)."
        if our_host.lower() == host.lower():
            meaning = "One side does not write the host in lower case."
        elif our_host.partition(":")[0] == host.partition(":")[0]:
            meaning = (
                "A port is signed on one side only: leave out :80 for http and :443 for https, keep others."
            )
        yield Difference("host", "", our_host, host, meaning)
    if our_path != path:
        yield Difference("path", "", our_path, path, _path_meaning(our_path, path))


def _cut_uri(uri: str) -> tuple[str, str, str]:
    scheme, _, rest = uri.partition("://")
    host, slash, path = rest.partition("/")
    return scheme, host, slash + path


def _path_meaning(ours: str, theirs: str) -> str:
    if ours.rstrip("/") == theirs.rstrip("/"):
        return "Only a slash at the end differs: use the URL that the server does not redirect."
    if unquote(ours) == unquote(theirs):
        return "One side decodes or encodes the path: avoid characters in it that need escapes."
    if theirs.endswith(ours) or ours.endswith(theirs):
        return "A proxy adds or strips a prefix: SigningRules(signed_origin='https://host/prefix')."
    return "The request was rewritten on its way, or went to another URL."


def _compare_parameters(ours: list[tuple[str, str]], theirs: list[tuple[str, str]]) -> Iterator[Difference]:
    only_ours, only_theirs = Counter(ours) - Counter(theirs), Counter(theirs) - Counter(ours)
    left = sorted(only_theirs.elements())
    times = {name for name, _ in only_ours} & {"oauth_nonce", "oauth_timestamp"}
    for name, value in sorted(only_ours.elements()):
        match = next((pair for pair in left if pair[0] == name), None) or next(
            (pair for pair in left if _plain_name(pair[0]) == _plain_name(name)), None
        )
        if match is None:
            yield Difference("parameter", unquote(name), value, None, _missing_meaning(unquote(name)))
            continue
        left.remove(match)
        if match[0] != name:
            meaning = "The name is written otherwise: for PHP send a[0]=…&a[1]=…, and no a[]."
            yield Difference("parameter", unquote(name), f"{name}={value}", "=".join(match), meaning)
        elif len(times) == 2:  # noqa: PLR2004  both of them
            if name in times:
                meaning = "The server shows another attempt: compare the base strings of one request."
                yield Difference("parameter", name, value, match[1], meaning)
        else:
            yield Difference("parameter", unquote(name), value, match[1], _value_meaning(value, match[1]))
    for name, value in left:
        yield Difference("parameter", unquote(name), None, value, _additional_meaning(unquote(name)))


def _plain_name(name: str) -> str:
    return unquote(unquote(name)).partition("[")[0].rstrip("]")


def _missing_meaning(name: str) -> str:
    if name == "realm":
        return "The realm is not signed: leave it out of the base string."
    if name.startswith("oauth_"):
        return "The server does not sign it, or a proxy took it out: try without it."
    return "The server did not get or does not sign it: a proxy removed it, or the body is not a form."


def _additional_meaning(name: str) -> str:
    if name == "realm":
        return "The server signs the realm, against RFC 5849: send none."
    if name.startswith("oauth_"):
        return "The server got it and we did not sign it: sign every oauth_ parameter that is sent."
    return "The server signs more than we do: multipart fields, a JSON body, or what a proxy added."


def _value_meaning(ours: str, theirs: str) -> str:
    decoded, their_decoded = unquote(ours), unquote(theirs)
    rules = [
        (
            percent_encode(ours) == theirs,
            "The server encodes once too often: it got the value with its escapes.",
        ),
        (
            percent_encode(theirs) == ours or unquote(decoded) == their_decoded != decoded,
            "The server decodes once too often: SigningRules(decodes_twice=True), or avoid a literal %.",
        ),
        (
            decoded == their_decoded,
            "Only the spelling of escapes differs: one side does not encode as RFC 5849 section 3.6.",
        ),
        (
            decoded.replace(" ", "+") == their_decoded.replace(" ", "+"),
            "A space reached the server as +: a library or proxy encoded the body or query again.",
        ),
        (
            decoded.replace("\r\n", "\n") == their_decoded.replace("\r\n", "\n"),
            "Line breaks were changed between LF and CR LF.",
        ),
        (decoded.strip() == their_decoded.strip(), "White space at an end was stripped on one side."),
        (
            unquote_plus(decoded) == unquote_plus(their_decoded),
            "One side decodes or encodes it once too often.",
        ),
        (
            not (decoded.isascii() or their_decoded.isascii()),
            "The bytes differ: one side takes the text for another encoding than UTF-8, or normalises it.",
        ),
    ]
    changed = "The server got another value: something changed it on its way."
    return next((meaning for applies, meaning in rules if applies), changed)
