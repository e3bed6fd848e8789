"""The three legs at the provider's end (RFC 5849 section 2), xAuth, renewal, revocation and identity."""

from __future__ import annotations

import base64
import hmac
import json
import re
import secrets
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import quote

from aiohttp import web

from aiooauth1.testing.fake_provider.base_string import read_signed_request
from aiooauth1.testing.fake_provider.errors import HTTPRefusal, RefusalError, form_encode
from aiooauth1.testing.fake_provider.pages import (
    FORM_FIELDS,
    PAGE_HEADERS,
    authorize_page,
    message_page,
    verifier_page,
)
from aiooauth1.testing.fake_provider.request import is_form, parse_form
from aiooauth1.testing.fake_provider.request_context import json_reply, token_reply
from aiooauth1.testing.fake_provider.requirements import check_present


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiooauth1.credentials import AccessToken
    from aiooauth1.testing.fake_provider.accounts import IssuedRequestToken
    from aiooauth1.testing.fake_provider.request_context import ProviderState, RequestContext


__all__ = ["DENIALS", "access_token", "answer", "identify", "renew", "request_token", "revoke", "show_page"]

DENIALS: Mapping[str, Callable[[str], tuple[tuple[str, str], ...]]] = MappingProxyType(
    {
        "oauth_problem": lambda token: (("oauth_problem", "user_refused"), ("oauth_token", token)),
        "denied": lambda token: (("denied", token),),
        "error": lambda _: (("error", "access_denied"), ("error_description", "The user said no")),
        "empty_verifier": lambda token: (("oauth_token", token), ("oauth_verifier", "")),
    }
)
"""The parameters of a denial in the callback URL: of the Problem Reporting extension; of X; of OAuth 2
(Authlib's servers send these, without the request token); of NetSuite."""

# An absolute URI, as far as a Location header needs it.
_CALLBACK = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20\x7f]+")
_ASCII = "".join(map(chr, range(0x21, 0x7F)))


def request_token(call: RequestContext, state: ProviderState) -> web.Response:
    """Issue a request token to a consumer (RFC 5849 section 2.1)."""
    quirks = state.quirks
    call.check_method(state, quirks.request_token_method)
    consumer = call.authenticate(state, "none").consumer
    callback = _callback(call.signed.parameters, oauth_10=quirks.insecure_oauth_10)
    token = state.accounts.issue_request_token(consumer, callback, call.now)
    confirmed = not (quirks.insecure_unconfirmed_callback or quirks.insecure_oauth_10)
    pairs = [("oauth_token", token.key), ("oauth_token_secret", token.secret)]
    pairs += [("oauth_callback_confirmed", "true")] if confirmed else []
    return token_reply(pairs, as_json=quirks.json_token_replies)


def _callback(parameters: Mapping[str, str], *, oauth_10: bool) -> str:
    callback = parameters.get("oauth_callback", "")
    if oauth_10:
        if callback:
            raise RefusalError(
                "parameter_rejected",
                "this is OAuth 1.0, not 1.0a: put oauth_callback on the authorize URL",
                ("oauth_parameters_rejected", "oauth_callback"),
            )
        return "oob"  # until the authorize URL names another
    if not callback:
        raise RefusalError(
            "parameter_absent",
            "the request lacks oauth_callback, an absolute URL or oob (OAuth Core 1.0a)",
            ("oauth_parameters_absent", "oauth_callback"),
        )
    if callback != "oob" and not _CALLBACK.fullmatch(callback):
        raise RefusalError(
            "parameter_rejected",
            "oauth_callback is neither an absolute URL nor oob",
            ("oauth_parameters_rejected", "oauth_callback"),
        )
    return callback


def access_token(call: RequestContext, state: ProviderState) -> web.Response:
    """Exchange an approved request token and its verifier for an access token (RFC 5849 section 2.3)."""
    call.check_method(state, state.quirks.access_token_method)
    fields = dict(parse_form(call.received.body)) if is_form(call.received) else {}
    if b"x_auth_mode" in fields:
        return _by_password(call, state, fields)
    issued = call.authenticate(state, "request").request_token
    assert issued is not None  # noqa: S101  a request token is what was asked for
    call.user = issued.user or None
    if issued.state == "denied":
        raise RefusalError("permission_denied", "the user said no")
    if issued.state == "pending":
        raise RefusalError("permission_unknown", "the user has not answered yet")
    verifier = call.signed.parameters.get("oauth_verifier", "")
    if not issued.verifier and "oauth_verifier" in call.signed.parameters:
        raise RefusalError(
            "parameter_rejected",
            "this provider has no verifiers: leave oauth_verifier out",
            ("oauth_parameters_rejected", "oauth_verifier"),
        )
    if issued.verifier and not verifier:
        raise RefusalError(
            "parameter_absent",
            "the request lacks oauth_verifier",
            ("oauth_parameters_absent", "oauth_verifier"),
        )
    if not hmac.compare_digest(verifier.encode(), issued.verifier.encode()):
        raise RefusalError("verifier_invalid", "this is not the verifier that went with the callback")
    return _given(state.accounts.exchange(issued.token.key), state)


def _by_password(call: RequestContext, state: ProviderState, fields: Mapping[bytes, bytes]) -> web.Response:
    """Exchange a user's name and password for an access token (xAuth)."""
    consumer = call.authenticate(state, "password").consumer
    if fields[b"x_auth_mode"] != b"client_auth":
        raise RefusalError("parameter_rejected", "x_auth_mode is client_auth")
    user = fields.get(b"x_auth_username", b"").decode("utf-8", "replace")
    password = state.accounts.passwords.get(user)
    given = fields.get(b"x_auth_password", b"")
    if password is None or not hmac.compare_digest(password.encode("utf-8", "surrogatepass"), given):
        raise RefusalError("permission_denied", "no user here has this name and password")
    call.user = user
    return _given(state.accounts.issue_access_token(user, consumer.key), state)


def _given(token: AccessToken, state: ProviderState) -> web.Response:
    pairs = [("oauth_token", token.key), ("oauth_token_secret", token.secret), *token.params.items()]
    return token_reply(pairs, as_json=state.quirks.json_token_replies)


def revoke(call: RequestContext, state: ProviderState) -> web.Response:
    """Revoke the access token that signed the request."""
    call.check_method(state, state.quirks.revoke_method)
    issued = call.authenticate(state, "revocation").access_token
    assert issued is not None  # noqa: S101  an access token is what was asked for
    state.accounts.change_state(issued.token.key, "revoked")
    return json_reply({"revoked": issued.token.key})


def renew(call: RequestContext, state: ProviderState) -> web.Response:
    """Renew the access token that signed the request (E*TRADE)."""
    call.check_method(state, state.quirks.renew_method)
    issued = call.authenticate(state, "renewal").access_token
    assert issued is not None  # noqa: S101  an access token is what was asked for
    state.accounts.change_state(issued.token.key, "valid")
    return web.Response(text="Access Token has been renewed")


def identify(call: RequestContext, state: ProviderState) -> web.Response:
    """Return a JWT that identifies the user (MediaWiki's Special:OAuth/identify)."""
    caller = call.authenticate(state, "access")
    assert caller.access_token is not None  # noqa: S101  an access token is what was asked for
    host = next(iter(call.received.values(b"host"))).decode("latin-1")
    claims = {
        "iss": f"{call.received.scheme}://{host}",
        "aud": caller.consumer.key,
        "iat": int(call.now),
        "exp": int(call.now) + 100,
        "nonce": call.signed.parameters.get("oauth_nonce", ""),
        "sub": int(caller.access_token.token.params["user_id"]),
        "username": caller.user,
        "editcount": sum(post.user == caller.user for post in state.accounts.posts.values()),
        "confirmed_email": True,
        "blocked": False,
        "groups": ["*", "user"],
        "rights": ["read", "edit"],
        "grants": ["basic"],
    }
    told = ".".join(
        _base64url(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)
    )
    signature = hmac.digest(caller.consumer.secret.encode(), told.encode(), "sha256")
    return web.Response(text=f"{told}.{_base64url(signature)}")


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def show_page(call: RequestContext, state: ProviderState) -> web.Response:
    """Show the authorize page (RFC 5849 section 2.2)."""
    quirks = state.quirks
    pairs = parse_form(call.received.target.partition(b"?")[2])
    query = {name.decode("utf-8", "replace"): value.decode("utf-8", "replace") for name, value in pairs}
    is_named_once = [name.decode("latin-1") for name, _ in pairs].count(quirks.authorize_token_name) == 1
    token_key = query[quirks.authorize_token_name] if is_named_once else ""
    issued = _pending(call, state, token_key)
    check_present(query, quirks.authorize_params)
    if quirks.authorize_consumer_name and query.get(quirks.authorize_consumer_name) != issued.consumer_key:
        raise HTTPRefusal("consumer_key_unknown", "This page was not asked for by its application.", 400)
    if quirks.sign_authorize_url:
        _check_signed(call, state, issued)
    if quirks.insecure_oauth_10 and _CALLBACK.fullmatch(callback := query.get("oauth_callback", "")):
        state.accounts.set_callback(token_key, callback)
    return _form_page(call, state, issued)


def answer(call: RequestContext, state: ProviderState) -> web.Response:
    """Record the user's answer and redirect the browser to the consumer (RFC 5849 section 2.2)."""
    fields = _fields(call)
    issued = _pending(call, state, fields["oauth_token"])
    serial = fields["page"].partition(".")[0]
    if not hmac.compare_digest(fields["page"].encode(), _page_value(state, issued, serial).encode()):
        raise HTTPRefusal("page_rejected", "This answer does not come from the authorize page.", 403)
    user = fields["user"].strip()
    if not user:
        call.why = "user_absent"
        return _form_page(call, state, issued, error="Please give your user name.")
    call.user = user
    quirks = state.quirks
    without = quirks.insecure_without_verifier or quirks.insecure_oauth_10
    approved = fields["answer"] == "approve" and not state.script.take_denial()
    issued = state.accounts.answer(issued.token.key, user, approved=approved, with_verifier=not without)
    denied = issued.state == "denied"
    if issued.callback != "oob":
        told: tuple[tuple[str, str], ...] = (("oauth_token", issued.token.key),)
        if issued.verifier:
            told += (("oauth_verifier", issued.verifier),)
        told = DENIALS[state.denial](issued.token.key) if denied else told
        names = {"oauth_token": quirks.callback_token_name}
        return _redirect(issued.callback, tuple((names.get(name, name), value) for name, value in told))
    if denied:
        return _html(message_page("Access denied", "You may close this page."))
    if not issued.verifier:
        return _html(message_page("Access granted", "Go back to the application."))
    return _html(verifier_page(consumer=issued.consumer_key, verifier=issued.verifier))


def _fields(call: RequestContext) -> dict[str, str]:
    """Read the form of the authorize page: each field exactly once, and no others."""
    pairs = parse_form(call.received.body) if is_form(call.received) else []
    try:
        fields = {name.decode(): value.decode() for name, value in pairs}
    except UnicodeDecodeError:
        fields = {}
    known = fields.keys() == FORM_FIELDS and len(pairs) == len(FORM_FIELDS)
    if not known or fields["answer"] not in {"approve", "deny"}:
        raise HTTPRefusal("form_rejected", "This is not the form of the authorize page.", 400)
    return fields


def _pending(call: RequestContext, state: ProviderState, token_key: str) -> IssuedRequestToken:
    """Return a request token that waits for its user's answer."""
    issued = state.accounts.request_tokens.get(token_key)
    if issued is None or issued.state != "pending" or call.now > issued.expires_at:
        message = "This request to authorize is unknown, answered or too old. Go back to the application."
        raise HTTPRefusal("token_rejected", message, 400)
    return issued


def _check_signed(call: RequestContext, state: ProviderState, issued: IssuedRequestToken) -> None:
    """Check the authorize URL's signature by the consumer secret. The URL may be loaded again."""
    signed = read_signed_request(call.received, state.quirks)
    parameters = signed.parameters
    consumer = state.accounts.consumers[issued.consumer_key]
    verifier = state.verifiers.get(parameters.get("oauth_signature_method", ""))
    if (
        parameters.get("oauth_consumer_key") != consumer.key
        or verifier is None
        or not verifier(signed.base_string, parameters.get("oauth_signature", ""), consumer.secret, "")
    ):
        raise HTTPRefusal("signature_invalid", "This link is not signed by the application.", 401)


def _page_value(state: ProviderState, issued: IssuedRequestToken, serial: str) -> str:
    """Return the value that ties an answer to a page of this request token. It cannot be forged."""
    told = hmac.digest(state.page_key, f"{serial}.{issued.token.key}".encode(), "sha256").hex()
    return f"{serial}.{told}"


def _own_address(target: bytes) -> str:
    """Return the page's URL relative to itself, which is right for any base path."""
    path, _, query = target.partition(b"?")
    name = path.rpartition(b"/")[2].decode("latin-1")
    # MediaWiki's page is identified by its title.
    title = next((pair for pair in query.split(b"&") if pair.startswith(b"title=")), b"").decode("latin-1")
    return f"{name}?{title}" if title else name


def _form_page(
    call: RequestContext, state: ProviderState, issued: IssuedRequestToken, *, error: str = ""
) -> web.Response:
    page = authorize_page(
        action=_own_address(call.received.target),
        consumer=issued.consumer_key,
        token_key=issued.token.key,
        page=_page_value(state, issued, secrets.token_hex(8)),
        error=error,
    )
    return _html(page, 400 if error else 200)


def _html(page: str, status: int = 200) -> web.Response:
    return web.Response(body=page.encode("utf-8", "replace"), headers=PAGE_HEADERS, status=status)


def _redirect(callback: str, pairs: tuple[tuple[str, str], ...]) -> web.Response:
    """Redirect the browser to the callback, and keep the callback's own query unchanged."""
    url, hash_, fragment = quote(callback, safe=_ASCII).partition("#")
    joint = "" if url.endswith(("?", "&")) else "&" if "?" in url else "?"
    location = f"{url}{joint}{form_encode(pairs)}{hash_}{fragment}"
    return web.Response(status=302, headers={"Location": location, "Cache-Control": "no-store"})
