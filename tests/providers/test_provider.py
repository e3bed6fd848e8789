"""Providers: data that is checked once, where it is written, and never changes."""

from __future__ import annotations

import concurrent.futures
import copy
import multiprocessing
import pickle
import re
import warnings
from dataclasses import FrozenInstanceError, dataclass, fields, replace
from datetime import date
from types import MappingProxyType
from typing import Any, NoReturn, Self

import pytest

from aiooauth1 import Provider
from aiooauth1.providers import RFC_5849, Endpoint, RateLimitRule
from aiooauth1.signing import HMAC_SHA1, HMAC_SHA256, HMAC_SHA512, PLAINTEXT, SigningRules


FULL = Provider(
    "photos",
    request_token_url="https://auth.photos.example/request?title=Special:OAuth",
    authorize_url="https://www.photos.example/authorize",
    access_token_url="https://auth.photos.example/access",
    base_url="https://api.photos.example:8443/2/",
    origins=("https://upload.photos.example", "HTTPS://CDN.photos.example:443/"),
)


@dataclass(frozen=True, slots=True)
class Shop(Provider):
    """A provider of somebody's own kind."""

    currency: str = "EUR"


SHOP = Shop("shop", request_params={"a": "1"}, currency="SEK")


# What is refused

MALFORMED: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "a provider needs a name"),
    ({"base_url": "https://a.example/2"}, "base_url of 'p' must end in '/'"),
    ({"base_url": "https://a.example/2?x=/"}, "base_url of 'p' must end in '/'"),
    ({"base_url": "/2/"}, "base_url of 'p': the URL is not absolute"),
    ({"request_token_url": "auth.example/request"}, "request_token_url of 'p': the URL is not absolute"),
    ({"access_token_url": "ftp://a.example/"}, "access_token_url of 'p': the URL's scheme is 'ftp'"),
    ({"authorize_url": "https://a.example/é"}, "authorize_url of 'p': the URL has the character 'é'"),
    ({"authorize_url": "https://ann:pw@a.example/"}, "authorize_url of 'p': the URL holds a user name"),
    ({"authorize_url": "https://a.example/#/allow"}, "authorize_url of 'p' has a fragment"),
    ({"renew_url": "p.example"}, "renew_url of 'p': the URL is not absolute"),
    ({"origins": ("https://a.example", "b.example")}, "origins of 'p': the URL is not absolute"),
    ({"placement": "cookie"}, "placement of 'p' must be 'header', 'query' or 'body'"),
    ({"request_token_placement": "Header"}, "request_token_placement of 'p' must be"),
    ({"access_token_placement": None}, "access_token_placement of 'p' must be"),
    ({"request_token_method": "PUT"}, "request_token_method of 'p' must be 'GET' or 'POST'"),
    ({"access_token_method": "post"}, "access_token_method of 'p' must be 'GET' or 'POST'"),
    ({"revoke_method": "DELETE"}, "revoke_method of 'p' must be 'GET' or 'POST'"),
    (
        {"access_token_method": "GET", "access_token_placement": "body"},
        "access_token_method of 'p' is GET, which has no body",
    ),
    ({"authorize_token_name": ""}, "authorize_token_name of 'p' must not be empty"),
    ({"callback_token_name": ""}, "callback_token_name of 'p' must not be empty"),
    ({"nonce_length": 0}, "nonce_length of 'p' must be 1 or more"),
    ({"signature_method": "HMAC-MD5"}, "signature_method of 'p' is 'HMAC-MD5': give HMAC-SHA1, "),
    ({"signature_method": "RSA-SHA1"}, "signature_method of 'p' is 'RSA-SHA1': give HMAC-SHA1, "),
    ({"token_idle_limit": 0}, "token_idle_limit of 'p' must be more than 0 seconds"),
    ({"token_lifetime": float("nan")}, "token_lifetime of 'p' must be more than 0 seconds"),
    ({"user_agent": "me\r\nX: y"}, "user_agent of 'p' has a control character"),
    ({"rate_limit_headers": ["X-"]}, "rate_limit_headers of 'p' must be in lower case, not 'X-'"),
    (
        {"denied_without_verifier": True, "insecure_oauth_10": True},
        "'p' has denied_without_verifier and an option that accepts callbacks without a verifier",
    ),
]
WRONG_TYPES: list[tuple[dict[str, Any], str]] = [
    ({"name": 7}, "name of 7 must be a str, not int"),
    ({"request_token_url": None}, "request_token_url of 'p' must be a str, not NoneType"),
    ({"docs": b"https://a.example"}, "docs of 'p' must be a str, not bytes"),
    ({"origins": "https://a.example"}, "origins of 'p' must be a tuple of strings, not str"),
    ({"origins": (7,)}, "origins of 'p' must be a tuple of strings, not of int"),
    ({"realm": 7}, "realm of 'p' must be a str or None"),
    ({"rules": {"send_version": False}}, "rules of 'p' must be SigningRules(…), not dict"),
    ({"signature_method": len}, "signature_method of 'p' must be a method of aiooauth1.signing"),
    ({"signature_method": type(HMAC_SHA1)}, "signature_method of 'p' must be a method"),
    ({"signs_calls": 1}, "signs_calls of 'p' must be True or False, not int"),
    ({"nonce_length": "30"}, "nonce_length of 'p' must be an int, not str"),
    ({"sunset": "2026-12-31"}, "sunset of 'p' must be a datetime.date or None, not str"),
    ({"token_lifetime": True}, "token_lifetime of 'p' must be a number of seconds or None"),
    ({"authorize_params": [("a", "1")]}, "authorize_params of 'p' must be a mapping of str to str"),
    ({"hints": {"token_expired": 1}}, "hints of 'p' must be a mapping of str to str"),
    ({"rate_limits": [(1, 2)]}, "rate_limits of 'p' must be a tuple of RateLimitRule(…), not of tuple"),
    ({"denial_params": [("a",)]}, "denial_params of 'p' must be pairs of a name and a value or None"),
]


@pytest.mark.parametrize(
    ("kind", "given", "told"),
    [(ValueError, *row) for row in MALFORMED] + [(TypeError, *row) for row in WRONG_TYPES],
    ids=str,
)
def test_a_wrong_value_is_refused_with_its_name_and_what_is_accepted(
    kind: type[Exception], given: dict[str, Any], told: str
) -> None:
    with pytest.raises(kind, match=f"^{re.escape(told)}"):
        replace(Provider("p"), **given)


@pytest.mark.parametrize("method", [HMAC_SHA1, HMAC_SHA256, HMAC_SHA512, PLAINTEXT], ids=repr)
def test_a_signature_method_may_be_given_by_name(method: Any) -> None:
    given: Any = method.name
    assert Provider("p", signature_method=given) == Provider("p", signature_method=method)


def test_an_endpoint_has_its_url_method_and_placement() -> None:
    provider = Provider(
        "p",
        request_token_url="https://p.example/request",
        request_token_method="GET",
        request_token_placement="query",
        access_token_url="https://p.example/access",
        access_token_placement="body",
        renew_url="https://renew.p.example/",
        revoke_url="https://revoke.p.example/",
    )
    assert provider.endpoint("request_token") == Endpoint("https://p.example/request", "GET", "query")
    assert provider.endpoint("access_token") == Endpoint("https://p.example/access", "POST", "body")
    assert provider.endpoint("renew") == Endpoint("https://renew.p.example/", "POST", "body")
    assert provider.endpoint("authorize") == Endpoint("", "GET", "query")
    assert {"https://renew.p.example", "https://revoke.p.example"} <= provider.signed_origins()
    wrong: Any = "refresh"
    with pytest.raises(ValueError, match="no endpoint 'refresh': give one of request_token, "):
        provider.endpoint(wrong)


def test_a_provider_by_the_rfc_has_no_quirk() -> None:
    assert replace(RFC_5849, name="p") == Provider("p")


@pytest.mark.parametrize(
    ("rule", "method", "path", "covered"),
    [
        (RateLimitRule(1, 1), "GET", "/anything", True),
        (RateLimitRule(1, 1, methods=("POST",), route="/2/tweets"), "post", "/2/tweets", True),
        (RateLimitRule(1, 1, methods=("POST",), route="/2/tweets"), "GET", "/2/tweets", False),
        (RateLimitRule(1, 1, route="/2/tweets"), "POST", "/2/tweets/7", True),
        (RateLimitRule(1, 1, route="/2/tweets"), "POST", "/2/tweetsets", False),
    ],
)
def test_a_limit_covers_its_methods_and_its_route(
    rule: RateLimitRule, method: str, path: str, covered: bool
) -> None:
    assert rule.covers(method, path) is covered


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"limit": 0}, ValueError),
        ({"limit": True}, TypeError),
        ({"window": 0}, ValueError),
        ({"window": "60"}, TypeError),
        ({"per": "token"}, ValueError),
        ({"methods": "POST"}, TypeError),
        ({"methods": ("post",)}, ValueError),
        ({"route": "2/tweets"}, ValueError),
        ({"route": None}, TypeError),
    ],
    ids=str,
)
def test_a_malformed_limit_is_refused(given: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        RateLimitRule(**{"limit": 1, "window": 1, **given})


@pytest.mark.parametrize(
    "url", ["https://ann:hunter2@a.example/", "https://a.example/?secret=hunter2 ", "https://hunter2/2/3"]
)
def test_a_refused_url_is_not_in_the_message(url: str) -> None:
    with pytest.raises(ValueError, match="base_url of 'p'") as refusal:
        Provider("p", base_url=url)
    assert "hunter2" not in str(refusal.value)
    assert (refusal.value.__cause__, refusal.value.__context__) == (None, None)


# What it is


def test_the_defaults_are_the_rfc_s() -> None:
    plain = Provider("plain")
    assert (plain.signature_method, plain.rules, plain.realm) == (HMAC_SHA1, SigningRules(), None)
    assert {plain.placement, plain.request_token_placement, plain.access_token_placement} == {"header"}
    assert {plain.request_token_method, plain.access_token_method} == {"POST"}
    assert plain.signs_calls
    insecure = [field.name for field in fields(Provider) if field.name.startswith("insecure_")]
    assert len(insecure) == 3
    assert not any(getattr(plain, name) for name in [*insecure, "allow_http"])


def test_a_provider_is_frozen_and_slotted() -> None:
    provider: Any = FULL
    for field in fields(Provider):
        with pytest.raises(FrozenInstanceError):
            setattr(provider, field.name, None)
    assert not hasattr(provider, "__dict__")


def test_parameters_and_origins_are_copied_and_read_only() -> None:
    params, origins = {"scope": "read"}, ["https://a.example"]
    given: Any = {"request_params": params, "authorize_params": params, "origins": origins}
    provider = Provider("p", **given)
    params["scope"] = "everything"
    origins.append("https://b.example")
    for one in (provider, replace(provider, realm="r")):
        for kept in (one.request_params, one.authorize_params):
            assert dict(kept) == {"scope": "read"}
            assert isinstance(kept, MappingProxyType)
        assert one.origins == ("https://a.example",)


def test_equal_data_are_equal_and_hash_alike() -> None:
    one = Provider("p", request_params={"a": "1"}, signature_method=HMAC_SHA256)
    same = Provider("p", request_params={"a": "1"}, signature_method=HMAC_SHA256)
    assert one == same
    assert len({one, same, replace(one), FULL}) == 2
    assert one != replace(one, request_params={"a": "2"})
    assert len({SigningRules(empty_token=True), SigningRules(empty_token=True), SigningRules()}) == 2


WITH_PARAMS = replace(
    FULL,
    signature_method=PLAINTEXT,
    rules=SigningRules(empty_token=True),
    request_params={"scope": "read & write"},
    authorize_params={"perms": "write"},
    sunset=date(2027, 1, 31),
)


@pytest.mark.parametrize(
    "value",
    [
        Provider("plain"),
        FULL,
        WITH_PARAMS,
        SHOP,
        SigningRules(empty_token=True, signed_origin="https://blog.example"),
        *(HMAC_SHA1, HMAC_SHA256, HMAC_SHA512, PLAINTEXT),
    ],
    ids=repr,
)
def test_a_provider_and_its_parts_can_be_pickled_and_copied(value: Any) -> None:
    pickled = [pickle.loads(pickle.dumps(value, at)) for at in range(pickle.HIGHEST_PROTOCOL + 1)]  # noqa: S301
    for other in (*pickled, copy.copy(value), copy.deepcopy(value)):
        assert (type(other), other, hash(other)) == (type(value), value, hash(value))
        if isinstance(other, Provider):
            assert isinstance(other.request_params, MappingProxyType)
            assert other.signed_origins() == value.signed_origins()


def test_a_provider_survives_the_way_to_a_spawned_process_and_back() -> None:
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as processes:
        back = processes.submit(replace, WITH_PARAMS, realm="there").result(30)
    assert back == replace(WITH_PARAMS, realm="there")


def test_a_provider_whose_method_refuses_pickling_is_copied_and_not_pickled() -> None:
    """As a method with a private key does."""

    class Keyed:
        name = "KEYED"

        def sign(self, base_string: str, consumer_secret: str, token_secret: str) -> str:
            return base_string + consumer_secret + token_secret

        def __reduce__(self) -> NoReturn:
            raise TypeError("the key stays here")

        def __deepcopy__(self, memo: object) -> Self:
            return self

    provider = replace(FULL, signature_method=Keyed())
    with pytest.raises(TypeError, match="the key stays here"):
        pickle.dumps(provider)
    assert copy.deepcopy(provider).signature_method is provider.signature_method


# Which origins are signed for


def test_the_signed_origins_are_those_of_all_urls_and_of_origins() -> None:
    assert FULL.signed_origins() == {
        "https://auth.photos.example",
        "https://www.photos.example",
        "https://api.photos.example:8443",
        "https://upload.photos.example",
        "https://cdn.photos.example",
    }
    assert Provider("nowhere").signed_origins() == frozenset()


def test_a_provider_without_a_sunset_or_not_yet_in_use_does_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FULL.warn_of_sunset()
        Provider("late", sunset=date(2020, 1, 1))
