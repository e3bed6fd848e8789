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
from aiooauth1.providers import RFC_5849, Endpoint, ProviderSunsetWarning, RateLimitRule
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


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"name": ""}, "a provider needs a name"),
        ({"base_url": "https://a.example/2"}, "base_url of 'p' must end in '/'"),
        ({"base_url": "https://a.example/2?x=/"}, "base_url of 'p' must end in '/'"),
        ({"base_url": "/2/"}, "base_url of 'p': the URL is not absolute"),
        ({"request_token_url": "auth.example/request"}, "request_token_url of 'p': the URL is not absolute"),
        ({"access_token_url": "ftp://a.example/"}, "access_token_url of 'p': the URL's scheme is 'ftp'"),
        ({"authorize_url": "https://a.example/é"}, "authorize_url of 'p': the URL has the character 'é'"),
        ({"authorize_url": "https://ann:pw@a.example/"}, "authorize_url of 'p': the URL holds a user name"),
        ({"authorize_url": "https://a.example/#/allow"}, "authorize_url of 'p' has a fragment"),
        ({"origins": ("https://a.example", "b.example")}, "origins of 'p': the URL is not absolute"),
        ({"placement": "cookie"}, "placement of 'p' must be 'header', 'query' or 'body'"),
        ({"request_token_placement": "Header"}, "request_token_placement of 'p' must be"),
        ({"access_token_placement": None}, "access_token_placement of 'p' must be"),
        ({"request_token_method": "PUT"}, "request_token_method of 'p' must be 'GET' or 'POST'"),
        ({"access_token_method": "post"}, "access_token_method of 'p' must be 'GET' or 'POST'"),
        (
            {"request_token_method": "GET", "request_token_placement": "body"},
            "request_token_method of 'p' is GET, which has no body",
        ),
        (
            {"access_token_method": "GET", "access_token_placement": "body"},
            "access_token_method of 'p' is GET, which has no body",
        ),
        ({"authorize_token_name": ""}, "authorize_token_name of 'p' must not be empty"),
        ({"callback_token_name": ""}, "callback_token_name of 'p' must not be empty"),
        ({"nonce_length": 0}, "nonce_length of 'p' must be 1 or more"),
    ],
    ids=str,
)
def test_what_is_malformed_is_refused_by_its_name(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(told)}"):
        Provider(**{"name": "p", **given})
    with pytest.raises(ValueError, match=f"^{re.escape(told)}"):
        replace(Provider("p"), **given)


@pytest.mark.parametrize(
    ("given", "told"),
    [
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
    ],
    ids=str,
)
def test_a_value_of_a_wrong_type_is_a_type_error_that_says_what_is_accepted(
    given: dict[str, Any], told: str
) -> None:
    with pytest.raises(TypeError, match=f"^{re.escape(told)}"):
        Provider(**{"name": "p", **given})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"signature_method": "HMAC-MD5"}, "signature_method of 'p' is 'HMAC-MD5': give HMAC-SHA1, "),
        ({"signature_method": "RSA-SHA1"}, "signature_method of 'p' is 'RSA-SHA1': give HMAC-SHA1, "),
        ({"renew_url": "p.example"}, "renew_url of 'p': the URL is not absolute"),
        ({"revoke_method": "DELETE"}, "revoke_method of 'p' must be 'GET' or 'POST'"),
        ({"token_idle_limit": 0}, "token_idle_limit of 'p' must be more than 0 seconds"),
        ({"token_lifetime": float("nan")}, "token_lifetime of 'p' must be more than 0 seconds"),
        ({"user_agent": "me\r\nX: y"}, "user_agent of 'p' has a control character"),
        ({"rate_limit_headers": ["X-"]}, "rate_limit_headers of 'p' must be in lower case, not 'X-'"),
        (
            {"denied_without_verifier": True, "insecure_oauth_10": True},
            "'p' has denied_without_verifier and an option that accepts callbacks without a verifier",
        ),
    ],
    ids=str,
)
def test_a_value_that_contradicts_is_a_value_error(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(told)}"):
        Provider(**{"name": "p", **given})


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
def test_a_refused_url_is_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="base_url of 'p'") as refusal:
        Provider("p", base_url=url)
    assert "hunter2" not in str(refusal.value)
    assert (refusal.value.__cause__, refusal.value.__context__) == (None, None)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"signed_scheme": "ftp"}, "signed_scheme must be 'http' or 'https'"),
        ({"signed_scheme": "HTTPS"}, "signed_scheme must be 'http' or 'https'"),
        ({"signed_origin": "blog.example"}, "signed_origin: the URL is not absolute"),
        ({"signed_origin": "ftp://blog.example"}, "signed_origin: the URL's scheme"),
        ({"signed_origin": ""}, "signed_origin: the URL is not absolute"),
    ],
    ids=str,
)
def test_rules_that_would_sign_wrongly_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(told)}"):
        SigningRules(**given)


@pytest.mark.parametrize("origin", ["https://blog.example", "HTTP://BLOG.example:80/", "https://[::1]:8443"])
def test_an_origin_may_be_written_as_people_do(origin: str) -> None:
    assert SigningRules(signed_origin=origin).signed_origin == origin


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


def test_it_is_frozen_and_slotted() -> None:
    provider: Any = FULL
    for field in fields(Provider):
        with pytest.raises(FrozenInstanceError):
            setattr(provider, field.name, None)
    assert not hasattr(provider, "__dict__")


@pytest.mark.parametrize("name", ["request_params", "authorize_params"])
def test_parameters_are_copied_and_read_only(name: str) -> None:
    given = {"scope": "read"}
    described: Any = {name: given}
    provider = Provider("p", **described)
    given["scope"] = "everything"
    kept = getattr(provider, name)
    assert dict(kept) == {"scope": "read"}
    assert isinstance(kept, MappingProxyType)
    again: Any = replace(provider, realm="r")
    assert dict(getattr(again, name)) == {"scope": "read"}


def test_origins_may_come_from_any_iterable_and_do_not_change() -> None:
    given = ["https://a.example"]
    described: Any = {"origins": given}
    provider = Provider("p", **described)
    given.append("https://b.example")
    assert provider.origins == ("https://a.example",)


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


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("provider", [Provider("plain"), FULL, WITH_PARAMS], ids=["plain", "full", "params"])
def test_it_goes_to_other_processes(provider: Provider, protocol: int) -> None:
    there = pickle.loads(pickle.dumps(provider, protocol))  # noqa: S301  our own bytes
    assert there == provider
    assert type(there) is Provider
    assert hash(there) == hash(provider)
    assert isinstance(there.request_params, MappingProxyType)
    assert there.signed_origins() == provider.signed_origins()


@pytest.mark.parametrize(
    "part",
    [
        SigningRules(empty_token=True, signed_origin="https://blog.example"),
        HMAC_SHA1,
        HMAC_SHA256,
        HMAC_SHA512,
        PLAINTEXT,
    ],
    ids=repr,
)
def test_what_it_is_described_with_does_too(part: Any) -> None:
    for there in (pickle.loads(pickle.dumps(part)), copy.copy(part), copy.deepcopy(part)):  # noqa: S301  our own bytes
        assert (type(there), there, hash(there)) == (type(part), part, hash(part))


def test_a_process_of_its_own_gets_it_and_gives_it_back() -> None:
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as processes:
        back = processes.submit(replace, WITH_PARAMS, realm="there").result(30)
    assert back == replace(WITH_PARAMS, realm="there")


def test_a_copy_is_equal_and_read_only_as_well() -> None:
    for made in (copy.copy(WITH_PARAMS), copy.deepcopy(WITH_PARAMS), copy.deepcopy([WITH_PARAMS])[0]):
        assert made == WITH_PARAMS
        assert isinstance(made.authorize_params, MappingProxyType)


def test_a_provider_of_ones_own_kind_is_copied_and_pickled_as_that() -> None:
    there = pickle.loads(pickle.dumps(SHOP))  # noqa: S301  our own bytes
    assert (type(there), there) == (Shop, SHOP)
    assert copy.deepcopy(SHOP) == SHOP


def test_what_a_method_does_not_pickle_is_not_pickled_in_it() -> None:
    """A private key stays where it is, and says so; a copy has it."""

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


def test_the_origins_are_those_of_all_urls_and_what_is_named_besides() -> None:
    assert FULL.signed_origins() == {
        "https://auth.photos.example",
        "https://www.photos.example",
        "https://api.photos.example:8443",
        "https://upload.photos.example",
        "https://cdn.photos.example",
    }
    assert Provider("nowhere").signed_origins() == frozenset()


# When it ends


def test_a_sunset_warns_of_the_day() -> None:
    with pytest.warns(ProviderSunsetWarning, match="'late' takes OAuth 1.0a until 2027-01-31 only"):
        replace(FULL, name="late", sunset=date(2027, 1, 31)).warn_of_sunset()


def test_nothing_warns_where_no_day_is_known_nor_when_it_is_only_described() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FULL.warn_of_sunset()
        Provider("late", sunset=date(2020, 1, 1))
