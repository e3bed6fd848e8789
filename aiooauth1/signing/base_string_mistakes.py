"""The usual mistakes in base strings: each makes wrong recipes of right ones.

Libraries, proxies and servers make them in users' reports. Each function yields its variants, the likeliest
first.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, unquote_to_bytes

from aiooauth1.signing.encoding import decoded_again, parse_form, percent_encode
from aiooauth1.signing.mistakes import Cause
from aiooauth1.signing.recipe import Recipe, naturally_sorted
from aiooauth1.signing.sent_request import SentRequest, multipart_pairs


if TYPE_CHECKING:
    from aiooauth1.signing.recipe import EncodedPairs
    from aiooauth1.signing.sent_request import Pairs


__all__ = ["BASE_STRING_MISTAKES", "WIDE"]

RecipeVariants = Callable[[Recipe, SentRequest], Iterator[Recipe]]

_ESCAPE = re.compile(r"%[0-9A-F]{2}")
_PYTHON_SPELLING = {b"true": b"True", b"false": b"False", b"null": b"None"}
_JSON_SPELLING = {python: json for json, python in _PYTHON_SPELLING.items()}
_BACKEND_PORTS = ("8080", "8000", "8443", "3000", "5000")
_MOST_SINGLE = 40  # up to this many parameters, each is left out or changed alone
_MILLISECONDS = 100_000_000_000  # a timestamp above this was not counted in seconds


# Method and URI


def _method(recipe: Recipe, request: SentRequest) -> Iterator[Recipe]:
    for method in (request.method, recipe.method.lower(), recipe.method.capitalize()):
        yield replace(recipe, method=method)


def _other_method(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"):
        yield replace(recipe, method=method)


def _scheme(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    yield replace(recipe, scheme="http" if recipe.scheme == "https" else "https")


def _port(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    name, colon, digits = recipe.host.rpartition(":")
    if colon and digits.isdigit():
        yield replace(recipe, host=name)
        return
    default = ("443", "80") if recipe.scheme == "https" else ("80", "443")
    for port in (*default, *_BACKEND_PORTS):
        yield replace(recipe, host=f"{recipe.host}:{port}")


def _slash(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    other = recipe.path.removesuffix("/") if recipe.path.endswith("/") else recipe.path + "/"
    yield replace(recipe, path=other)


def _path_prefix(recipe: Recipe, request: SentRequest) -> Iterator[Recipe]:
    rest = recipe.path
    for _ in range(3):
        rest = "/" + rest[1:].partition("/")[2]
        yield replace(recipe, path=rest)
    for prefix in (request.header("X-Forwarded-Prefix"), request.header("X-Script-Name"), "/api"):
        if prefix.strip("/") and prefix.isascii():
            yield replace(recipe, path=f"/{prefix.strip('/')}{recipe.path}")


def _path_decoded(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    decoded = unquote(recipe.path)
    yield replace(recipe, path=decoded)
    yield replace(recipe, path=decoded.replace(" ", "+"))
    yield replace(recipe, path=percent_encode(decoded).replace("%2F", "/"))
    normal = posixpath.normpath("/" + recipe.path.lstrip("/"))
    yield replace(recipe, path=normal)
    yield replace(recipe, path=normal.removesuffix("/") + "/")


def _path_encoded(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    yield replace(recipe, path=percent_encode(recipe.path).replace("%2F", "/"))


def _path_case(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    yield replace(recipe, path=recipe.path.lower())


def _host_case(recipe: Recipe, request: SentRequest) -> Iterator[Recipe]:
    written = request.url.partition("://")[2].partition("/")[0].partition("?")[0]
    for host in (written, request.header("Host"), recipe.host.title(), recipe.host.upper()):
        if host and host.lower() == recipe.host:
            yield replace(recipe, host=host)
            yield replace(recipe, host=host, scheme=recipe.scheme.upper())
    yield replace(recipe, scheme=recipe.scheme.upper())


def _other_host(recipe: Recipe, request: SentRequest) -> Iterator[Recipe]:
    for field in ("Host", "X-Forwarded-Host"):
        if (host := request.header(field)) and host.isascii():
            yield replace(recipe, host=host.lower())
    name = recipe.host.removeprefix("www.")
    yield replace(recipe, host=name if name != recipe.host else f"www.{name}")
    yield replace(recipe, host=recipe.host.replace("127.0.0.1", "localhost"))
    yield replace(recipe, host=recipe.host.replace("localhost", "127.0.0.1"))
    try:
        yield replace(recipe, host=recipe.host.encode().decode("idna"))
    except UnicodeError:
        return


# Encoding


def _plus(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    yield replace(recipe, value_steps=(*recipe.value_steps, lambda text: text.replace("%20", "+")))


def _plus_not_decoded(recipe: Recipe, request: SentRequest) -> Iterator[Recipe]:
    raw = SentRequest(
        request.method,
        request.url.replace("+", "%2B"),
        request.headers,
        request.body.replace(b"+", b"%2B") if request.form() else request.body,
    )
    yield replace(recipe, query=_same(raw.query(), recipe.query), form=_same(raw.form(), recipe.form))


def _tilde(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    def step(text: str) -> str:
        return text.replace("~", "%7E")

    values = replace(recipe, value_steps=(*recipe.value_steps, step))
    yield replace(values, uri_steps=(*recipe.uri_steps, step))
    yield values
    # One encoder for everything, under which the tilde of values stays bare but that of the URI does not.
    yield replace(recipe, uri_steps=(*recipe.uri_steps, step), whole_steps=(*recipe.whole_steps, step))


def _lower_escapes(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    def step(text: str) -> str:
        return _ESCAPE.sub(lambda found: found[0].lower(), text)

    everywhere = {
        name: (*getattr(recipe, name), step) for name in ("value_steps", "uri_steps", "whole_steps")
    }
    yield replace(recipe, **everywhere)  # type: ignore[arg-type]
    yield replace(recipe, value_steps=everywhere["value_steps"])
    yield replace(recipe, uri_steps=everywhere["uri_steps"], whole_steps=everywhere["whole_steps"])


def _bare_characters(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    """Leave characters bare that encoders of forms or JavaScript do not encode."""
    for characters in ("!*'()", "/", ":/", "*", "!", "'", "()", "[]", ","):

        def step(text: str, characters: str = characters) -> str:
            for character in characters:
                text = text.replace(f"%{ord(character):02X}", character)
            return text

        values = replace(recipe, value_steps=(*recipe.value_steps, step))
        yield values
        yield replace(values, whole_steps=(*recipe.whole_steps, step), uri_steps=(*recipe.uri_steps, step))


def _twice(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    yield replace(recipe, value_steps=(*recipe.value_steps, percent_encode))
    yield replace(recipe, query=_encoded(recipe.query))
    yield replace(recipe, form=_encoded(recipe.form))
    yield replace(recipe, query=_encoded(recipe.query), form=_encoded(recipe.form))
    yield replace(recipe, protocol_steps=(*recipe.protocol_steps, percent_encode))
    yield replace(recipe, whole_steps=(*recipe.whole_steps, percent_encode))
    yield replace(recipe, uri_steps=(*recipe.uri_steps, percent_encode))
    yield replace(
        recipe,
        uri_steps=(*recipe.uri_steps, percent_encode),
        whole_steps=(*recipe.whole_steps, percent_encode),
    )


def _not_encoded(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    yield replace(recipe, value_steps=(*recipe.value_steps, unquote))
    yield replace(recipe, protocol_steps=(*recipe.protocol_steps, unquote))
    yield replace(recipe, uri_steps=(*recipe.uri_steps, unquote))
    yield replace(recipe, whole_steps=(*recipe.whole_steps, unquote))


def _decoded_twice(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    yield replace(recipe, value_steps=(*recipe.value_steps, decoded_again))
    yield replace(recipe, protocol_steps=(*recipe.protocol_steps, decoded_again))


def _latin_1(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    def step(text: str) -> str:
        try:
            return percent_encode(unquote_to_bytes(text).decode().encode("latin-1"))
        except UnicodeError:
            return text

    yield replace(recipe, value_steps=(*recipe.value_steps, step))


# Parameters


def _no_query(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    yield replace(recipe, query=())


def _query_in_uri(recipe: Recipe, request: SentRequest) -> Iterator[Recipe]:
    url, mark, fragment = request.url.partition("#")
    raw = url.partition("?")[2]
    if raw:
        whole = replace(recipe, path=f"{recipe.path}?{raw}")
        yield whole
        yield replace(whole, query=())
    if mark:
        yield replace(recipe, path=f"{recipe.path}#{fragment}")


def _html_escaped(recipe: Recipe, request: SentRequest) -> Iterator[Recipe]:
    escaped = SentRequest(request.method, request.url.replace("&", "&amp;"))
    yield replace(recipe, query=_same(escaped.query(), recipe.query))


def _parameter_left_out(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    query, form = recipe.query, recipe.form
    if len(query) + len(form) > _MOST_SINGLE:
        return
    for at in range(len(query)):
        yield replace(recipe, query=query[:at] + query[at + 1 :])
    for at in range(len(form)):
        yield replace(recipe, form=form[:at] + form[at + 1 :])
    # A query of two sources, such as the URL and `params=`, of which one was signed.
    for at in range(1, len(query)):
        yield replace(recipe, query=query[at:])
        yield replace(recipe, query=query[:at])


def _signed_twice(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    yield replace(recipe, query=recipe.query * 2)
    yield replace(recipe, form=recipe.form * 2)
    yield replace(recipe, query=recipe.query * 2, form=recipe.form * 2)
    yield replace(recipe, oauth=recipe.oauth * 2)


def _signature_signed(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    yield replace(recipe, oauth=(*recipe.oauth, (b"oauth_signature", b"")))


def _timestamp(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    sent = dict(recipe.oauth).get(b"oauth_timestamp", b"")
    seconds = sent.partition(b".")[0]
    if not seconds.isdigit() or len(seconds) > len(str(_MILLISECONDS)) + 3:
        return
    number = int(seconds)
    # A clock read twice, milliseconds in one of two places, and a fraction in one.
    others = [number, number * 1000, *(number + step for step in (-1, 1, -2, 2, -3, 3))]
    if number >= _MILLISECONDS:
        others[:0] = [number // 1000]
    for other in others:
        yield replace(
            recipe,
            oauth=tuple(
                (name, b"%d" % other if name == b"oauth_timestamp" else value) for name, value in recipe.oauth
            ),
        )


def _protocol_left_out(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    for at in range(len(recipe.oauth)):
        yield replace(recipe, oauth=recipe.oauth[:at] + recipe.oauth[at + 1 :])


def _no_form(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    yield replace(recipe, form=())


def _json(recipe: Recipe, request: SentRequest) -> Iterator[Recipe]:
    if request.form() or not request.body:
        return
    members = request.json_pairs()
    if members:
        yield replace(recipe, form=members)
        yield replace(recipe, form=_mapped(lambda value: _PYTHON_SPELLING.get(value, value), members))
    if request.content_type != "multipart/form-data":
        yield replace(recipe, form=((request.body, b""),))
        name, _, value = request.body.partition(b"=")
        yield replace(recipe, form=((unquote_to_bytes(name), unquote_to_bytes(value)),))


def _form_type(recipe: Recipe, request: SentRequest) -> Iterator[Recipe]:
    body = request.body
    is_other = request.content_type.startswith("multipart/") or body.lstrip()[:1] in {b"{", b"[", b"<"}
    if not is_other and b"=" in body and not recipe.form:
        yield replace(recipe, form=tuple(parse_form(body)))


def _values(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    """Undo what an editor, browser, template or database does to a value."""
    changes: tuple[Callable[[bytes], bytes], ...] = (
        lambda value: value.replace(b"\r\n", b"\n"),
        lambda value: value.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
        lambda value: value.strip(),
        partial(_normalized, "NFC"),
        partial(_normalized, "NFD"),
        lambda value: _PYTHON_SPELLING.get(value, value),
        lambda value: _JSON_SPELLING.get(value, value),
    )
    for change in changes:
        yield replace(
            recipe,
            oauth=_mapped(change, recipe.oauth),
            query=_mapped(change, recipe.query),
            form=_mapped(change, recipe.form),
        )
    if len(recipe.oauth) + len(recipe.query) + len(recipe.form) <= _MOST_SINGLE:
        for place in ("oauth", "query", "form"):
            pairs: Pairs = getattr(recipe, place)
            for at, (name, value) in enumerate(pairs):
                for end in (b" ", b"\n", b"\r\n"):
                    changed = (*pairs[:at], (name, value + end), *pairs[at + 1 :])
                    yield replace(recipe, **{place: changed})  # type: ignore[arg-type]


def _mapped(change: Callable[[bytes], bytes], pairs: Pairs) -> Pairs:
    return tuple((name, change(value)) for name, value in pairs)


def _normalized(form: Literal["NFC", "NFD"], value: bytes) -> bytes:
    try:
        return unicodedata.normalize(form, value.decode()).encode()
    except UnicodeError:
        return value


def _multipart(recipe: Recipe, request: SentRequest) -> Iterator[Recipe]:
    if fields := multipart_pairs(request):
        yield replace(recipe, form=fields)


def _without(name: bytes, recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    yield replace(recipe, oauth=tuple(pair for pair in recipe.oauth if pair[0] != name))


def _version(recipe: Recipe, request: SentRequest) -> Iterator[Recipe]:
    if request.protocol("oauth_version") is None:
        yield replace(recipe, oauth=(*recipe.oauth, (b"oauth_version", b"1.0")))
    else:
        yield from _without(b"oauth_version", recipe, request)


def _token(recipe: Recipe, request: SentRequest) -> Iterator[Recipe]:
    if request.protocol("oauth_token") is None:
        yield replace(recipe, oauth=(*recipe.oauth, (b"oauth_token", b"")))
    else:
        yield from _without(b"oauth_token", recipe, request)
        yield replace(
            recipe,
            oauth=tuple((name, b"" if name == b"oauth_token" else value) for name, value in recipe.oauth),
        )


def _realm(recipe: Recipe, request: SentRequest) -> Iterator[Recipe]:
    realm = request.realm()
    for value in ("",) if realm is None else (realm,):
        yield replace(recipe, oauth=(*recipe.oauth, (b"realm", value.encode())))


def _array_names(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    for rename in (_numbered, _with_brackets, _without_brackets, _repeats_numbered):
        yield replace(recipe, query=rename(recipe.query), form=rename(recipe.form))


def _empty_left_out(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    yield replace(
        recipe,
        query=tuple(pair for pair in recipe.query if pair[1]),
        form=tuple(pair for pair in recipe.form if pair[1]),
    )


def _repeats_merged(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    def last(pairs: Pairs) -> Pairs:
        return tuple(dict(pairs).items())

    def first(pairs: Pairs) -> Pairs:
        return tuple(dict(reversed(pairs)).items())

    for keep in (last, first):
        yield replace(recipe, query=keep(recipe.query), form=keep(recipe.form))
        yield replace(recipe, query=keep(recipe.query))
        yield replace(recipe, form=keep(recipe.form))
    names = {name for name, _ in recipe.query}
    yield replace(recipe, form=tuple(pair for pair in recipe.form if pair[0] not in names))


# Order


def _unsorted(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    yield replace(recipe, order=list)
    yield replace(recipe, order=list, oauth_last=True)
    names = ("oauth_consumer_key", "oauth_nonce", "oauth_signature_method", "oauth_timestamp", "oauth_token")
    rank = {name.encode(): at for at, name in enumerate((*names, "oauth_version"))}
    oauth = tuple(sorted(recipe.oauth, key=lambda pair: (rank.get(pair[0], len(rank)), pair)))
    yield replace(recipe, order=list, oauth=oauth)
    yield replace(recipe, order=list, oauth=oauth, oauth_last=True)


def _natural(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    yield replace(recipe, order=sorted if recipe.order is naturally_sorted else naturally_sorted)


def _other_order(recipe: Recipe, _: SentRequest) -> Iterator[Recipe]:
    def by_name(pairs: EncodedPairs) -> EncodedPairs:
        return sorted(pairs, key=lambda pair: pair[0])

    def by_name_reversed(pairs: EncodedPairs) -> EncodedPairs:
        return by_name(pairs[::-1])

    def by_decoded(pairs: EncodedPairs) -> EncodedPairs:
        return sorted(pairs, key=lambda pair: (unquote(pair[0]), unquote(pair[1])))

    def by_text(pairs: EncodedPairs) -> EncodedPairs:
        return sorted(pairs, key="=".join)

    def by_lower(pairs: EncodedPairs) -> EncodedPairs:
        return sorted(pairs, key=lambda pair: (pair[0].lower(), pair[1].lower()))

    def backwards(pairs: EncodedPairs) -> EncodedPairs:
        return pairs[::-1]

    for order in (by_name, by_name_reversed, by_decoded, by_text, by_lower, backwards):
        yield replace(recipe, order=order)
        yield replace(recipe, order=order, oauth_last=True)


def _same(given: Pairs, kept: Pairs) -> Pairs:
    """Return those of the given pairs that were kept, by place, when protocol parameters were taken out."""
    return (
        tuple(pair for pair in given if not pair[0].startswith(b"oauth_"))
        if len(given) != len(kept)
        else given
    )


def _encoded(pairs: Pairs) -> Pairs:
    return tuple((percent_encode(name).encode(), percent_encode(value).encode()) for name, value in pairs)


def _numbered(pairs: Pairs) -> Pairs:
    counts: dict[bytes, int] = {}
    found = []
    for name, value in pairs:
        if name.endswith(b"[]"):
            number = counts.get(name, 0)
            counts[name] = number + 1
            found.append((name[:-1] + b"%d]" % number, value))
        else:
            found.append((name, value))
    return tuple(found)


_NUMBER = re.compile(rb"\[[0-9]{1,9}\]\Z")


def _with_brackets(pairs: Pairs) -> Pairs:
    return tuple((_NUMBER.sub(b"[]", name), value) for name, value in pairs)


def _without_brackets(pairs: Pairs) -> Pairs:
    return tuple((_NUMBER.sub(b"", name).removesuffix(b"[]"), value) for name, value in pairs)


def _repeats_numbered(pairs: Pairs) -> Pairs:
    names = [name for name, _ in pairs]
    return _numbered(
        tuple((name + b"[]" if names.count(name) > 1 else name, value) for name, value in pairs)
        if len(pairs) <= 1000  # noqa: PLR2004  counting is quadratic
        else pairs
    )


# In the order in which they are applied where two come together, the likeliest first among equals.
_BASE: list[tuple[str, RecipeVariants, str, str]] = [
    ("array_names", _array_names, "The names of arrays were signed in another form than sent (a[], a[0], a).",
     "Send a[0]=…&a[1]=… and sign exactly that."),
    ("values_changed", _values,
     "A value was signed with other line breaks, outer white space, case of True or Unicode form than sent.",
     "Change values before signing, never between signing and sending."),
    ("query_left_out", _no_query, "The query was not signed.", "Sign the parameters of the query as well."),
    ("signed_twice", _signed_twice, "Parameters that were sent once were signed twice.",
     "Sign each parameter as often as it is sent: take the query from the URL or from `params`, not both."),
    ("query_in_uri", _query_in_uri, "The query or fragment was signed as a part of the base string URI.",
     "End the URI before the ?, sign the query as parameters, and leave the fragment out."),
    ("html_escaped", _html_escaped, "The URL was signed with &amp; in place of &.",
     "Unescape a URL that was read from HTML."),
    ("form_left_out", _no_form, "The form was not signed.",
     "Sign the body's parameters if its type is application/x-www-form-urlencoded."),
    ("form_type_missing", _form_type, "The body was signed as a form, and is not sent as one.",
     "Send it with Content-Type: application/x-www-form-urlencoded."),
    ("json_signed", _json, "The JSON body was signed as if it were a form.",
     "Sign a body only if it is a form; of a JSON body sign nothing, or its oauth_body_hash."),
    ("multipart_signed", _multipart, "The text fields of the multipart body were signed.",
     "Leave them out, unless the provider wants them signed (Provider(sign_multipart_text=True))."),
    ("version_not_as_sent", _version, "oauth_version was sent and not signed, or signed and not sent.",
     "Sign every oauth_ parameter that is sent, and no other."),
    ("token_not_as_sent", _token, "oauth_token was sent and not signed, or signed empty and not sent.",
     "Sign every oauth_ parameter that is sent, and no other."),
    ("body_hash_left_out", partial(_without, b"oauth_body_hash"), "oauth_body_hash was sent and not signed.",
     "Sign it with the other oauth_ parameters."),
    ("callback_left_out", partial(_without, b"oauth_callback"), "oauth_callback was sent and not signed.",
     "Sign it with the other oauth_ parameters."),
    ("verifier_left_out", partial(_without, b"oauth_verifier"), "oauth_verifier was sent and not signed.",
     "Sign it with the other oauth_ parameters."),
    ("protocol_parameter_left_out", _protocol_left_out,
     "One of oauth_consumer_key, oauth_nonce, oauth_timestamp and the like was sent and not signed.",
     "Sign every oauth_ parameter that is sent, except oauth_signature."),
    ("timestamp_not_as_sent", _timestamp, "Another oauth_timestamp was signed than sent.",
     "Read the clock once for each request, in whole seconds, and sign what is sent."),
    ("signature_signed", _signature_signed, "An empty oauth_signature was signed.",
     "Leave oauth_signature out of the base string."),
    ("realm_signed", _realm, "The realm was signed.", "Leave realm out of the base string."),
    ("empty_values_left_out", _empty_left_out, "Parameters with an empty value were not signed.",
     "Sign them: the pair is name=."),
    ("repeated_names_merged", _repeats_merged,
     "Only one value of a repeated name was signed.",
     "Keep parameters as pairs, not in a dict."),
    ("parameter_left_out", _parameter_left_out, "A part of the query or form was not signed.",
     "Sign every parameter that is sent: also those of the URL when more are added to it."),
    ("scheme", _scheme, "http was signed instead of https, or the reverse.",
     "Sign the scheme that the provider sees; behind a TLS proxy: the public one (signed_scheme)."),
    ("trailing_slash", _slash,
     "The path was signed with a slash at its end that was not sent, or without one.",
     "Sign the path as it is sent; look for a redirect or proxy that changes it."),
    ("host_case", _host_case, "The scheme or host was signed with capital letters.",
     "Write both in lower case."),
    ("port", _port, "The port was signed where it is the default one, or left out where it is not.",
     "Sign the port of the public URL: leave :443 and :80 out, keep any other."),
    ("other_host", _other_host, "Another host was signed than the one of the URL.",
     "Sign the host of the public URL (signed_origin for servers behind a proxy)."),
    ("path_decoded", _path_decoded, "The path was percent-decoded, or normalised, before it was signed.",
     "Sign the path with its escapes as they are sent."),
    ("path_prefix", _path_prefix, "The path was signed without its beginning, or with a prefix.",
     "Sign the public path; a proxy that strips or adds a prefix must tell the server (signed_origin)."),
    ("path_encoded_twice", _path_encoded, "The path was percent-encoded once too often.",
     "Sign the path with its escapes as they are sent."),
    ("path_case", _path_case, "The path was written in lower case.", "Sign the path as it is sent."),
    ("method_case", _method, "The method was not in capital letters.", "Write the method in upper case."),
    ("other_method", _other_method, "Another method was signed than the one sent.",
     "Sign the method of this request; after a redirect sign again."),
    ("plus_not_decoded", _plus_not_decoded,
     "A plus in the query or form was signed as a plus, not as a space.",
     "Write a space as %20 in the request."),
    ("decoded_twice", _decoded_twice, "Values were decoded once too often before they were signed.",
     "Decode once; for such a provider use SigningRules(decodes_twice=True)."),
    ("encoded_twice", _twice, "Values were percent-encoded once too often.",
     "Decode what is sent, then encode each name and value once and the joined parameters once more."),
    ("not_encoded", _not_encoded, "A part of the base string was not percent-encoded.",
     "Encode each name and value, and then URI and joined parameters."),
    ("latin_1", _latin_1, "Text was encoded as Latin-1.", "Encode text as UTF-8."),
    ("plus_for_space", _plus, "Spaces were encoded as + instead of %20.", "Encode a space as %20."),
    ("tilde_encoded", _tilde, "The tilde was encoded as %7E.", "Leave ~ as it is."),
    ("characters_left_bare", _bare_characters, "Characters such as ! * ' ( ) / were left bare.",
     "Encode everything except letters, digits and - . _ ~."),
    ("lower_case_escapes", _lower_escapes, "Escapes were written in lower case (%2f).", "Write them as %2F."),
    ("unsorted", _unsorted, "The parameters were not sorted.", "Sort them by encoded name, then by value."),
    ("natural_order", _natural,
     "The names were sorted as numbers sort (a[2] before a[10]), or should have been.",
     "Sort by bytes; for Magento use SigningRules(natural_order=True)."),
    ("other_order", _other_order, "The parameters were sorted in another order: by name alone, or decoded.",
     "Sort by encoded name, then by encoded value; look for a proxy that reorders them."),
]  # fmt: skip

# Mistakes with many variants. They are combined with others last, within the bounds of the search.
WIDE = frozenset(
    {"values_changed", "parameter_left_out", "protocol_parameter_left_out", "timestamp_not_as_sent"}
)
BASE_STRING_MISTAKES = tuple((Cause(name, text, remedy), variants) for name, variants, text, remedy in _BASE)
