"""Authenticates a signed request against the provider's state.

The order matters: first the form of the request; then consumer and token, whose secrets the signature needs;
then timestamp and signature. The nonce is recorded last: otherwise a forged request could use up the nonces
of others (RFC 5849 sections 3.2 and 3.3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from aiooauth1.testing.fake_provider.errors import RefusalError
from aiooauth1.testing.fake_provider.signature_methods import check_body_hash


if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiooauth1.credentials import Consumer
    from aiooauth1.testing.fake_provider.accounts import Accounts, IssuedAccessToken, IssuedRequestToken
    from aiooauth1.testing.fake_provider.base_string import SignedRequest
    from aiooauth1.testing.fake_provider.request import ReceivedRequest
    from aiooauth1.testing.fake_provider.signature_methods import Verifier


__all__ = ["Caller", "RequiredToken", "authenticate", "authenticate_by_key"]

RequiredToken = Literal["none", "request", "access", "any access", "password", "revocation", "renewal"]
"""What token a request needs: none; a request token; an access token, for the API; the same if there is one;
none, but a user's password; an access token to be revoked; one to be renewed, which may have expired."""

_WITHOUT_TOKEN = frozenset({"none", "password"})

_TIMESTAMP = re.compile(r"[1-9][0-9]{0,14}")


@dataclass(frozen=True, slots=True)
class Caller:
    """The authenticated sender of a request.

    Args:
        consumer: The consumer.
        request_token: The request token that signed the request, if one did.
        access_token: The access token that signed the request, if one did.
    """

    consumer: Consumer
    request_token: IssuedRequestToken | None = None
    access_token: IssuedAccessToken | None = None

    @property
    def user(self) -> str | None:
        """The user of the access token, if there is one."""
        return None if self.access_token is None else self.access_token.user


def authenticate(
    received: ReceivedRequest,
    signed: SignedRequest,
    accounts: Accounts,
    verifiers: Mapping[str, Verifier],
    *,
    wants: RequiredToken,
    now: float,
    window: float,
    in_order: bool = False,
) -> Caller:
    """Verify a request (RFC 5849 section 3.2)."""
    verifier = _check_form(
        signed.parameters, verifiers, wants_token=wants not in {"any access", *_WITHOUT_TOKEN}
    )
    parameters = signed.parameters
    consumer = accounts.consumers.get(parameters["oauth_consumer_key"])
    if consumer is None:
        raise RefusalError(
            "consumer_key_unknown", "no consumer with this oauth_consumer_key is registered here"
        )
    caller = Caller(consumer)
    token_key = parameters.get("oauth_token", "")
    token_secret = ""
    if token_key and wants in _WITHOUT_TOKEN:
        raise RefusalError(
            "parameter_rejected",
            "this endpoint is asked with the consumer's credentials alone, without oauth_token",
            ("oauth_parameters_rejected", "oauth_token"),
        )
    if token_key and wants == "request":
        request_token = _request_token(accounts, token_key, consumer, now)
        caller, token_secret = Caller(consumer, request_token=request_token), request_token.token.secret
    elif token_key:
        access_token = _access_token(accounts, token_key, consumer, may_be_expired=wants == "renewal")
        caller, token_secret = Caller(consumer, access_token=access_token), access_token.token.secret
    timestamp = _check_timestamp(parameters, now, window)
    if not verifier(signed.base_string, parameters["oauth_signature"], consumer.secret, token_secret):
        raise RefusalError(
            "signature_invalid",
            "the signature does not match the request that arrived: a secret is wrong, or other bytes were "
            "signed than sent; the ledger has the base string as seen here",
        )
    check_body_hash(received, signed)
    if in_order and timestamp is not None and not accounts.is_in_order(timestamp, consumer.key, token_key):
        raise RefusalError("timestamp_refused", "oauth_timestamp is before that of an earlier request")
    nonce = parameters.get("oauth_nonce", "")
    if timestamp is not None and not accounts.use_nonce(timestamp, now, consumer.key, token_key, nonce):
        raise RefusalError(
            "nonce_used", "this nonce has come before with the same timestamp, consumer and token"
        )
    return caller


def authenticate_by_key(received: ReceivedRequest, accounts: Accounts) -> Caller:
    """Authenticate an unsigned call of a provider whose access tokens are bearer keys."""
    given = [value.partition(b" ")[2] for value in received.values(b"authorization")]
    issued = accounts.access_tokens.get(given[0].decode("latin-1")) if len(given) == 1 else None
    if issued is None or not received.values(b"authorization")[0].startswith(b"Bearer "):
        raise RefusalError(
            "token_rejected",
            "calls are not signed here: send Authorization: Bearer and the access token's key",
        )
    consumer = accounts.consumers[issued.consumer_key]
    return Caller(consumer, access_token=_access_token(accounts, issued.token.key, consumer))


def _check_form(
    parameters: Mapping[str, str], verifiers: Mapping[str, Verifier], *, wants_token: bool
) -> Verifier:
    """Check that all parameters of section 3.1 are there, and return the method's verifier."""
    wanted = ["oauth_consumer_key", "oauth_signature_method", "oauth_signature"]
    if parameters.get("oauth_signature_method") != "PLAINTEXT" or (
        "oauth_timestamp" in parameters or "oauth_nonce" in parameters
    ):  # PLAINTEXT may do without both (section 3.1): it does not protect against replay anyway
        wanted += ["oauth_timestamp", "oauth_nonce"]
    if wants_token:
        wanted.append("oauth_token")
    absent = [name for name in wanted if not parameters.get(name)]
    if absent:
        raise RefusalError(
            "parameter_absent",
            f"the request lacks {', '.join(absent)}",
            ("oauth_parameters_absent", "&".join(absent)),
        )
    if parameters.get("oauth_version", "1.0") != "1.0":
        raise RefusalError(
            "version_rejected",
            "oauth_version is 1.0 or left out (RFC 5849 section 3.1)",
            ("oauth_acceptable_versions", "1.0-1.0"),
        )
    verifier = verifiers.get(parameters["oauth_signature_method"])
    if verifier is None:
        raise RefusalError(
            "signature_method_rejected",
            f"signature methods taken here: {', '.join(verifiers)}",
            ("oauth_acceptable_signature_methods", "&".join(verifiers)),
        )
    return verifier


def _request_token(accounts: Accounts, key: str, consumer: Consumer, now: float) -> IssuedRequestToken:
    """Return a request token that can still be exchanged, or refuse it with the reason."""
    issued = accounts.request_tokens.get(key)
    if issued is None or issued.consumer_key != consumer.key:
        raise RefusalError("token_rejected", "this consumer has no such request token")
    if issued.state == "used":
        raise RefusalError("token_used", "this request token was exchanged before: start a new handshake")
    if now > issued.expires_at:
        raise RefusalError("token_expired", "this request token is too old: start a new handshake")
    return issued


def _access_token(
    accounts: Accounts, key: str, consumer: Consumer, *, may_be_expired: bool = False
) -> IssuedAccessToken:
    """Return an access token that is still valid, or refuse it with the reason."""
    issued = accounts.access_tokens.get(key)
    if issued is None or issued.consumer_key != consumer.key:
        raise RefusalError("token_rejected", "this consumer has no such access token")
    if issued.state == "revoked":
        raise RefusalError("token_revoked", "the user has revoked this access token: connect the user again")
    if issued.state == "expired" and not may_be_expired:
        raise RefusalError(
            "token_expired", "this access token has expired: renew it, or connect the user again"
        )
    return issued


def _check_timestamp(parameters: Mapping[str, str], now: float, window: float) -> int | None:
    """Check the timestamp, and return it, or None if PLAINTEXT came without one."""
    given = parameters.get("oauth_timestamp")
    if given is None:
        return None
    if not _TIMESTAMP.fullmatch(given):
        raise RefusalError(
            "parameter_rejected",
            "oauth_timestamp is a positive integer in decimal digits: seconds since the epoch",
            ("oauth_parameters_rejected", "oauth_timestamp"),
        )
    if abs(int(given) - now) > window:
        raise RefusalError(
            "timestamp_refused",
            f"oauth_timestamp is more than {window:g} s away from the clock here, which says {int(now)}",
            ("oauth_acceptable_timestamps", f"{int(now - window)}-{int(now + window)}"),
        )
    return int(given)
