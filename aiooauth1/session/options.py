"""The options that go through to aiohttp, as types of our own: a typo in one is a type error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from ssl import SSLContext

    from aiohttp import (
        BaseConnector,
        BasicAuth,
        ClientMiddlewareType,
        ClientResponse,
        ClientTimeout,
        Fingerprint,
        HttpVersion,
        TraceConfig,
    )
    from aiohttp.abc import AbstractCookieJar
    from aiohttp.typedefs import JSONEncoder, LooseCookies, LooseHeaders, Query, StrOrURL

    from aiooauth1.credentials import AccessToken
    from aiooauth1.session.retry import Retry


__all__ = ["CallOptions", "ClientSessionOptions", "RequestOptions"]


class ClientSessionOptions(TypedDict, total=False):
    """What `OAuth1Session` hands to the `ClientSession` that it makes; `ssl` to its connector.

    Left out on purpose: `auth` and `trust_env`, since only the session writes Authorization; `base_url`,
    which is the provider's; `cookies`, since none are kept unless you pass a jar.
    """

    connector: BaseConnector | None
    connector_owner: bool
    cookie_jar: AbstractCookieJar | None
    headers: LooseHeaders | None
    skip_auto_headers: Iterable[str] | None
    json_serialize: JSONEncoder
    json_serialize_bytes: Callable[[Any], bytes] | None
    version: HttpVersion
    raise_for_status: bool | Callable[[ClientResponse], Awaitable[None]]
    timeout: ClientTimeout
    auto_decompress: bool
    requote_redirect_url: bool
    trace_configs: list[TraceConfig] | None
    read_bufsize: int
    max_line_size: int
    max_field_size: int
    max_headers: int
    fallback_charset_resolver: Callable[[ClientResponse, bytes], str]
    middlewares: Sequence[ClientMiddlewareType]
    proxy: StrOrURL | None
    proxy_auth: BasicAuth | None
    ssl: SSLContext | bool | Fingerprint


class RequestOptions(TypedDict, total=False):
    """What a verb of `OAuth1Session` hands to aiohttp's: all of its options but `auth`."""

    params: Query
    data: Any
    json: Any
    cookies: LooseCookies | None
    headers: LooseHeaders | None
    skip_auto_headers: Iterable[str] | None
    allow_redirects: bool
    max_redirects: int
    compress: str | bool | None
    chunked: bool | None
    expect100: bool
    raise_for_status: bool | Callable[[ClientResponse], Awaitable[None]] | None
    read_until_eof: bool
    proxy: StrOrURL | None
    proxy_auth: BasicAuth | None
    timeout: ClientTimeout | None
    ssl: SSLContext | bool | Fingerprint
    server_hostname: str | None
    proxy_headers: LooseHeaders | None
    trace_request_ctx: object
    read_bufsize: int | None
    auto_decompress: bool | None
    max_line_size: int | None
    max_field_size: int | None
    max_headers: int | None
    upload_tracker: object
    middlewares: Sequence[ClientMiddlewareType] | None


class CallOptions(RequestOptions, total=False):
    """What a verb of `OAuth1Session` takes beside the URL."""

    user: str | None
    token: AccessToken | None
    retry: Retry | None
    idempotency_key: str
