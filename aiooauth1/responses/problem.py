"""What a provider's refusal means: pure functions of its status, header fields and the beginning of its body.

The OAuth Problem Reporting extension names problems by `oauth_problem`, in the body as a form or in the
WWW-Authenticate header field. New names are allowed: an unknown one is kept and means nothing by itself.
Many providers have codes or sentences of their own: `reports` finds them, `meanings` knows them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from aiooauth1.errors import ProviderError, RateLimited, SignatureRejected, TokenRejected
from aiooauth1.responses.headers import request_id, shown_headers
from aiooauth1.responses.problem_catalog import HINTS, KINDS, MEANINGS, meaning_of
from aiooauth1.responses.problem_formats import Report, in_body, in_challenges
from aiooauth1.responses.rate_limit import http_date, rate_limit_of
from aiooauth1.responses.redaction import (
    LOOKED_AT,
    Veil,
    base_string_in,
    clean,
    presentable,
    redact,
    scrub,
    window,
)


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


__all__ = ["DENIALS", "Problem", "clean", "problem_of", "read_problem", "redact", "scrub"]

DENIALS = frozenset({"user_refused", "permission_denied", "access_denied"})
"""What a callback calls it when the user said no."""

_NAME_LENGTH = 64
_ADVICE_LENGTH = 200
_BODY_LENGTH = 500
_PLACE_LENGTH = 200
_TOO_MANY_REQUESTS = 429

_COMPARE = (
    "compare server_base_string with the base_string that signing the same request gives: if they differ in"
    " more than nonce and timestamp, something changed the request on its way; if not, a secret is wrong"
)


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal, as far as it can be understood.

    Attributes:
        status: The HTTP status code.
        name: What the provider calls the problem, for example `token_revoked`, `json_oauth1_invalid_token` or
            `89`, or the meaning where it has a sentence only; printable ASCII, at most 64 characters; None if
            it does not say.
        advice: What it says about it, printable ASCII, at most 200 characters; None if nothing.
        parameters: The other `oauth_` parameters of the report, for example `oauth_acceptable_timestamps`.
        retry_after: How many seconds to wait before asking again, as the rate-limit fields say; None if they
            do not.
        body: The beginning of the body, printable ASCII, with the values of `oauth_` parameters taken out.
        server_base_string: The signature base string that the provider made of the request, if it tells, with
            secrets taken out (RFC 5849 section 3.4.1).
        hints: What to look at to solve it; nothing unless it is about the signature.
        headers: The response's header fields, without secrets, `oauth_` values and cookies.
        request_id: The provider's own name for the request; None if no header field has one.
        clock_difference: The provider's clock minus ours, in seconds; None if not known.
        meaning: What the name means, in the names of the OAuth Problem Reporting extension, for example
            `token_rejected` for X's `89`; empty if that is not known. If not given, what the name means.
    """

    status: int
    name: str | None = None
    advice: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict, hash=False)
    retry_after: float | None = None
    body: str = ""
    server_base_string: str | None = None
    hints: tuple[str, ...] = ()
    meaning: str | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False, compare=False)
    request_id: str | None = field(default=None, compare=False)
    clock_difference: float | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))
        if self.meaning is None:
            known = Report("oauth_problem", MEANINGS.get(self.name or "", ""))
            meaning = "rate_limited" if self.status == _TOO_MANY_REQUESTS else meaning_of(known, self.status)
            object.__setattr__(self, "meaning", meaning)

    def __reduce__(self) -> tuple[object, ...]:
        # Made anew from what was given: a read-only mapping is neither pickled nor deeply copied.
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        return partial(type(self), **given | {"parameters": dict(self.parameters)}), ()

    @property
    def error_type(self) -> type[ProviderError]:
        """The class of the error that stands for it."""
        return KINDS.get(self.meaning or "", ProviderError)

    def error(
        self,
        *,
        method: str | None = None,
        url: str | None = None,
        user: str | None = None,
        base_string: str | None = None,
        clock_difference: float | None = None,
    ) -> ProviderError:
        """Return the error that stands for it. It keeps this problem as `details`.

        Args:
            method: The request's method. The message names it, the URL without its query, and the user.
            url: The request's URL, without a signature in it.
            user: The application's name for the user of the call.
            base_string: The signature base string that was signed, for `SignatureRejected.base_string`.
            clock_difference: The provider's clock minus ours, in seconds. None: what the problem says of it.
        """
        details: dict[str, Any] = {}
        if self.error_type is RateLimited:
            details = {"retry_after": self.retry_after}
        elif self.error_type is SignatureRejected:
            details = {
                "base_string": base_string,
                "server_base_string": self.server_base_string,
                "hints": self.hints,
            }
        says = f": {self.name}" if self.name else ", and names no problem"
        advice = f" ({self.advice})" if self.advice else ""
        return self.error_type(
            f"the provider refused {_request(method, url, user)}with status {self.status}{says}{advice}",
            status=self.status,
            problem=self.name,
            advice=self.advice,
            body=self.body,
            details=self,
            method=method,
            url=url,
            user=user,
            headers=self.headers,
            request_id=self.request_id,
            clock_difference=self.clock_difference if clock_difference is None else clock_difference,
            **details,
        )


def _request(method: str | None, url: str | None, user: str | None) -> str:
    """Name a request in a message. A query may hold what is nobody's business, and a name anything at all."""
    place = url.partition("#")[0].partition("?")[0] if url else ""
    named = [clean(method, _NAME_LENGTH)] if method else []
    named += [clean(place, _PLACE_LENGTH)] if place else []
    named += [f"for user {user[:_NAME_LENGTH]!a}"] if user is not None else []
    return " ".join([*named, ""])


_BREAK = re.compile(r"[\r\n<]")
_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}+(?=[\s,;>\"'&)\]])")


def problem_of(error: ProviderError) -> Problem:
    """Return the problem that an error was made of, or as much of one as an error made by hand tells.

    >>> problem_of(Problem(401, "89", meaning="token_rejected").error()).meaning
    'token_rejected'
    """
    if isinstance(error.details, Problem):
        return error.details
    meaning = next((meaning for meaning, kind in KINDS.items() if kind is type(error)), "")
    return Problem(error.status, error.problem, error.advice, body=error.body, meaning=meaning)


def read_problem(
    status: int,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    secrets: Iterable[str] = (),
    *,
    now: float | None = None,
) -> Problem:
    """Read what a refusal says of itself. Never raises, whatever the provider sent.

    Args:
        status: The status code, at least 400.
        headers: The header fields.
        body: The beginning of the body, decompressed.
        secrets: What must not come back out of it, should the provider echo our request.
        now: Seconds since the epoch by our own clock; None: it is not known how the clocks differ.

    >>> read_problem(401, [], b"oauth_problem=token_revoked&oauth_problem_advice=Ask%20again").name
    'token_revoked'
    >>> read_problem(401, [("WWW-Authenticate", 'OAuth oauth_problem="nonce_used"')], b"").error().problem
    'nonce_used'
    >>> read_problem(401, [], b'{"errors": [{"code": 89, "message": "Invalid or expired token."}]}').meaning
    'token_rejected'
    """
    headers = list(headers)
    veil = Veil.over(secrets)
    longest = LOOKED_AT + veil.reach + 1  # one more tells that it goes on
    challenges, date = b"", None
    for field_name, value in headers:
        if field_name.lower() == "www-authenticate" and len(challenges) < longest:
            challenges += b", " * bool(challenges) + value[:longest].encode("utf-8", "replace")
        elif field_name.lower() == "date":
            date = http_date(value)
    octets = window(challenges, LOOKED_AT, veil)
    header, header_is_cut = octets.decode("utf-8", "replace"), len(octets) < len(challenges)
    octets = window(body[:longest], LOOKED_AT, veil)
    text, text_is_cut = octets.decode("utf-8", "replace"), len(octets) < len(body)

    report = _joined(in_challenges(header), _report_in(text, status))
    base_string = base_string_in(header, veil, cut=header_is_cut)
    if base_string is None:
        base_string = base_string_in(text, veil, cut=text_is_cut)
    meaning = meaning_of(report, status)
    if not meaning and not report.name and base_string is not None:
        meaning = "signature_invalid"  # why else would it tell
    if not report.name:
        report = replace(report, name=meaning)
    if status == _TOO_MANY_REQUESTS:
        meaning = "rate_limited"
    hints = HINTS.get(report.name) or HINTS.get(meaning, ())
    if base_string is not None:
        hints = (_COMPARE, *hints)
    known = report.name in MEANINGS
    shown = shown_headers(headers, veil)
    limits = rate_limit_of(headers, now)
    return Problem(
        status=status,
        name=(report.name if known else presentable(report.name, _NAME_LENGTH, veil)) or None,
        advice=presentable(report.advice, _ADVICE_LENGTH, veil) or None,
        parameters={
            name: presentable(value, _ADVICE_LENGTH, veil) for name, value in report.parameters.items()
        },
        retry_after=limits.wait if meaning == "rate_limited" else limits.wait_after(status),
        body=presentable(text, _BODY_LENGTH, veil),
        server_base_string=base_string,
        hints=hints if KINDS.get(meaning) is SignatureRejected else (),
        meaning=meaning,
        headers=shown,
        request_id=request_id(shown),
        clock_difference=date - now if date is not None and now is not None else None,
    )


def _report_in(text: str, status: int) -> Report:
    """Return the report in a body. A text of which nothing is known is none: it may be any page."""
    report = in_body(text)
    return report if report.form != "text" or meaning_of(report, status) else Report()


def _joined(header: Report, body: Report) -> Report:
    """Return one report of two. The header wins: a proxy may have changed the body."""
    header, body = _at_its_word(header), _at_its_word(body)
    first, second = (header, body) if header.name or not (body.name or body.advice) else (body, header)
    return replace(
        first, advice=first.advice or second.advice, parameters={**body.parameters, **header.parameters}
    )


def _at_its_word(report: Report) -> Report:
    """Return a report whose name can be looked up."""
    name = report.name.strip()
    if report.form == "challenge" and KINDS.get(MEANINGS.get(name, "")) is TokenRejected:
        # NetSuite says so of whatever is wrong, so that it names nothing.
        return replace(report, name="", advice=f"{name}: {report.advice}")
    line = _BREAK.split(name, maxsplit=1)[0].strip()
    if line not in MEANINGS and (word := _WORD.match(line)) and word[0] in MEANINGS:
        line = word[0]
    return replace(report, name=line, loose=report.loose or line != name)  # a page may go on behind a name
