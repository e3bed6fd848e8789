from __future__ import annotations

import copy
import inspect
import pickle
import re
from typing import Any

import aiohttp
import pytest

import aiooauth1
from aiooauth1 import errors
from aiooauth1.errors import OAuth1Error, ProviderError, RateLimited


# The tree: each error and the one that it is a kind of.
PARENTS = {
    "SigningError": "OAuth1Error",
    "UnknownUser": "OAuth1Error",
    "HandshakeError": "OAuth1Error",
    "AuthorizationDenied": "HandshakeError",
    "CallbackError": "HandshakeError",
    "TooManyHandshakes": "HandshakeError",
    "TokenResponseError": "HandshakeError",
    "ProviderError": "OAuth1Error",
    "SignatureRejected": "ProviderError",
    "TokenRejected": "ProviderError",
    "TimestampRefused": "ProviderError",
    "NonceRejected": "ProviderError",
    "RateLimited": "ProviderError",
    "RedirectRefused": "OAuth1Error",
    "StoreUnavailable": "OAuth1Error",
    "StoreCorrupt": "OAuth1Error",
    "OutcomeUnknown": "OAuth1Error",
}
ALL: list[type[OAuth1Error]] = [getattr(errors, name) for name in ["OAuth1Error", *PARENTS]]
PROVIDERS: list[type[ProviderError]] = [kind for kind in ALL if issubclass(kind, ProviderError)]


@pytest.mark.parametrize(("name", "parent"), PARENTS.items())
def test_each_error_is_a_kind_of_what_the_tree_says(name: str, parent: str) -> None:
    assert getattr(errors, name).__bases__ == (getattr(errors, parent),)


def test_the_tree_is_whole() -> None:
    defined = {
        name for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, Exception)
    }
    assert defined == {"OAuth1Error", *PARENTS}
    assert set(errors.__all__) == defined


def test_the_tree_drawn_in_the_module_is_the_tree() -> None:
    drawn: dict[str, str] = {}
    above: dict[int, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        if node := re.match(r"([│├└─ ]*)([A-Z]\w+)\b", line):
            depth = len(node.group(1)) // 4
            if "─" in node.group(1):
                drawn[node.group(2)] = above[depth - 1]
            elif node.group(2) != "OAuth1Error":
                continue
            above[depth] = node.group(2)
    assert drawn == PARENTS


@pytest.mark.parametrize("kind", ALL)
def test_each_error_is_at_the_top_and_says_what_it_means(kind: type[OAuth1Error]) -> None:
    assert getattr(aiooauth1, kind.__name__) is kind
    assert kind.__doc__
    assert kind.__doc__ != kind.__bases__[0].__doc__


@pytest.mark.parametrize("kind", ALL)
def test_no_error_is_taken_for_network_trouble(kind: type[OAuth1Error]) -> None:
    assert issubclass(kind, OAuth1Error)
    assert not issubclass(kind, (OSError, aiohttp.ClientError, TimeoutError, ValueError, LookupError))


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind not in PROVIDERS])
def test_an_error_shows_its_message(kind: type[OAuth1Error]) -> None:
    assert str(kind("what was wrong")) == "what was wrong"


@pytest.mark.parametrize("kind", PROVIDERS)
def test_a_refusal_tells_status_problem_advice_and_body(kind: type[ProviderError]) -> None:
    error = kind("refused", status=401, problem="token_revoked", advice="ask the user", body="<html>")
    assert str(error) == "refused"
    assert (error.status, error.problem, error.advice, error.body) == (
        401,
        "token_revoked",
        "ask the user",
        "<html>",
    )
    bare = kind("refused", status=500)
    assert (bare.problem, bare.advice, bare.body) == (None, None, "")
    with pytest.raises(TypeError):
        kind("refused")  # type: ignore[call-arg]  # there is no refusal without a status


def test_a_rate_limit_tells_how_long_to_wait() -> None:
    assert RateLimited("slowly", status=429, retry_after=1.5).retry_after == 1.5
    assert RateLimited("slowly", status=429).retry_after is None
    assert (
        RateLimited("slowly", status=503, problem="over_rate", body="x", retry_after=0).problem == "over_rate"
    )


@pytest.mark.parametrize("kind", PROVIDERS)
def test_a_refusal_survives_a_process_boundary(kind: type[ProviderError]) -> None:
    options: dict[str, Any] = {"retry_after": 2.0} if kind is RateLimited else {}
    error = kind("refused", status=401, problem="p", advice="a", body="b", **options)
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301  our own octets
        assert type(again) is kind
        assert str(again) == "refused"
        assert vars(again) == vars(error)
