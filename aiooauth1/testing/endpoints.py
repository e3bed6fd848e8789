"""The three legs at the provider's end (RFC 5849 section 2), and revocation."""

from __future__ import annotations

import hmac
import re
import secrets
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import quote

from aiohttp import web

from aiooauth1.testing.call import form_reply, json_reply
from aiooauth1.testing.pages import FORM_FIELDS, PAGE_HEADERS, authorize_page, message_page, verifier_page
from aiooauth1.testing.received import is_form, parse_form
from aiooauth1.testing.refusal import NotServedError, RefusalError, form_encode


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiooauth1.testing.accounts import IssuedRequestToken
    from aiooauth1.testing.call import Call, Rules


__all__ = ["DENIALS", "access_token", "answer", "request_token", "revoke", "show_page"]

DENIALS: Mapping[str, Callable[[str], tuple[tuple[str, str], ...]]] = MappingProxyType(
    {
        "oauth_problem": lambda token: (("oauth_problem", "user_refused"), ("oauth_token", token)),
        "denied": lambda token: (("denied", token),),
        "error": lambda _: (("error", "access_denied"), ("error_description", "The user said no")),
    }
)
"""How providers put it into the callback URL that the user said no: by the Problem Reporting extension; as X
does; as OAuth 2 does, which Authlib's servers send, without the request token."""

# An absolute URI, or at least what may stand in a Location header and is one at first sight.
_CALLBACK = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20\x7f]+")
_ASCII = "".join(map(chr, range(0x21, 0x7F)))


def request_token(call: Call, rules: Rules) -> web.Response:
    """Give a request token to a consumer (RFC 5849 section 2.1).

    Args:
        call: The request.
        rules: By what to judge.

    Returns:
        The reply.

    Raises:
        RefusalError: If the request does not hold, or its callback is missing or no URL.
    """
    consumer = call.authenticate(rules, "none").consumer
    callback = call.signed.parameters.get("oauth_callback", "")
    if not callback:
        raise RefusalError(
            "parameter_absent",
            "the request lacks oauth_callback: an absolute URL, or oob (OAuth Core 1.0a)",
            ("oauth_parameters_absent", "oauth_callback"),
        )
    if callback != "oob" and not _CALLBACK.fullmatch(callback):
        raise RefusalError(
            "parameter_rejected",
            "oauth_callback is neither an absolute URL nor oob",
            ("oauth_parameters_rejected", "oauth_callback"),
        )
    token = rules.accounts.issue_request_token(consumer, callback, call.now)
    return form_reply(
        [
            ("oauth_token", token.key),
            ("oauth_token_secret", token.secret),
            ("oauth_callback_confirmed", "true"),
        ]
    )


def access_token(call: Call, rules: Rules) -> web.Response:
    """Swap an approved request token and its verifier for an access token, once (RFC 5849 section 2.3).

    Args:
        call: The request.
        rules: By what to judge.

    Returns:
        The reply.

    Raises:
        RefusalError: If the request does not hold, the user has not approved, or the verifier is wrong. The
            request token stays as it was.
    """
    issued = call.authenticate(rules, "request").request_token
    assert issued is not None  # noqa: S101  a request token is what was asked for
    call.user = issued.user or None
    if issued.state == "denied":
        raise RefusalError("permission_denied", "the user said no")
    if issued.state == "pending":
        raise RefusalError("permission_unknown", "the user has not answered yet")
    verifier = call.signed.parameters.get("oauth_verifier", "")
    if not verifier:
        raise RefusalError(
            "parameter_absent",
            "the request lacks oauth_verifier",
            ("oauth_parameters_absent", "oauth_verifier"),
        )
    if not hmac.compare_digest(verifier.encode(), issued.verifier.encode()):
        raise RefusalError("verifier_invalid", "this is not the verifier that went with the callback")
    token = rules.accounts.exchange(issued.token.key)
    return form_reply(
        [("oauth_token", token.key), ("oauth_token_secret", token.secret), *token.params.items()]
    )


def revoke(call: Call, rules: Rules) -> web.Response:
    """Take back the access token that signed the request.

    Args:
        call: The request.
        rules: By what to judge.

    Returns:
        The reply.

    Raises:
        RefusalError: If the request does not hold.
    """
    issued = call.authenticate(rules, "access").access_token
    assert issued is not None  # noqa: S101  an access token is what was asked for
    rules.accounts.end(issued.token.key, "revoked")
    return json_reply({"revoked": issued.token.key})


def show_page(call: Call, rules: Rules) -> web.Response:
    """Show the page on which the user answers (RFC 5849 section 2.2).

    Args:
        call: The request.
        rules: By what to judge.

    Returns:
        The page.

    Raises:
        NotServedError: If no request token is named that waits for an answer.
    """
    query = parse_form(call.received.target.partition(b"?")[2])
    keys = [value for name, value in query if name == b"oauth_token"]
    token_key = keys[0].decode("utf-8", "replace") if len(keys) == 1 else ""
    return _form_page(rules, _pending(call, rules, token_key))


def answer(call: Call, rules: Rules) -> web.Response:
    """Take the user's answer and send the browser back to the consumer (RFC 5849 section 2.2).

    Args:
        call: The request.
        rules: By what to judge.

    Returns:
        The redirect to the callback, or a page.

    Raises:
        NotServedError: If it is not the form of a page that was shown for a request token that still waits.
    """
    fields = _fields(call)
    issued = _pending(call, rules, fields["oauth_token"])
    serial = fields["page"].partition(".")[0]
    if not hmac.compare_digest(fields["page"].encode(), _page_value(rules, issued, serial).encode()):
        raise NotServedError("page_rejected", "This answer does not come from the authorize page.", 403)
    user = fields["user"].strip()
    if not user:
        call.why = "user_absent"
        return _form_page(rules, issued, error="Please give your user name.")
    call.user = user
    issued = rules.accounts.answer(issued.token.key, user, approved=fields["answer"] == "approve")
    denied = issued.state == "denied"
    if issued.callback != "oob":
        told = (("oauth_token", issued.token.key), ("oauth_verifier", issued.verifier))
        return _redirect(issued.callback, DENIALS[rules.denial](issued.token.key) if denied else told)
    if denied:
        return _html(message_page("Access denied", "You may close this page."))
    return _html(verifier_page(consumer=issued.consumer_key, verifier=issued.verifier))


def _fields(call: Call) -> dict[str, str]:
    """Read the form of the authorize page: each of its fields exactly once, and nothing else."""
    pairs = parse_form(call.received.body) if is_form(call.received) else []
    try:
        fields = {name.decode(): value.decode() for name, value in pairs}
    except UnicodeDecodeError:
        fields = {}
    known = fields.keys() == FORM_FIELDS and len(pairs) == len(FORM_FIELDS)
    if not known or fields["answer"] not in {"approve", "deny"}:
        raise NotServedError("form_rejected", "This is not the form of the authorize page.", 400)
    return fields


def _pending(call: Call, rules: Rules, token_key: str) -> IssuedRequestToken:
    """Find a request token that waits for its user's answer."""
    issued = rules.accounts.request_tokens.get(token_key)
    if issued is None or issued.state != "pending" or call.now > issued.expires_at:
        message = "This request to authorize is unknown, answered or too old. Go back to the application."
        raise NotServedError("token_rejected", message, 400)
    return issued


def _page_value(rules: Rules, issued: IssuedRequestToken, serial: str) -> str:
    """Tie an answer to a page that was served for this request token: nobody else can make the value up."""
    told = hmac.digest(rules.page_key, f"{serial}.{issued.token.key}".encode(), "sha256").hex()
    return f"{serial}.{told}"


def _form_page(rules: Rules, issued: IssuedRequestToken, *, error: str = "") -> web.Response:
    page = authorize_page(
        action="authorize",  # relative to itself, so that it holds wherever the provider is mounted
        consumer=issued.consumer_key,
        token_key=issued.token.key,
        page=_page_value(rules, issued, secrets.token_hex(8)),
        error=error,
    )
    return _html(page, 400 if error else 200)


def _html(page: str, status: int = 200) -> web.Response:
    return web.Response(body=page.encode("utf-8", "replace"), headers=PAGE_HEADERS, status=status)


def _redirect(callback: str, pairs: tuple[tuple[str, str], ...]) -> web.Response:
    """Send the browser back, with the callback's own query kept as it is."""
    url, hash_, fragment = quote(callback, safe=_ASCII).partition("#")
    joint = "" if url.endswith(("?", "&")) else "&" if "?" in url else "?"
    location = f"{url}{joint}{form_encode(pairs)}{hash_}{fragment}"
    return web.Response(status=302, headers={"Location": location, "Cache-Control": "no-store"})
