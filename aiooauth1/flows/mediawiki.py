"""Identifies the user of an access token by MediaWiki's signed statement (Special:OAuth/identify)."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from hmac import compare_digest
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aiohttp import ClientTimeout, hdrs
from yarl import URL

from aiooauth1.errors import RedirectRefused, TokenResponseError
from aiooauth1.responses.problem import read_problem
from aiooauth1.responses.retry_after import http_date


if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import ClientResponse

    from aiooauth1.session.session import OAuth1Session


__all__ = ["Identity", "identify"]

_MOST_READ = 64 * 1024
_FIRST_REDIRECT, _FIRST_REFUSAL = 300, 400
_SECONDS = 15.0
_LEEWAY = 60.0  # seconds that our reading of the provider's clock may be off
_ALGORITHM = "HS256"
_REQUIRED = ("iss", "aud", "iat", "exp", "nonce", "sub", "username")


@dataclass(frozen=True, slots=True)
class Identity:
    """A user of a wiki, as the wiki has stated and signed.

    Attributes:
        user_id: The account's number, as text. It does not change: store tokens by it. On a wiki farm with
            central accounts it is the number of the central account.
        username: The account's name, which can change.
        edit_count: The number of the account's edits.
        is_blocked: Whether the account is blocked.
        has_confirmed_email: Whether its e-mail address is confirmed.
        groups: Its user groups.
        rights: Its rights.
        grants: What the user has granted to this consumer.
        claims: The whole statement.
    """

    user_id: str
    username: str
    edit_count: int
    is_blocked: bool
    has_confirmed_email: bool
    groups: tuple[str, ...]
    rights: tuple[str, ...]
    grants: tuple[str, ...]
    claims: Mapping[str, Any] = field(hash=False)


async def identify(session: OAuth1Session, *, user: str | None = None) -> Identity:
    """Ask a wiki who the user of an access token is, and check its signed answer.

    The answer is a JWT, signed with the consumer secret. Its signature (only HS256), issuer, audience, times
    and nonce (that of this request) are checked.

    Args:
        session: A session whose provider is the wiki.
        user: Your name for the user whose stored token signs the request. By default the session's own token.

    Raises:
        TypeError: If the session has no provider.
        ValueError: If its `access_token_url` is not MediaWiki's `Special:OAuth/token`.
        ModuleNotFoundError: If PyJWT is not installed: `pip install aiooauth1[mediawiki]`.
        TokenResponseError: If the answer is not such a JWT, or one of the checks fails.
        RedirectRefused: If the wiki answers with a redirect.
        ProviderError: If the wiki refuses the request.
        UnknownUser: If the store holds no token for the user.
        aiohttp.ClientError: If the connection fails.
        TimeoutError: If the wiki does not answer within 15 seconds.
    """
    url = _identify_url(session)
    signature = await session.sign("GET", url, user=user)
    nonce = dict(signature.parameters)["oauth_nonce"]
    async with session.http.get(
        URL(url, encoded=True),
        headers={hdrs.AUTHORIZATION: signature.header()},
        allow_redirects=False,
        raise_for_status=False,
        timeout=ClientTimeout(total=_SECONDS),
    ) as response:
        status, headers = response.status, list(response.headers.items())
        body = await _read(response)
        now = http_date(response.headers.get(hdrs.DATE, "")) or time.time()
    if _FIRST_REDIRECT <= status < _FIRST_REFUSAL:
        raise RedirectRefused(
            f"the wiki answered with status {status} instead of an identity: check access_token_url"
        )
    if status >= _FIRST_REFUSAL or body.lstrip().startswith((b"{", b"Error:")):
        # MediaWiki refuses with a status of 200 too.
        secret = session.consumer.secret
        raise read_problem(status, headers, body, [secret]).error(method="GET", url=url, user=user)
    return _identity(_claims(body, session, nonce, now))


def _identify_url(session: OAuth1Session) -> str:
    if session.provider is None:
        raise TypeError("identify needs a session whose provider is the wiki")
    url = session.provider.access_token_url
    for slash in ("/", "%2F", "%2f"):
        for colon in (":", "%3A", "%3a"):
            here = f"Special{colon}OAuth{slash}token"
            if here in url:
                return url.replace(here, f"Special{colon}OAuth{slash}identify")
    raise ValueError("the provider's access_token_url is not a wiki's Special:OAuth/token")


async def _read(response: ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _MOST_READ:
            response.close()
            raise TokenResponseError(f"the wiki's answer is longer than {_MOST_READ} bytes")
    return bytes(body)


def _claims(body: bytes, session: OAuth1Session, nonce: str, now: float) -> dict[str, Any]:
    import jwt  # noqa: PLC0415  an extra, and used here alone

    provider, consumer = session.provider, session.consumer
    assert provider is not None  # noqa: S101  `_identify_url` has looked
    try:
        claims: dict[str, Any] = jwt.decode(
            body.strip().decode("ascii", "replace"),
            consumer.secret,
            algorithms=[_ALGORITHM],
            audience=consumer.key,
            # The times are compared with the wiki's own clock below.
            options={
                "require": list(_REQUIRED),
                "verify_exp": False,
                "verify_iat": False,
                "verify_sub": False,
            },
        )
    except jwt.PyJWTError as error:
        wrong = type(error).__name__
    else:
        issuer, wiki = claims["iss"], urlsplit(provider.access_token_url).netloc.lower()
        if not isinstance(issuer, str) or urlsplit(issuer).netloc.lower() != wiki:
            wrong = "another issuer"
        elif not _is_time(claims["iat"]) or not _is_time(claims["exp"]):
            wrong = "times that are not numbers"
        elif claims["iat"] > now + _LEEWAY or claims["exp"] < now - _LEEWAY:
            wrong = "issued in the future, or expired"
        elif not isinstance(claims["nonce"], str) or not compare_digest(
            claims["nonce"].encode("utf-8", "replace"), nonce.encode()
        ):
            wrong = "the nonce of another request"
        else:
            return claims
    raise TokenResponseError(f"the wiki's identity is refused: {wrong}")


def _is_time(given: object) -> bool:
    return isinstance(given, (int, float)) and not isinstance(given, bool)


def _identity(claims: dict[str, Any]) -> Identity:
    edits = claims.get("editcount")
    return Identity(
        user_id=str(claims["sub"]),
        username=str(claims["username"]),
        edit_count=edits if isinstance(edits, int) else 0,
        is_blocked=claims.get("blocked") is True,
        has_confirmed_email=claims.get("confirmed_email") is True,
        groups=_texts(claims.get("groups")),
        rights=_texts(claims.get("rights")),
        grants=_texts(claims.get("grants")),
        claims=MappingProxyType(claims),
    )


def _texts(given: object) -> tuple[str, ...]:
    return tuple(one for one in given if isinstance(one, str)) if isinstance(given, list) else ()
