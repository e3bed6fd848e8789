"""oauthlib's endpoints as a provider, with oauthlib's own rules for the format of keys, tokens and nonces."""

# ruff: noqa: ARG002  oauthlib asks with more arguments than an answer needs

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from oauthlib.common import add_params_to_uri
from oauthlib.oauth1 import (
    SIGNATURE_HMAC_SHA1,
    SIGNATURE_HMAC_SHA256,
    SIGNATURE_HMAC_SHA512,
    SIGNATURE_PLAINTEXT,
    SIGNATURE_RSA_SHA1,
    SIGNATURE_RSA_SHA256,
    SIGNATURE_RSA_SHA512,
    AccessTokenEndpoint,
    AuthorizationEndpoint,
    OAuth1Error,
    RequestTokenEndpoint,
    RequestValidator,
    ResourceEndpoint,
    SignatureOnlyEndpoint,
)
from oauthlib.oauth1.rfc5849.signature import base_string_uri, normalize_parameters, signature_base_string

from judges.judge import Arrival, Book, Grant, Judge, Pending, Reply, Verdict


if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauthlib.common import Request


__all__ = ["REALM", "OauthlibJudge"]

REALM = "posts"
_METHODS = (
    SIGNATURE_HMAC_SHA1,
    SIGNATURE_HMAC_SHA256,
    SIGNATURE_HMAC_SHA512,
    SIGNATURE_PLAINTEXT,
    SIGNATURE_RSA_SHA1,
    SIGNATURE_RSA_SHA256,
    SIGNATURE_RSA_SHA512,
)
_NOBODY = (
    "nobody0123456789nobody0123"  # of a valid format, so that what is unknown takes as long as what is not
)
# Nobody has the private one; for consumers who signed with none.
_NOBODYS_RSA_KEY = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA2EzkHlmjObu5cTL24MzC
UlpGeZRYi263gh/dSaggB2U/hURIo0AftHDzfB88sfrEbpfAP8D4S2P2U3Pz/iNa
ymbVvmrvzi/+FKbMfLhzjVbBpnxyw+7cDA0hKYXn85G3OfIbwVkWrNEq2nIEKl0V
6Pt18aRKEh9AY46yeh880Nusp87eNxe7TRdKhQM34NSfihcIkKSraHQZKBB05ngN
ferZoAl9wMEmG+T5LtIK8TCO5pK0Ylka+bb1x5sFcH0vg17v1a19QOx00jBwD2ut
uPbfNPt9emyzRUwzg2mZTX1CA2jkBbXsVvmwMxg3ICKeHIxNkf8VfrsHSK0TlnmG
ewIDAQAB
-----END PUBLIC KEY-----
"""


class _Validator(RequestValidator):
    """Answers oauthlib's questions from the book."""

    def __init__(self, book: Book) -> None:
        super().__init__()
        self._book = book

    # what may arrive at all
    @property
    def enforce_ssl(self) -> bool:
        return False  # it listens on loopback

    @property
    def allowed_signature_methods(self) -> tuple[str, ...]:
        return _METHODS

    @property
    def realms(self) -> list[str]:
        return [REALM]

    @property
    def dummy_client(self) -> str:
        return _NOBODY

    @property
    def dummy_request_token(self) -> str:
        return _NOBODY

    @property
    def dummy_access_token(self) -> str:
        return _NOBODY

    # what is known
    def _pending(self, token: str) -> Pending:
        return self._book.request_tokens.get(token, Pending("", _NOBODY, ""))

    def _grant(self, token: str) -> Grant:
        return self._book.access_tokens.get(token, Grant("", _NOBODY, ""))

    def get_client_secret(self, client_key: str, request: Request) -> str:
        return self._book.consumers.get(client_key, _NOBODY)

    def get_rsa_key(self, client_key: str, request: Request) -> str:
        return self._book.rsa_keys.get(client_key, _NOBODYS_RSA_KEY)

    def get_request_token_secret(self, client_key: str, token: str, request: Request) -> str:
        return self._pending(token).secret

    def get_access_token_secret(self, client_key: str, token: str, request: Request) -> str:
        if token in self._book.request_tokens:
            return ""  # of an authorize URL, which is signed with the consumer secret alone
        return self._grant(token).secret

    def get_default_realms(self, client_key: str, request: Request) -> list[str]:
        return []

    def get_realms(self, token: str, request: Request) -> list[str]:
        return []

    def get_redirect_uri(self, token: str, request: Request) -> str:
        return self._pending(token).callback

    # what is valid
    def validate_timestamp_and_nonce(  # noqa: PLR0917  so many does oauthlib pass
        self,
        client_key: str,
        timestamp: str,
        nonce: str,
        request: Request,
        request_token: str | None = None,
        access_token: str | None = None,
    ) -> bool:
        fresh = self._book.first_sight(client_key, timestamp, nonce, request_token or access_token or "")
        request.validator_log["nonce"] = fresh
        return fresh

    def validate_client_key(self, client_key: str, request: Request) -> bool:
        return client_key in self._book.consumers

    def validate_request_token(self, client_key: str, token: str, request: Request) -> bool:
        return self._pending(token).consumer == client_key

    def validate_access_token(self, client_key: str, token: str, request: Request) -> bool:
        return self._grant(token).consumer == client_key

    def validate_redirect_uri(self, client_key: str, redirect_uri: str, request: Request) -> bool:
        return redirect_uri == "oob" or redirect_uri.startswith(("http://", "https://"))

    def validate_requested_realms(self, client_key: str, realms: list[str], request: Request) -> bool:
        return set(realms) <= {REALM}

    def validate_realms(
        self,
        client_key: str,
        token: str,
        request: Request,
        uri: str | None = None,
        realms: list[str] | None = None,
    ) -> bool:
        return True  # every token is good for all that is here

    def validate_verifier(self, client_key: str, token: str, verifier: str, request: Request) -> bool:
        return bool(verifier) and self._pending(token).verifier == verifier

    def verify_request_token(self, token: str, request: Request) -> bool:
        return token in self._book.request_tokens

    def verify_realms(self, token: str, realms: list[str], request: Request) -> bool:
        return set(realms) <= {REALM}

    # what is to be remembered
    def save_request_token(self, token: Mapping[str, str], request: Request) -> None:  # type: ignore[override]  # a dict, says its documentation
        callback = cast("str", request.redirect_uri)
        self._book.request_tokens[token["oauth_token"]] = Pending(
            _client(request), token["oauth_token_secret"], callback
        )

    def save_verifier(self, token: str, verifier: Mapping[str, str], request: Request) -> None:
        pending = self._book.request_tokens[token]
        pending.verifier = verifier["oauth_verifier"]
        pending.user = dict(request.uri_query_params)["user"]

    def save_access_token(self, token: Mapping[str, str], request: Request) -> None:  # type: ignore[override]  # likewise
        user = self._pending(_token(request)).user
        self._book.access_tokens[token["oauth_token"]] = Grant(
            _client(request), token["oauth_token_secret"], user
        )

    def invalidate_request_token(self, client_key: str, request_token: str, request: Request) -> None:
        del self._book.request_tokens[request_token]


def _client(request: Request) -> str:
    return cast("Any", request).client_key or ""


def _token(request: Request) -> str:
    return cast("Any", request).resource_owner_key or ""


class _Reasons:
    """Mixed into the two endpoints that keep to themselves why they refuse."""

    reason = ""

    def _create_request(self, *args: Any) -> Any:
        self.reason = ""
        return self._heard("_create_request", *args)

    def _check_mandatory_parameters(self, *args: Any) -> Any:
        return self._heard("_check_mandatory_parameters", *args)

    def _heard(self, step: str, *args: Any) -> Any:
        try:
            return getattr(super(), step)(*args)
        except OAuth1Error as error:
            self.reason = str(error.description)
            raise


class _Resource(_Reasons, ResourceEndpoint):
    """For requests with an access token."""


class _SignatureOnly(_Reasons, SignatureOnlyEndpoint):
    """For two-legged requests: ResourceEndpoint takes none without a token."""


class OauthlibJudge(Judge):
    """What is under /two-legged is judged by SignatureOnlyEndpoint and takes no token; the rest needs one."""

    def __init__(self) -> None:
        super().__init__()
        validator = _Validator(self.book)
        self._resource = _Resource(validator)
        self._two_legged = _SignatureOnly(validator)
        self._request_token = RequestTokenEndpoint(validator)
        self._authorize = AuthorizationEndpoint(validator)
        self._access_token = AccessTokenEndpoint(validator)

    def verify(self, arrival: Arrival) -> Verdict:
        two_legged = arrival.path.startswith("/two-legged")
        try:
            if two_legged:
                valid, request = self._two_legged.validate_request(*_parts(arrival))
            else:
                valid, request = self._resource.validate_protected_resource_request(*_parts(arrival))
        except ValueError as error:  # what oauthlib does not take for a query, it does not refuse but raises
            return Verdict(refused=str(error))
        if request is None:
            return Verdict(refused=(self._two_legged if two_legged else self._resource).reason)
        base_string = _base_string(request)
        if valid and two_legged and request.resource_owner_key:
            return Verdict(refused="a token, where none belongs", base_string=base_string)
        if valid:
            grant = self.book.access_tokens.get(request.resource_owner_key or "")
            return Verdict(grant.user if grant else request.client_key, base_string=base_string)
        reason = (self._two_legged if two_legged else self._resource).reason
        wrong = ", ".join(what for what, right in request.validator_log.items() if right is False)
        return Verdict(refused=reason or f"wrong: {wrong or 'no token'}", base_string=base_string)

    def request_token(self, arrival: Arrival) -> Reply:
        return _reply(*self._request_token.create_request_token_response(*_parts(arrival)))

    def access_token(self, arrival: Arrival) -> Reply:
        pending = self.book.request_tokens.get(arrival.oauth.get("oauth_token", ""))
        extras = {"screen_name": pending.user if pending else ""}
        return _reply(*self._access_token.create_access_token_response(*_parts(arrival), credentials=extras))

    def authorize(self, arrival: Arrival) -> Reply:
        token = arrival.query.get("oauth_token", "")
        if (
            "deny" in arrival.query and token in self.book.request_tokens
        ):  # oauthlib leaves the denial to the provider
            callback = self.book.request_tokens[token].callback
            return Reply(302, headers={"Location": add_params_to_uri(callback, [("denied", token)])})
        if "oauth_signature" in arrival.query and not self._two_legged.validate_request(*_parts(arrival))[0]:
            return Reply(401, "the authorize URL is signed, and wrongly")
        try:
            answer = self._authorize.create_authorization_response(*_parts(arrival), credentials={})
        except OAuth1Error as error:
            return Reply(error.status_code, error.urlencoded)
        return _reply(*answer)


def _parts(arrival: Arrival) -> tuple[str, Literal["GET"], str, dict[str, str]]:
    # Latin-1 because oauthlib wants text: what is not ASCII is no form to it in any encoding.
    method = cast("Literal['GET']", arrival.method)
    return arrival.url, method, arrival.body.decode("latin-1"), dict(arrival.headers)


def _reply(headers: Mapping[str, str], body: str | None, status: int) -> Reply:
    return Reply(status, body or "", headers)


def _base_string(request: Any) -> str:
    parameters = normalize_parameters(request.params)
    return signature_base_string(request.http_method, base_string_uri(request.uri), parameters)
