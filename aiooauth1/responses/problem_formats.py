"""Finding the report in a refusal: parameters, JSON, markup or a sentence. Pure functions.

What it means is decided in `problem_catalog`. The text is the provider's and may be hostile. So nothing here
raises, and the time that it takes grows with the text's length and no faster: no pattern looks at the same
characters again and again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from json import JSONDecoder
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from aiooauth1.signing.encoding import parse_form


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


__all__ = ["ProblemReport", "from_body", "from_challenges", "from_fields", "from_success", "unescaped"]


@dataclass(frozen=True, slots=True)
class ProblemReport:
    """A report, in the provider's own words.

    Attributes:
        form: Where its name stands, and so whose name it is: `oauth_problem`; `challenge` or `error`, the
            parameter `error` of a header field or of a body; `errors`, a number in a list of errors; `code`,
            any other code; `title`. Where there may be no name: `message` in JSON, `mediawiki`, and `text`,
            which is the whole body.
        name: What it calls the problem; empty: nothing.
        advice: What it says about it; empty: nothing.
        parameters: The other parameters of the OAuth Problem Reporting extension.
        embedded: Whether it stands in the midst of other text, which may be an echo of anything.
    """

    form: str = "text"
    name: str = ""
    advice: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    embedded: bool = False


# The parameters of the OAuth Problem Reporting extension.
_PROBLEM, _ADVICE = "oauth_problem", "oauth_problem_advice"
_OTHERS = (
    "oauth_acceptable_timestamps",
    "oauth_acceptable_versions",
    "oauth_parameters_absent",
    "oauth_parameters_rejected",
)
_REPORTED = frozenset({_PROBLEM, _ADVICE, *_OTHERS})


def _problem(reported: Mapping[str, str], *, embedded: bool = False) -> ProblemReport:
    others = {name: reported[name] for name in _OTHERS if name in reported}
    return ProblemReport(_PROBLEM, reported.get(_PROBLEM, ""), reported.get(_ADVICE, ""), others, embedded)


def _decoded(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ").encode("utf-8", "replace")).decode("utf-8", "replace")


# Header fields

# A name in a challenge, and its value unless it is a scheme (RFC 9110 section 11.6.1). Text within quotes
# that are not a value, or have no end, is skipped.
_TOKEN = re.compile(
    r'(?<![\w.-])([A-Za-z][\w.-]{0,63}+)(?![\w.-])(?:[ \t]*+=[ \t]*+(?:"((?:[^"\\]|\\.)*+)"|([^\s,;"]++)))?+'
    r'|"(?:[^"\\]|\\.)*+(?:"|\\?\Z)',
    re.ASCII | re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_JOINED = re.compile(rf"&(?=(?:{'|'.join(sorted(_REPORTED))})=)", re.ASCII)


def from_challenges(text: str) -> ProblemReport:
    """Return the report in WWW-Authenticate header fields. Of duplicates the first counts.

    Args:
        text: Their values, joined by commas.

    >>> from_challenges('Basic realm="a", OAuth realm="b", oauth_problem="token%5Frevoked"').name
    'token_revoked'
    """
    scheme = ""
    reported: dict[str, str] = {}
    error: dict[str, str] = {}
    for found in _TOKEN.finditer(text):
        name, quoted, bare = found.groups()
        if name and quoted is None and bare is None:
            scheme = name.lower()
        elif name in _REPORTED:
            # django-declarative-apis joins them by & as a form does: `oauth_problem=a&oauth_acceptable_…=b`.
            value, *others = _JOINED.split(_unquoted(quoted, bare))
            reported.setdefault(name, _decoded(value))
            for other in others:
                other_name, _, value = other.partition("=")
                reported.setdefault(other_name, _decoded(value))
        elif scheme == "oauth" and name in {"error", "error_description"}:
            error.setdefault(name, _unquoted(quoted, bare))
    if _PROBLEM in reported or not error:
        return _problem(reported)
    return ProblemReport("challenge", error.get("error", ""), error.get("error_description", ""))


def _unquoted(quoted: str | None, bare: str | None) -> str:
    return _ESCAPED.sub(r"\1", quoted) if quoted else (bare or "").strip("'")  # mixi writes 'expired_token'


# Mashery (TIBCO Cloud API Management), a gateway: a code and its explanation. The body is a page.
_GATEWAY_CODE, _GATEWAY_DETAIL = "x-mashery-error-code", "x-error-detail-header"
_DETAIL = "x-error-detail"  # Etsy's: the same as in the body


def from_fields(headers: Iterable[tuple[str, str]]) -> ProblemReport:
    """Return the report in header fields other than WWW-Authenticate.

    Args:
        headers: All header fields.

    >>> from_fields([("X-Mashery-Error-Code", "ERR_403_DEVELOPER_OVER_QPS")]).name
    'ERR_403_DEVELOPER_OVER_QPS'
    """
    fields = {name.lower(): value for name, value in headers if name.lower().startswith("x-")}
    if code := fields.get(_GATEWAY_CODE, "").strip():
        return ProblemReport("code", code, fields.get(_GATEWAY_DETAIL, ""))
    return from_body(fields.get(_DETAIL, ""))


# Bodies

_WRITTEN = MappingProxyType(  # the separators of parameters, as markup and JSON write them
    {
        "&amp;": "&",
        "&#38;": "&",
        r"\u0026": "&",
        "&#61;": "=",
        r"\u003d": "=",
        "&quot;": '"',
        "&#34;": '"',
        r"\"": '"',
        "&#39;": "'",
        "&#039;": "'",
        "&lt;": "<",
        "&gt;": ">",
    }
)


def from_body(text: str) -> ProblemReport:
    """Return the report in a body.

    Args:
        text: The beginning of the body.

    >>> from_body("oauth_problem=timestamp_refused,oauth_acceptable_timestamps=1-3").parameters
    {'oauth_acceptable_timestamps': '1-3'}
    >>> from_body('{"errors": [{"code": 89, "message": "Invalid or expired token."}]}').name
    '89'
    """
    text = text.strip("\ufeff\0 \t\r\n")
    found = ProblemReport()
    for value, embedded in _objects(text):
        report = replace(_in_object(value), embedded=embedded)
        if report.name or not embedded:
            return report  # JSON is neither a form nor markup
        found = found if found.advice else report
    text = unescaped(text)
    report = _in_form(text)
    if not (report.name or report.advice):
        report = _in_text(text)
    return report if report.name or report.advice else found


def from_success(text: str) -> ProblemReport:
    """Return the report in the body of a 2xx, in the forms of providers that refuse with 2xx.

    The body may be anything, so that it must be one of these as a whole: JSON with a non-empty `error`, with
    `errors` and no `data`, with `stat` "fail", with `meta.code` of 400 or more, or with `error_text`; XML
    with `rsp`, `error`, `errors` or `hash` outermost; `Error: …` of MediaWiki; the form `oauth_problem=…`.

    >>> from_success('{"stat": "fail", "code": 98, "message": "Invalid auth token"}').name
    '98'
    >>> from_success('{"data": [1], "errors": [{"code": 37}]}').name
    ''
    """
    text = text.strip("\ufeff\0 \t\r\n")
    if wrapped := _JSONP.match(text):
        text = text[wrapped.end() :]
    for value, embedded in _objects(text):
        return ProblemReport() if embedded or not _is_error(_lower(value)) else _in_object(value)
    text = unescaped(text)
    report = _in_form(text)
    if report.form == "oauth_problem":
        return report
    report = _in_text(text)
    is_whole = report.form in {"errors", "stat", "code", "mediawiki"} or text.startswith(("<hash", "<?xml"))
    return report if is_whole and not report.embedded else ProblemReport()


_JSONP = re.compile(r"jsonFlickrApi\(", re.ASCII)
_FIRST_REFUSAL = 400


def _is_error(value: Mapping[str, object]) -> bool:
    status = _lower(value.get("meta")).get("code", _lower(value.get("meta")).get("status"))
    error = value.get("error")
    return bool(
        value.get("stat") == "fail"
        or _lower(value.get("rsp")).get("stat") == "fail"
        or (isinstance(status, str) and status.isdecimal() and int(status) >= _FIRST_REFUSAL)
        or (isinstance(error, (str, dict)) and error)
        or (_list(value.get("errors")) and not value.get("data"))
        or isinstance(value.get("error_text"), str)
        or value.get("type") == "error"  # Instapaper, in a list
        or _PROBLEM in value
    )


def unescaped(text: str) -> str:
    """Return a text with the separators of parameters unescaped."""
    if "&" in text or "\\" in text:
        for written, character in _WRITTEN.items():
            text = text.replace(written, character)
    return text


_FORM = re.compile(r"[\w.%\[\]-]{1,64}+=", re.ASCII)
_COMMA = re.compile(r"[,;]\s*+(?=oauth_\w{1,40}+=)", re.ASCII)


def _in_form(text: str) -> ProblemReport:
    """Read `oauth_problem=…&…`, in which E*TRADE has commas, or `error=…&error_description=…`."""
    if not _FORM.match(text):
        return ProblemReport()
    given: dict[str, str] = {}
    for name, value in parse_form(_COMMA.sub("&", text).encode("utf-8", "replace")):
        given.setdefault(name.decode("latin-1"), value.decode("utf-8", "replace"))
    if _PROBLEM in given:
        return _problem(given)
    if next(iter(given), "") == "error":
        if " " in given["error"]:
            return ProblemReport("message", "", given["error"])
        return ProblemReport("error", given["error"], given.get("error_description", ""))
    return ProblemReport()


# A parameter within other text. In a URL or in another value it is not a report.
_FRAGMENT = re.compile(
    rf'(?<![\w%=?/+.-])({"|".join(sorted(_REPORTED, reverse=True))})=(?:"([^"<>]*+)"|([^\s&<>"\'(),;\]]++))',
    re.ASCII,
)
_XML = re.compile(r'(?:<\?xml[^<>]{0,64}+>\s*+)?+<errors>\s*+<error code="(\d{1,5})">([^<]*+)', re.ASCII)
_HEAD = r"(?:<\?xml[^<>]{0,64}+>\s*+)?+"
# X's older servers: <hash><request>/1/…</request><error>Could not authenticate you</error></hash>
_HASH = re.compile(rf"{_HEAD}<hash>\s*+(?:<request>[^<]*+</request>\s*+)?+<error>([^<]*+)", re.ASCII)
# Flickr and Vimeo.
_RSP = re.compile(
    rf'{_HEAD}<rsp\b[^<>]*+>\s*+<err\s++code="(\d{{1,5}})"\s++(?:expl="[^"]*+"\s++)?+msg="([^"]*+)"', re.ASCII
)
# FatSecret and E*TRADE.
_CODED = re.compile(
    rf"{_HEAD}<error\b[^<>]*+>\s*+<code>(\d{{1,5}})</code>\s*+<message>([^<]*+)", re.ASCII | re.IGNORECASE
)
_MEDIAWIKI_IDS = re.compile(r"(?<=OAuth/Errors#)E\d{3}\b|(?<![\w-])mwoauth[a-z]*+-[a-z-]{1,64}+", re.ASCII)
# The error pages of Tomcat and Jetty, which Java's servers answer with.
_ERROR_PAGE = re.compile(
    r"<h[12]>HTTP (?:Status|ERROR:?) \d{3}(?: [-\u2013])? ([^<]++)</h[12]>"
    # Jetty before version 9.4.
    r"|Reason:\s{0,64}<pre>([^<]++)</pre>"
)
_TAG = re.compile(r"<[^<>]*+>|\[https?://\S++|\]", re.ASCII)


def _in_text(text: str) -> ProblemReport:
    if text.startswith("Error: "):  # MediaWiki, where format=json was not asked for
        found = _MEDIAWIKI_IDS.search(text)
        return ProblemReport(
            "mediawiki", found[0] if found else "", _TAG.sub("", text.removeprefix("Error: "))
        )
    for form, pattern in (("errors", _XML), ("stat", _RSP), ("code", _CODED)):
        if found := pattern.match(text):
            return ProblemReport(form, found[1], found[2])
    if found := _HASH.match(text):
        return ProblemReport("message", "", found[1])
    if _FAULT.match(text):
        return _in_elements(text)
    report = _fragments(text)
    if not report.name and (found := _ERROR_PAGE.search(text)):
        return ProblemReport("message", "", (found[1] or found[2]).strip())
    return report


# Gateways and LinkedIn: an element named after an error, with elements of plain text in it.
_FAULT = re.compile(rf"{_HEAD}<(?:errors?|fault|intuitresponse|response|rsp|lfm)\b", re.ASCII | re.IGNORECASE)
_ELEMENT = re.compile(r"<([A-Za-z][\w.:-]{0,40}+)[^<>]*+>([^<>]++)</", re.ASCII)


def _in_elements(text: str) -> ProblemReport:
    """Read elements of plain text as the members of a JSON object."""
    elements: dict[str, str] = {}
    for name, value in _ELEMENT.findall(text):
        elements.setdefault(name.rpartition(":")[2].lower(), value.strip())
    if _PROBLEM in elements:
        return _problem({name: value for name, value in elements.items() if name in _REPORTED})
    report = _fragments(text)
    if not report.name:
        report = _in_intuit(elements)
    if report.name or report.form == "message":
        return report
    # Last.fm: <lfm status="failed"><error code="9">Invalid session key…</error></lfm>
    return ProblemReport("message", "", _advice(elements) or elements.get("error", ""))


def _fragments(text: str) -> ProblemReport:
    reported: dict[str, str] = {}
    for name, quoted, bare in _FRAGMENT.findall(text) if _PROBLEM in text else []:
        reported.setdefault(name, _decoded(quoted or bare.rstrip(".:!")))
    return _problem(reported, embedded=True) if _PROBLEM in reported else ProblemReport("text", "", text)


# JSON texts

_DECODER = JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
_OBJECT = re.compile(r'\{\s{0,64}+"')
_MOST_TRIED = 8  # objects in one text: each may be as long as the rest
_SAYING = (
    *("error_description", "message", "faultstring", "info", "text", "detail", "description", "msg"),
    *("error_text", "reason", "developer_message", "errormessage", "error_message", "error_msg"),
)
_TELLING = frozenset({*_SAYING, "title"})
_NAME = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_STATUS = re.compile(r"[1-5]\d\d", re.ASCII)


def _objects(text: str) -> Iterator[tuple[dict[str, object], bool]]:
    """Yield the objects in a text, each with whether other text is around it."""
    at = 0
    for _ in range(_MOST_TRIED):
        if (found := _OBJECT.search(text, at)) is None:
            return
        try:
            value, at = _DECODER.raw_decode(text, found.start())
        except (ValueError, RecursionError):
            at = found.start() + 1
        else:
            yield value, bool(text[: found.start()].strip(" \t\r\n["))


def _in_object(value: dict[str, object]) -> ProblemReport:
    reported: dict[str, str] = {}
    for name, text in _texts(value):
        if name in _REPORTED:
            reported.setdefault(name, text)
        elif name in _SAYING and _PROBLEM in text:  # as Magento, SmugMug and others wrap it
            report = _in_form(text) if text.startswith(_PROBLEM) else ProblemReport()
            if not report.name and f"OAuth {_PROBLEM}" in text:
                report = _fragments(text)
            if report.name:
                return report
    return _problem(reported) if _PROBLEM in reported else _in_codes(_lower(value))


def _texts(value: object) -> Iterator[tuple[str, str]]:
    """Yield the texts at any depth, in order, each with the name of its member."""
    left = [("", value)]
    while left:
        name, value = left.pop()
        if isinstance(value, str):
            yield name, value
        elif isinstance(value, dict):
            left += [(key.lower(), item) for key, item in reversed(value.items())]
        elif isinstance(value, list):
            left += [(name, item) for item in reversed(value)]


def _in_codes(value: Mapping[str, object]) -> ProblemReport:
    """Read a code and its explanation from the members that providers use."""
    for report in _codes(value):
        if report.name:
            return report
    error, errors = value.get("error"), value.get("errors")
    fault = _lower(value.get("fault"))  # Apigee's, and Intuit's, which holds a list of errors
    for item in _list(fault.get("error")):
        report = _in_intuit(_lower(item))
        if report.advice:
            return report
    said = (value, error, *_list(errors)[:1], value.get("meta"), fault, *_list(fault.get("error"))[:1])
    advice = next(filter(None, (_advice(_lower(item)) for item in said)), "")
    if isinstance(error, str) and error:
        is_name = _NAME.fullmatch(error)
        return ProblemReport("error", error, advice) if is_name else ProblemReport("message", "", error)
    title = value.get("title")
    if isinstance(title, str) and value.keys() & {"detail", "status", "type"}:  # X's API v2, and RFC 9457
        return ProblemReport("title", title, advice)
    return ProblemReport("message", "", advice or _first_words(value))


def _first_words(value: Mapping[str, object]) -> str:
    """Return the first words of a text at any depth that tells of an error, by the name of its member.

    ImmobilienScout24 has `{"common.messages": [{"message": {"message": …}}]}`, Rails `{"errors": ["…"]}` or
    `{"errors": {"base": ["…"]}}`, ServiceStack `{"ResponseStatus": {"Message": …}}`.
    """
    errors = value.get("errors")
    if isinstance(errors, dict):
        errors = next((item for item in errors.values() if item), None)
    for item in _list(errors):
        if isinstance(item, str) and " " in item:
            return item
    return next((text for name, text in _texts(value) if name in _TELLING and " " in text), "")


def _codes(value: Mapping[str, object]) -> Iterator[ProblemReport]:
    if value.get("stat") == "fail" or "rsp" in value:
        yield _failed(value)
    details, errors = value.get("o:errordetails"), value.get("errors")
    if isinstance(errors, dict):  # Mastercard: {"Errors": {"Error": [{"ReasonCode": …}]}}
        details, errors = _lower(errors).get("error"), None
    for item in _list(errors):
        yield _coded(_lower(item), form="errors")
    yield _in_meta(_lower(value.get("meta")))
    yield _in_reasons(_lower(value.get("error")))
    for item in [*_list(details), value.get("error"), value]:
        yield _coded(_lower(item), form="code")


def _failed(value: Mapping[str, object]) -> ProblemReport:
    """Read `{"stat": "fail", "code": 98, "message": …}` of Flickr, and with "err" of Vimeo and others."""
    value = _lower(value.get("rsp")) or value
    err = _lower(value.get("err")) or value
    code = err.get("code")
    return ProblemReport("stat", code, _advice(err)) if isinstance(code, str) else ProblemReport()


_CAPITALS = re.compile(r"[A-Z][A-Z_]{3,62}[A-Z](?=[:\s]|\Z)", re.ASCII)


def _in_meta(meta: Mapping[str, object]) -> ProblemReport:
    """Read BrickLink's `{"code": 401, "message": "BAD_OAUTH_REQUEST", "description": "TOKEN_…: …"}`."""
    message, description = meta.get("message"), meta.get("description")
    if not isinstance(message, str) or not _CAPITALS.fullmatch(message):
        return ProblemReport()
    description = description if isinstance(description, str) else ""
    name = found[0] if (found := _CAPITALS.match(description)) else message
    return ProblemReport("meta", name, description)


def _in_reasons(error: Mapping[str, object]) -> ProblemReport:
    """Read OKAPI's `{"error": {"reason_stack": ["bad_request", …, "invalid_timestamp"], …}}`."""
    reasons = [reason for reason in _list(error.get("reason_stack")) if isinstance(reason, str)]
    return ProblemReport("error", reasons[-1], _advice(error)) if reasons else ProblemReport()


def _coded(item: Mapping[str, object], *, form: str) -> ProblemReport:
    code = next(
        (
            item[name]
            for name in ("code", "o:errorcode", "errorkey", "reasoncode", "error_name")
            if name in item
        ),
        None,
    )
    if not isinstance(code, str) or not code.strip("0"):
        return ProblemReport()  # Tumblr's 0 is no code
    if form == "errors" and not (code.isascii() and code.isdigit() and not item.keys() & {"detail", "title"}):
        form = "code"  # Tumblr has numbers of its own, with a title
    if form == "code" and _STATUS.fullmatch(code):
        return ProblemReport()  # the status repeated
    return ProblemReport(form, code, _advice(item))


def _advice(item: Mapping[str, object]) -> str:
    translations = item.get("messagetranslations")
    said = [item.get(name) for name in _SAYING]
    said += translations.values() if isinstance(translations, dict) else []
    return next((text for text in said if isinstance(text, str) and text), "")


def _in_intuit(item: Mapping[str, object]) -> ProblemReport:
    """Read Intuit's `Token expired: …`, the detail of a message that is the same for all."""
    message, detail = item.get("message"), item.get("detail")
    if not isinstance(message, str) or "errorCode=003200" not in message or not isinstance(detail, str):
        return ProblemReport()
    name, colon, _ = detail.partition(":")
    return ProblemReport("code", name, detail) if colon else ProblemReport("message", "", detail)


def _lower(item: object) -> Mapping[str, object]:
    return {name.lower(): value for name, value in item.items()} if isinstance(item, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
