"""Authlib's framework-free AuthorizationServer and ResourceProtector as a provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authlib.common.urls import url_encode  # type: ignore[import-untyped]  # Authlib has no type information
from authlib.oauth1 import (  # type: ignore[import-untyped]
    SIGNATURE_HMAC_SHA1,
    SIGNATURE_PLAINTEXT,
    SIGNATURE_RSA_SHA1,
    AuthorizationServer,
    ClientMixin,
    OAuth1Request,
    ResourceProtector,
    TemporaryCredential,
)
from authlib.oauth1.rfc5849.errors import OAuth1Error  # type: ignore[import-untyped]
from authlib.oauth1.rfc5849.signature import generate_signature_base_string  # type: ignore[import-untyped]

from judges.judge import Arrival, Book, Grant, Judge, Pending, Reply, Verdict, credential


if TYPE_CHECKING:
    from collections.abc import Sequence


__all__ = ["AuthlibJudge"]

_METHODS = [SIGNATURE_HMAC_SHA1, SIGNATURE_PLAINTEXT, SIGNATURE_RSA_SHA1]


class _Client(ClientMixin):  # type: ignore[misc]  # Authlib has no type information
    def __init__(self, secret: str, rsa_key: str, pin_page: str) -> None:
        self._secret = secret
        self._rsa_key = rsa_key
        self._pin_page = pin_page

    def get_default_redirect_uri(self) -> str:
        return self._pin_page  # where Authlib sends the user who is to type a PIN

    def get_client_secret(self) -> str:
        return self._secret

    def get_rsa_public_key(self) -> str:
        return self._rsa_key


class _Shelf:
    """Answers Authlib's questions from the book; mixed into both of its servers."""

    SUPPORTED_SIGNATURE_METHODS = _METHODS

    def __init__(self, judge: Judge) -> None:
        super().__init__()
        self._judge = judge

    @property
    def _book(self) -> Book:
        return self._judge.book

    def get_client_by_id(self, client_id: str) -> _Client | None:
        secret = self._book.consumers.get(client_id)
        if secret is None:
            return None
        return _Client(secret, self._book.rsa_keys.get(client_id, ""), f"{self._judge.origin}/pin")

    def exists_nonce(self, nonce: str, request: Any) -> bool:
        timestamp = str(request.timestamp)
        return not self._book.first_sight(request.client_id, timestamp, nonce, request.token or "")


class _Protector(_Shelf, ResourceProtector):  # type: ignore[misc]
    def get_token_credential(self, request: Any) -> TemporaryCredential | None:
        grant = self._book.access_tokens.get(request.token)
        if grant is None or grant.consumer != request.client_id:
            return None
        return TemporaryCredential(
            oauth_token=request.token, oauth_token_secret=grant.secret, user_id=grant.user
        )


class _Server(_Shelf, AuthorizationServer):  # type: ignore[misc]
    def create_oauth1_request(self, request: Arrival | OAuth1Request) -> OAuth1Request:
        return _request(self._judge, request) if isinstance(request, Arrival) else request

    def handle_response(self, status: int, payload: Any, headers: Sequence[tuple[str, str]]) -> Reply:
        body = payload if isinstance(payload, str) else url_encode(payload)
        return Reply(status, body, dict(headers))

    def create_temporary_credential(self, request: Any) -> TemporaryCredential:
        key, secret = credential(), credential()
        self._book.request_tokens[key] = Pending(request.client_id, secret, request.redirect_uri)
        return TemporaryCredential(oauth_token=key, oauth_token_secret=secret)

    def get_temporary_credential(self, request: Any) -> TemporaryCredential | None:
        pending = self._book.request_tokens.get(request.token)
        if pending is None:
            return None
        return TemporaryCredential(
            oauth_token=request.token,
            oauth_token_secret=pending.secret,
            client_id=pending.consumer,
            oauth_callback=pending.callback,
            oauth_verifier=pending.verifier or None,
            user_id=pending.user,
        )

    def delete_temporary_credential(self, request: Any) -> None:
        self._book.request_tokens.pop(request.token, None)

    def create_authorization_verifier(self, request: Any) -> str:
        pending = self._book.request_tokens[request.token]
        pending.user, pending.verifier = request.user, credential()
        return pending.verifier

    def create_token_credential(self, request: Any) -> TemporaryCredential:
        key, secret = credential(), credential()
        user = request.credential.get_user_id()
        self._book.access_tokens[key] = Grant(request.client_id, secret, user)
        return TemporaryCredential(oauth_token=key, oauth_token_secret=secret)


class AuthlibJudge(Judge):
    """HMAC-SHA1, RSA-SHA1 and PLAINTEXT only: Authlib has no others. A token is always needed."""

    def __init__(self) -> None:
        super().__init__()
        self._protector = _Protector(self)
        self._server = _Server(self)

    def verify(self, arrival: Arrival) -> Verdict:
        base_string = ""
        try:
            base_string = generate_signature_base_string(_request(self, arrival))
            request = self._protector.validate_request(
                arrival.method, _url(self, arrival), _form(arrival), arrival.headers
            )
        except OAuth1Error as error:
            return Verdict(refused=f"{error.error}: {error.description}", base_string=base_string)
        except (
            ValueError
        ) as error:  # what Authlib does not take for a query or a header, it does not refuse but raises
            return Verdict(refused=str(error))
        return Verdict(request.credential.get_user_id(), base_string=base_string)

    def request_token(self, arrival: Arrival) -> Reply:
        reply: Reply = self._server.create_temporary_credentials_response(arrival)
        return reply

    def authorize(self, arrival: Arrival) -> Reply:
        user = None if "deny" in arrival.query else arrival.query["user"]
        try:
            reply: Reply = self._server.create_authorization_response(arrival, grant_user=user)
        except OAuth1Error as error:
            reply = self._server.handle_error_response(error)
        return reply

    def access_token(self, arrival: Arrival) -> Reply:
        reply: Reply = self._server.create_token_response(arrival)
        return reply


def _request(judge: Judge, arrival: Arrival) -> OAuth1Request:
    return OAuth1Request(arrival.method, _url(judge, arrival), _form(arrival), arrival.headers)


def _url(judge: Judge, arrival: Arrival) -> str:
    # Authlib takes the authority from the Host header itself, and plain http only for a URL on loopback.
    return judge.origin + arrival.target


def _form(arrival: Arrival) -> str | None:
    return arrival.body.decode("latin-1") if arrival.is_form else None
