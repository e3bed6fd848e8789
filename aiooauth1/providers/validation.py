"""Checks the values that a Provider is constructed with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from aiooauth1.errors import SigningError
from aiooauth1.providers.rate_limit_rule import RateLimitRule
from aiooauth1.signing.base_string import parse_url
from aiooauth1.signing.methods import HMAC_SHA1, HMAC_SHA256, HMAC_SHA512, PLAINTEXT
from aiooauth1.signing.rules import SigningRules


if TYPE_CHECKING:
    from aiooauth1.signing.methods import SignatureMethod


__all__ = ["ENDPOINTS", "MAPPINGS", "SIGNED_URLS", "EndpointName", "check_values", "normalized"]

EndpointName = Literal["request_token", "authorize", "access_token", "renew", "revoke"]

ENDPOINTS: tuple[EndpointName, ...] = ("request_token", "authorize", "access_token", "renew", "revoke")
SIGNED_URLS = (*(f"{name}_url" for name in ENDPOINTS), "base_url")
MAPPINGS = ("request_params", "authorize_params", "hints")

_PLACEMENTS = ("placement", "request_token_placement", "access_token_placement")
_METHODS = ("request_token_method", "access_token_method", "renew_method", "revoke_method")
_TOKEN_NAMES = ("authorize_token_name", "callback_token_name")
_DURATIONS = ("token_lifetime", "token_idle_limit")
_SIGNATURE_METHODS: Mapping[str, SignatureMethod] = MappingProxyType(
    {method.name: method for method in (HMAC_SHA1, HMAC_SHA256, HMAC_SHA512, PLAINTEXT)}
)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_Accepts = Callable[[object], bool]
_TYPES: tuple[tuple[str, _Accepts, tuple[str, ...]], ...] = (
    (
        "a str",
        lambda value: isinstance(value, str),
        (
            "name",
            *SIGNED_URLS,
            "docs",
            *_TOKEN_NAMES,
            "authorize_consumer_name",
            "user_id_field",
            "user_name_field",
            "refusal_header",
            "tokens_end_at_midnight_in",
        ),
    ),
    ("a str or None", lambda value: isinstance(value, str | None), ("realm", "user_agent")),
    (
        "True or False",
        lambda value: isinstance(value, bool),
        (
            "sign_authorize_url",
            "json_token_replies",
            "denied_by_empty_verifier",
            "denied_without_verifier",
            "php_arrays",
            "sign_multipart_text",
            "monotonic_timestamps",
            "needs_user_agent",
            "allow_http",
            "signs_calls",
            "errors_in_success",
            "public_only",
            "insecure_unconfirmed_callback",
            "insecure_without_verifier",
            "insecure_oauth_10",
        ),
    ),
    ("a number of seconds or None", lambda value: value is None or _is_number(value), _DURATIONS),
    (
        "an int",
        lambda value: isinstance(value, int) and not isinstance(value, bool),
        ("nonce_length",),
    ),
    ("a datetime.date or None", lambda value: isinstance(value, date | None), ("sunset",)),
    ("SigningRules(…)", lambda value: isinstance(value, SigningRules), ("rules",)),
    (
        "a mapping of str to str",
        lambda value: (
            isinstance(value, Mapping)
            and all(isinstance(text, str) for pair in value.items() for text in pair)
        ),
        MAPPINGS,
    ),
)


def normalized(provider: Any) -> dict[str, object]:
    """Check the types of a provider's values; return those that are kept in another form than given.

    Raises:
        TypeError: If a value is of a type that is not accepted.
        ValueError: If there is no signature method of the name given.
    """
    for accepted, accepts, names in _TYPES:
        for name in names:
            if not accepts(getattr(provider, name)):
                _refuse_type(provider, name, accepted)
    return {
        "signature_method": _signature_method(provider),
        "origins": _tuple(provider, "origins", str, "strings"),
        "rate_limit_headers": _tuple(provider, "rate_limit_headers", str, "strings"),
        "rate_limits": _tuple(provider, "rate_limits", RateLimitRule, "RateLimitRule(…)"),
        "denial_params": _pairs(provider, "denial_params"),
        **{name: MappingProxyType(dict(getattr(provider, name))) for name in MAPPINGS},
    }


def check_values(provider: Any) -> None:
    """Check the values of a provider, after their types.

    Raises:
        ValueError: If one is malformed, or two contradict each other.
    """
    if not provider.name:
        raise ValueError("a provider needs a name: tokens are stored under it")
    _check_urls(provider)
    _check_choices(provider)
    _check_ranges(provider)
    if provider.denied_without_verifier and (
        provider.insecure_without_verifier or provider.insecure_oauth_10
    ):
        raise ValueError(
            f"{provider.name!r} has denied_without_verifier and an option that accepts callbacks without a"
            " verifier: give one of them"
        )


def _check_urls(provider: Any) -> None:
    for name in SIGNED_URLS:
        if url := getattr(provider, name):
            _check_url(provider, name, url)
    for url in provider.origins:
        _check_url(provider, "origins", url)
    if provider.docs:
        _check_url(provider, "docs", provider.docs.partition("#")[0])
    if provider.base_url and not parse_url(provider.base_url).path.endswith("/"):
        raise ValueError(
            f"base_url of {provider.name!r} must end in '/': joining a relative URL drops what follows the"
            " last one"
        )


def _check_url(provider: Any, name: str, url: str) -> None:
    if "#" in url:
        raise ValueError(f"{name} of {provider.name!r} has a fragment: remove it, it is never sent")
    try:
        parse_url(url)
    except SigningError as error:
        reason = str(error)
    else:
        return
    # Raised here: the SigningError's context would repeat the URL, which may hold a password.
    raise ValueError(f"{name} of {provider.name!r}: {reason}")


def _check_choices(provider: Any) -> None:
    for name in _PLACEMENTS:
        if getattr(provider, name) not in {"header", "query", "body"}:
            raise ValueError(f"{name} of {provider.name!r} must be 'header', 'query' or 'body'")
    for name in _METHODS:
        if getattr(provider, name) not in {"GET", "POST"}:
            raise ValueError(f"{name} of {provider.name!r} must be 'GET' or 'POST'")


def _check_ranges(provider: Any) -> None:
    for name in _TOKEN_NAMES:
        if not getattr(provider, name):
            raise ValueError(f"{name} of {provider.name!r} must not be empty: give the name of the parameter")
    if provider.nonce_length < 1:
        raise ValueError(f"nonce_length of {provider.name!r} must be 1 or more")
    for name in _DURATIONS:
        value = getattr(provider, name)
        if value is not None and not 0 < value < float("inf"):
            raise ValueError(f"{name} of {provider.name!r} must be more than 0 seconds, or None")
    for name in ("user_agent", "refusal_header"):
        if not (getattr(provider, name) or "").isprintable():
            raise ValueError(
                f"{name} of {provider.name!r} has a control character, which no header field holds: remove it"
            )
    for prefix in provider.rate_limit_headers:
        if prefix != prefix.lower():
            raise ValueError(f"rate_limit_headers of {provider.name!r} must be in lower case, not {prefix!r}")


def _signature_method(provider: Any) -> object:
    given = provider.signature_method
    if isinstance(given, str):
        if given not in _SIGNATURE_METHODS:
            raise ValueError(
                f"signature_method of {provider.name!r} is {given!r}: give {', '.join(_SIGNATURE_METHODS)},"
                " or a method with its key, such as RSA_SHA256(key) of aiooauth1.signing.rsa"
            )
        return _SIGNATURE_METHODS[given]
    has_name = isinstance(getattr(given, "name", None), str)
    if isinstance(given, type) or not has_name or not callable(getattr(given, "sign", None)):
        _refuse_type(
            provider,
            "signature_method",
            "a method of aiooauth1.signing, its name, or one with its key, such as RSA_SHA256(key)",
        )
    return given


def _tuple(provider: Any, name: str, kind: type, accepted: str) -> tuple[Any, ...]:
    given = getattr(provider, name)
    if isinstance(given, str | bytes | Mapping) or not hasattr(given, "__iter__"):
        _refuse_type(provider, name, f"a tuple of {accepted}")
    values = tuple(given)
    for value in values:
        if not isinstance(value, kind):
            raise TypeError(
                f"{name} of {provider.name!r} must be a tuple of {accepted}, not of {_type_name(value)}"
            )
    return values


def _pairs(provider: Any, name: str) -> tuple[tuple[str, str | None], ...]:
    # Lists too: JSON knows no tuples.
    pairs = tuple(tuple(pair) for pair in _tuple(provider, name, tuple | list, "(name, value) pairs"))  # type: ignore[arg-type]
    for pair in pairs:
        if [type(text) for text in pair] not in ([str, str], [str, type(None)]):
            raise TypeError(f"{name} of {provider.name!r} must be pairs of a name and a value or None")
    return pairs


def _refuse_type(provider: Any, name: str, accepted: str) -> NoReturn:
    raise TypeError(
        f"{name} of {provider.name!r} must be {accepted}, not {_type_name(getattr(provider, name))}"
    )


def _type_name(value: object) -> str:
    return value.__name__ if isinstance(value, type) else type(value).__name__
