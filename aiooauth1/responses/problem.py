"""The meaning of a refusal: pure functions of its status, its header fields and the beginning of its body.

The OAuth Problem Reporting extension names problems by `oauth_problem`, in the body as a form or in the
WWW-Authenticate header field. New names are allowed: an unknown one is kept and means nothing by itself.
Many providers have codes or sentences of their own: `problem_formats` finds them, `problem_catalog` and
`problem_sentences` know them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from aiooauth1.errors import ProviderError, RateLimited, SignatureRejected, TokenRejected
from aiooauth1.responses.excerpts import MAX_SCANNED, excerpt, find_base_string, printable
from aiooauth1.responses.headers import request_id, shown_headers
from aiooauth1.responses.problem_catalog import (
    CANONICAL_NAMES,
    ERROR_TYPES,
    HINTS,
    SAID_OF_SKEW,
    canonical_name,
)
from aiooauth1.responses.problem_formats import (
    ProblemReport,
    from_body,
    from_challenges,
    from_fields,
    from_success,
)
from aiooauth1.responses.problem_sentences import is_plain_sentence, server_time
from aiooauth1.responses.rate_limit import rate_limit_of
from aiooauth1.responses.rate_limit_fields import TOO_MANY
from aiooauth1.responses.redaction import SecretMatcher, safe_prefix
from aiooauth1.responses.retry_after import http_date


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aiooauth1.credentials import AccessToken, Consumer, RequestToken


__all__ = ["Problem", "read_problem", "read_success", "with_hints"]

_NAME_LENGTH = 64
_ADVICE_LENGTH = 200
_MOST_DIFFERENCES = 3
_BODY_LENGTH = 500
_PLACE_LENGTH = 200
_FIRST_REFUSAL = 400
_UNAUTHORIZED = 401

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
        hints: What to look at to solve it, the likeliest first.
        headers: The response's header fields, without secrets, `oauth_` values and cookies.
        request_id: The provider's own name for the request; None if no header field has one.
        server_time: The provider's time in seconds since the epoch, from its sentence about the timestamp or
            its Date field; None if neither tells.
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
    server_time: float | None = field(default=None, compare=False)
    clock_difference: float | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))
        if self.meaning is None:
            known = ProblemReport("oauth_problem", CANONICAL_NAMES.get(self.name or "", ""))
            meaning = "rate_limited" if self.status in TOO_MANY else canonical_name(known, self.status)
            object.__setattr__(self, "meaning", meaning)

    def __reduce__(self) -> tuple[object, ...]:
        # From the arguments: a read-only mapping can be neither pickled nor deeply copied.
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        return partial(type(self), **given | {"parameters": dict(self.parameters)}), ()

    @property
    def may_be_clock_skew(self) -> bool:
        """Whether a bad timestamp may be the reason, although the provider does not say so."""
        return self.status == _UNAUTHORIZED and (not self.meaning or self.name in SAID_OF_SKEW)

    @property
    def error_type(self) -> type[ProviderError]:
        """The class of the error for this problem."""
        return ERROR_TYPES.get(self.meaning or "", ProviderError)

    def error(
        self,
        *,
        method: str | None = None,
        url: str | None = None,
        user: str | None = None,
        base_string: str | None = None,
        clock_difference: float | None = None,
    ) -> ProviderError:
        """Return the error for this problem, which it keeps as `details`.

        Args:
            method: The request's method. The message names it, the URL without its query, and the user.
            url: The request's URL, without a signature in it.
            user: The application's name for the user of the call.
            base_string: The signature base string that was signed, for `SignatureRejected.base_string`.
            clock_difference: The provider's clock minus ours, in seconds. None: what the problem says of it.
        """
        details: dict[str, Any] = {}
        hints = self.hints
        if self.error_type is RateLimited:
            details = {"retry_after": self.retry_after}
        elif self.error_type is SignatureRejected:
            details = {"base_string": base_string, "server_base_string": self.server_base_string}
            hints = (*_differences(base_string, self.server_base_string), *hints)
        says = f": {self.name}" if self.name else ", and names no problem"
        advice = f" ({self.advice})" if self.advice else ""
        if self.advice and not self.name:
            says, advice = f": {self.advice}", ""
        if self.error_type is RateLimited and self.retry_after is not None:
            advice += f"; wait {self.retry_after:g} s"
        says += f"{advice}. Look first: {hints[0]}" if hints else advice
        return self.error_type(
            f"the provider refused {_request(method, url, user)}with status {self.status}{says}",
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
            hints=hints,
            **details,
        )


def with_hints(
    problem: Problem,
    by_meaning: Mapping[str, str],
    credentials: Iterable[Consumer | RequestToken | AccessToken | None] = (),
) -> Problem:
    """Return the problem with further hints first: on the credentials, then the provider's.

    Args:
        problem: The problem.
        by_meaning: `Provider.hints`, by a problem's meaning or its own name.
        credentials: What the request was signed with. No hint repeats it.
    """
    hints = []
    if problem.error_type in {SignatureRejected, TokenRejected}:
        kinds = {"Consumer": "consumer"}
        for one in filter(None, credentials):
            kind = kinds.get(type(one).__name__, "token")
            hints += [
                f"the {kind} {what} begins or ends with white space: strip it"
                for what, text in (("key", one.key), ("secret", one.secret))
                if text != text.strip()
            ]
    for name in (problem.meaning, problem.name):
        hint = by_meaning.get(name or "")
        if hint and hint not in hints:
            hints.append(hint)
    return replace(problem, hints=(*hints, *problem.hints)) if hints else problem


def _differences(ours: str | None, theirs: str | None) -> list[str]:
    """Return the first three differences between the provider's base string and ours."""
    if ours is None or theirs is None:
        return []
    from aiooauth1.signing.explain import compare  # noqa: PLC0415  only if a provider echoes one

    try:
        found = compare(ours, theirs)
    except ValueError:
        return []
    found = tuple(one for one in found if "***" not in (one.theirs or ""))  # masked, so it always differs
    if not found:
        return ["both base strings are equal: a secret is wrong, or one side does not encode it in the key"]
    return [str(one) for one in found[:_MOST_DIFFERENCES]]


def _request(method: str | None, url: str | None, user: str | None) -> str:
    """Describe a request for a message, without its query, which may be private; a name may hold anything."""
    place = url.partition("#")[0].partition("?")[0] if url else ""
    named = [printable(method, _NAME_LENGTH)] if method else []
    named += [printable(place, _PLACE_LENGTH)] if place else []
    named += [f"for user {user[:_NAME_LENGTH]!a}"] if user is not None else []
    return " ".join([*named, ""])


_BREAK = re.compile(r"[\r\n<]")
_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}+(?=[\s,;>\"'&)\]])")


def read_problem(
    status: int,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    secrets: Iterable[str] = (),
    *,
    now: float | None = None,
    at_token_endpoint: bool = False,
) -> Problem:
    """Read a refusal. Never raises, whatever the provider sent.

    Args:
        status: The status code, at least 400.
        headers: The header fields.
        body: The beginning of the body, decompressed.
        secrets: What must not come back out of it, should the provider echo our request.
        now: Seconds since the epoch by our own clock; None if it is not known how the clocks differ.
        at_token_endpoint: Whether a token endpoint answers: some sentences mean the request token only there.

    >>> read_problem(401, [], b"oauth_problem=token_revoked&oauth_problem_advice=Ask%20again").name
    'token_revoked'
    >>> read_problem(401, [("WWW-Authenticate", 'OAuth oauth_problem="nonce_used"')], b"").error().problem
    'nonce_used'
    >>> read_problem(401, [], b'{"errors": [{"code": 89, "message": "Invalid or expired token."}]}').meaning
    'token_rejected'
    """
    given = _Given.of(headers, body, secrets)
    header = from_challenges(given.challenges)
    report = _merged(header if header.name else from_fields(given.headers), _report_in(given.text, status))
    return _problem(status, given, report, now, at_token_endpoint=at_token_endpoint)


def read_success(
    status: int,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    secrets: Iterable[str] = (),
    *,
    refusal_header: str = "",
    now: float | None = None,
    at_token_endpoint: bool = False,
) -> Problem | None:
    """Read a 2xx response of a provider that refuses with 2xx. Never raises.

    Args:
        status: The status code.
        headers: The header fields.
        body: The beginning of the body, decompressed; nothing of a page, a picture or the like is read.
        secrets: What must not come back out of it.
        refusal_header: The name of the header field that names the problem, there in refusals only; "" if the
            provider has none, so that the body alone tells.
        now: Seconds since the epoch by our own clock.
        at_token_endpoint: Whether a token endpoint answers.

    Returns:
        The problem, or None if it is not a refusal.

    >>> read_success(200, [], b'{"stat": "fail", "code": 98, "message": "Invalid auth token"}').meaning
    'token_rejected'
    >>> read_success(200, [], b'{"id": 1, "text": "Invalid signature"}')
    """
    given = _Given.of(headers, body, secrets)
    report = _normalized(from_success(given.text))
    if refusal_header:
        code = next((value for name, value in given.headers if name.lower() == refusal_header.lower()), "")
        if not report.name and not report.advice:
            report = ProblemReport("code", code[:_NAME_LENGTH].strip())
        elif code and not report.name:
            report = replace(report, form="code", name=code[:_NAME_LENGTH].strip())
    if not report.name and not report.advice:
        return None
    return _problem(status, given, report, now, at_token_endpoint=at_token_endpoint)


@dataclass(frozen=True, slots=True)
class _Given:
    """The parts of a response that are read."""

    headers: list[tuple[str, str]]
    matcher: SecretMatcher
    challenges: str
    text: str
    base_string: str | None

    @classmethod
    def of(cls, headers: Iterable[tuple[str, str]], body: bytes, secrets: Iterable[str]) -> _Given:
        headers = list(headers)
        matcher = SecretMatcher.from_secrets(secrets)
        longest = MAX_SCANNED + matcher.longest + 1  # one more byte shows whether it was cut
        challenges = b""
        for name, value in headers:
            if name.lower() == "www-authenticate" and len(challenges) < longest:
                challenges += b", " * bool(challenges) + value[:longest].encode("utf-8", "replace")
        start = safe_prefix(challenges, MAX_SCANNED, matcher)
        header, is_cut = start.decode("utf-8", "replace"), len(start) < len(challenges)
        base_string = find_base_string(header, matcher, cut=is_cut)
        start = safe_prefix(body[:longest], MAX_SCANNED, matcher)
        text, is_cut = start.decode("utf-8", "replace"), len(start) < len(body)
        if base_string is None:
            base_string = find_base_string(text, matcher, cut=is_cut)
        return cls(headers, matcher, header, text, base_string)


def _problem(
    status: int, given: _Given, report: ProblemReport, now: float | None, *, at_token_endpoint: bool
) -> Problem:
    is_success = status < _FIRST_REFUSAL
    if report.form != "oauth_problem" and report.name == str(status):
        report = replace(report, form="message", name="")  # a repeated status names nothing
    meaning = canonical_name(
        report, _UNAUTHORIZED if is_success else status, at_token_endpoint=at_token_endpoint
    )
    if not meaning and not report.name and given.base_string is not None:
        meaning = "signature_invalid"  # there is no other reason to echo it
    if not report.name:
        report = replace(report, name=meaning)
    if status in TOO_MANY:
        meaning = "rate_limited"
    hints = HINTS.get(report.name) or HINTS.get(meaning, ())
    if given.base_string is not None:
        hints = (_COMPARE, *hints)
    matcher = given.matcher
    known = report.name in CANONICAL_NAMES
    shown = shown_headers(given.headers, matcher)
    limits = rate_limit_of(given.headers, now)
    their_time = server_time(report.advice or report.name)
    if their_time is None:
        date = next((value for name, value in given.headers if name.lower() == "date"), "")
        their_time = http_date(date)
    return Problem(
        status=status,
        name=(report.name if known else excerpt(report.name, _NAME_LENGTH, matcher)) or None,
        advice=excerpt(report.advice, _ADVICE_LENGTH, matcher) or None,
        parameters={
            name: excerpt(value, _ADVICE_LENGTH, matcher) for name, value in report.parameters.items()
        },
        retry_after=limits.wait if meaning == "rate_limited" else limits.wait_after(status),
        body=excerpt(given.text, _BODY_LENGTH, matcher),
        server_base_string=given.base_string,
        hints=hints if ERROR_TYPES.get(meaning) is SignatureRejected else (),
        meaning=meaning,
        headers=shown,
        request_id=request_id(shown),
        server_time=their_time,
        clock_difference=their_time - now if their_time is not None and now is not None else None,
    )


def _report_in(text: str, status: int) -> ProblemReport:
    """Return the report in a body. Plain text counts only if it is known, or one sentence."""
    report = from_body(text)
    if report.form != "text" or is_plain_sentence(report.advice) or canonical_name(report, status):
        return report
    return ProblemReport()


def _merged(header: ProblemReport, body: ProblemReport) -> ProblemReport:
    """Merge two reports. The header's wins: a proxy may have changed the body."""
    header, body = _normalized(header), _normalized(body)
    first, second = (header, body) if header.name or not (body.name or body.advice) else (body, header)
    return replace(
        first, advice=first.advice or second.advice, parameters={**body.parameters, **header.parameters}
    )


def _normalized(report: ProblemReport) -> ProblemReport:
    """Return a report whose name can be looked up."""
    name = report.name.strip()
    if report.form == "challenge" and ERROR_TYPES.get(CANONICAL_NAMES.get(name, "")) is TokenRejected:
        # NetSuite says this of every mistake, so it means nothing.
        return replace(report, name="", advice=f"{name}: {report.advice}")
    line = _BREAK.split(name, maxsplit=1)[0].strip()
    if line not in CANONICAL_NAMES and (word := _WORD.match(line)) and word[0] in CANONICAL_NAMES:
        line = word[0]
    # A page may follow the name.
    return replace(report, name=line, embedded=report.embedded or line != name)
