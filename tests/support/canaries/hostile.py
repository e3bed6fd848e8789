"""A provider that repeats all that it knows of a consumer, in every answer that it can give."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from wire.listener import DROP, RESET, broken, reply, silent


if TYPE_CHECKING:
    from wire.listener import Answer, Arrival


__all__ = ["BROKEN", "REDIRECTS", "REFUSALS", "all_told", "telling"]

Words = Callable[[str, str], "bytes | AsyncIterator[bytes]"]
"""Makes an answer from a text with everything in it, and from the secrets alone."""


def all_told(arrival: Arrival, secrets: Iterable[str]) -> str:
    """Write down what arrived and what the consumer keeps secret, as it is and encoded once and twice."""
    heard = arrival.octets.decode("latin-1").replace("\r\n", " ")
    known = " ".join(secrets)
    texts = [heard, unquote(heard), unquote(unquote(heard)), known]
    return " ".join([*texts, quote(known, safe="~ "), quote(quote(known, safe="~ "), safe="~ ")])


def telling(words: Words, secrets: Iterable[str]) -> Answer:
    """Answer with these words and secrets."""
    secrets = tuple(secrets)
    return lambda arrival: words(all_told(arrival, secrets), " ".join(secrets))


def _status(status: int, **fields: str) -> Words:
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    return lambda told, _: reply(status, {**named, "Content-Length": str(len(told))}, told.encode("latin-1"))


def _body(text: str, status: int = 401) -> Words:
    return lambda told, secret: reply(
        status, None, text.replace("TOLD", told).replace("SECRET", secret).encode("latin-1")
    )


def _field(name: str, value: str, status: int = 401) -> Words:
    return lambda told, secret: reply(
        status, {name: value.replace("TOLD", told).replace("SECRET", quote(secret, safe="/+&=:"))}
    )


def _broken(text: str) -> Words:
    return lambda told, secret: broken(text.replace("TOLD", told).replace("SECRET", secret).encode("latin-1"))


def _gzip(body: Callable[[bytes], bytes]) -> Words:
    return lambda told, _: reply(401, {"Content-Encoding": "gzip"}, body(told.encode("latin-1")))


_BASE_STRING = "POST&http%3A%2F%2Fa.example%2F&status%3D"

REFUSALS: Mapping[str, Words] = MappingProxyType(
    {
        "400": _status(400),
        "401": _status(401),
        "403": _status(403),
        "404": _status(404),
        "410": _status(410),
        "429 with Retry-After": _status(429, Retry_After="900"),
        "500": _status(500),
        "502": _status(502),
        "503": _status(503),
        "503 with Retry-After": _status(503, Retry_After="900"),
        "a problem whose advice tells": _body("oauth_problem=parameter_absent&oauth_problem_advice=TOLD"),
        "a problem whose name tells": _body("oauth_problem=SECRET&x=TOLD"),
        "a problem whose name tells, encoded": lambda _, secret: reply(
            401, None, f"oauth_problem={quote(secret, safe='')}".encode()
        ),
        "parameters that tell": _body("oauth_problem=x&oauth_parameters_absent=SECRET&oauth_other=TOLD"),
        "token_revoked that tells": _body("oauth_problem=token_revoked&oauth_problem_advice=TOLD"),
        "nonce_used that tells": _body("oauth_problem=nonce_used&oauth_problem_advice=TOLD"),
        "timestamp_refused that tells": _body(
            "oauth_problem=timestamp_refused&oauth_acceptable_timestamps=1-2&oauth_problem_advice=TOLD"
        ),
        "JSON that tells": lambda told, _: reply(
            403, None, json.dumps({"errors": [{"code": 32, "message": told}]}).encode()
        ),
        "HTML that tells": _body("<html><pre>TOLD</pre></html>", 500),
        "a base string as Discogs has it": _body(
            f"Invalid signature. Expected signature base string: {_BASE_STRING}TOLD key: SECRET"
        ),
        "a base string as PECL has it": _field(
            "WWW-Authenticate", f'OAuth oauth_problem="signature_invalid", debug_sbs="{_BASE_STRING}SECRET"'
        ),
        "a base string in the body as PECL has it": _body(
            f"oauth_problem=signature_invalid&debug_sbs={_BASE_STRING}SECRET&more=TOLD"
        ),
        "a challenge that tells": _field("WWW-Authenticate", 'OAuth realm="TOLD", oauth_problem="TOLD"'),
        "a header field that tells": _field("X-Echo", "TOLD"),
        "a cookie that tells": _field("Set-Cookie", "told=SECRET"),
        "a content type that tells": _field("Content-Type", "text/SECRET"),
        "a reason that tells": lambda told, _: reply(418).replace(b"Reason", told.encode("latin-1"), 1),
        "gzip that tells": _gzip(gzip.compress),
        "gzip that does not decompress": _gzip(bytes),
        "a refusal that breaks off": _broken("HTTP/1.1 401 No\r\nContent-Length: 99999\r\n\r\nTOLD"),
    }
)
"""Refusals, whose status the caller sees whatever else they are."""

REDIRECTS: Mapping[str, Words] = MappingProxyType(
    {
        "to another origin": _field("Location", "http://127.0.0.1:9/", 307),
        "with a user name": lambda _, secret: _to_user(302, f"{quote(secret, safe='')}:x"),
        "with a password": lambda _, secret: _to_user(307, f"x:{quote(secret, safe='')}"),
    }
)
"""Redirects that are never followed."""


def _to_user(status: int, user: str) -> bytes:
    return reply(status, {"Location": f"http://{user}@127.0.0.1/"})


async def _half(told: str) -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nX-Told: " + told.encode("latin-1")[:200]
    raise ConnectionError


_OK = "HTTP/1.1 200 OK\r\n"

BROKEN: Mapping[str, Words] = MappingProxyType(
    {
        "dropped": lambda *_: DROP,
        "reset": lambda *_: RESET,
        "silent": lambda *_: silent(None),  # type: ignore[arg-type]  # it looks at none
        "half a head": lambda told, _: _half(told),
        "no HTTP": _broken("TOLD\r\n\r\n"),
        "an invalid status": _broken("HTTP/1.1 TOLD\r\n\r\n"),
        "a header field without a name": _broken(f"{_OK}TOLD\r\n\r\n"),
        "a control character in a header field's name": _broken(f"{_OK}SECRET\x01: told\r\n\r\n"),
        "an invalid length": _broken(f"{_OK}Content-Length: SECRET\r\n\r\n"),
        "a header field of 100 KB": lambda told, _: broken(f"{_OK}X: {told * 100}\r\n\r\n".encode("latin-1")),
        "a body that is too short": _broken(f"{_OK}Content-Length: 99999\r\n\r\nTOLD"),
        "a bad chunk": _broken(f"{_OK}Transfer-Encoding: chunked\r\n\r\nTOLD\r\n"),
    }
)
"""Answers that are not whole or not HTTP."""
