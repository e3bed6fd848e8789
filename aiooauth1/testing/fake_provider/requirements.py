"""Checks of a request against the quirks of the `like` provider."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from aiooauth1.providers.provider import RFC_5849
from aiooauth1.testing.fake_provider.errors import HTTPRefusal, RefusalError
from aiooauth1.testing.fake_provider.request import encode, is_form, parse_form, parse_realm, text_fields


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aiooauth1.providers.provider import Provider
    from aiooauth1.testing.fake_provider.authentication import RequiredToken
    from aiooauth1.testing.fake_provider.base_string import SignedRequest
    from aiooauth1.testing.fake_provider.request import ReceivedRequest


__all__ = ["check_method", "check_present", "check_requirements"]

# The default User-Agents of libraries, which do not name the consumer.
_DEFAULT_AGENT = re.compile(rb"\s*(?:Python|python-requests|aiohttp|curl)\b.*")
_PLACES: Mapping[str, str] = MappingProxyType({"header": "header", "query": "query", "body": "form"})


def check_requirements(
    received: ReceivedRequest, signed: SignedRequest, like: Provider, wants: RequiredToken
) -> None:
    """Check what needs no authentication."""
    if like.needs_user_agent and all(map(_DEFAULT_AGENT.fullmatch, received.values(b"user-agent"))):
        raise HTTPRefusal("user_agent_absent", "name your application in User-Agent", 403)
    if not signed.place:
        return  # unsigned requests are refused elsewhere
    _check_place(signed, like, wants)
    _check_realm(received, signed, like)
    _check_order(received, like)
    if (
        like.rules.empty_token
        and wants in {"none", "any access", "password"}
        and "oauth_token" not in signed.parameters
    ):
        raise _absent("oauth_token", "without a token, send an empty oauth_token here")
    if not like.rules.send_version and "oauth_version" in signed.parameters:
        raise _rejected("oauth_version", "leave oauth_version out here")
    if like.nonce_length != RFC_5849.nonce_length:
        nonce = signed.parameters.get("oauth_nonce", "")
        if len(nonce) != like.nonce_length:
            raise _rejected("oauth_nonce", f"a nonce has {like.nonce_length} characters here")
    if like.rules.body_hash and "access" in wants and "oauth_body_hash" not in signed.parameters:
        signs_fields = like.sign_multipart_text and text_fields(received)
        if not is_form(received) and not signs_fields:
            raise _absent(
                "oauth_body_hash", "a body that is not a form needs oauth_body_hash here, also if it is empty"
            )
    if wants == "none":
        sent = [name for name, _ in _parameters(received)]
        check_present((name.decode("utf-8", "replace") for name in sent), like.request_params)


def check_method(received: ReceivedRequest, method: str) -> None:
    """Check the method of a request to a token endpoint."""
    if received.method != method:
        raise HTTPRefusal("method_not_allowed", f"this takes {method}", 405, allow=f"{method}, OPTIONS")


def check_present(sent: Iterable[str], wanted: Iterable[str]) -> None:
    """Check that parameters are there, with any value."""
    absent = sorted(set(wanted) - set(sent))
    if absent:
        raise _absent("&".join(absent), f"the request lacks {', '.join(absent)}")


def _check_place(signed: SignedRequest, like: Provider, wants: RequiredToken) -> None:
    if wants == "none":
        wanted = like.request_token_placement
    else:
        wanted = like.placement if "access" in wants else like.access_token_placement
    if signed.place != _PLACES[wanted]:
        raise _rejected("oauth_signature", f"the OAuth parameters belong in the {wanted} here")


def _check_realm(received: ReceivedRequest, signed: SignedRequest, like: Provider) -> None:
    wanted = None if like.realm is None else like.realm.encode("ascii")
    if like.rules.realm_is_url:
        host = next(iter(received.values(b"host")), b"")
        wanted = received.scheme.encode("ascii") + b"://" + host + received.target.partition(b"?")[0]
    if wanted is None or signed.place != "header":
        return
    realms = [parse_realm(value) for value in received.values(b"authorization")]
    if wanted not in realms:
        raise _rejected("realm", f"the realm is {wanted.decode('latin-1')!r} here")


def _check_order(received: ReceivedRequest, like: Provider) -> None:
    if not like.rules.sorted_parameters:
        return
    for text in (received.target.partition(b"?")[2], received.body if is_form(received) else b""):
        names = [(encode(name), encode(value)) for name, value in parse_form(text)]
        names = [(name, value) for name, value in names if name != "oauth_signature"]
        if names != sorted(names):
            raise _rejected(names[0][0], "sort parameters by their encoded names here")


def _parameters(received: ReceivedRequest) -> list[tuple[bytes, bytes]]:
    query = parse_form(received.target.partition(b"?")[2])
    return query + (parse_form(received.body) if is_form(received) else [])


def _absent(names: str, advice: str) -> RefusalError:
    return RefusalError("parameter_absent", advice, ("oauth_parameters_absent", names))


def _rejected(name: str, advice: str) -> RefusalError:
    return RefusalError("parameter_rejected", advice, ("oauth_parameters_rejected", name))
