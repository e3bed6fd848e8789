from __future__ import annotations

import concurrent.futures
import copy
import inspect
import multiprocessing
import pickle
import re
from typing import Any

import aiohttp
import pytest

import aiooauth1
from aiooauth1 import errors
from aiooauth1.errors import (
    OAuth1Error,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    SignatureRejected,
    SigningError,
)
from aiooauth1.signing import base_string_uri


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
    "VerifierRejected": "ProviderError",
    "TokenRejected": "ProviderError",
    "TimestampRefused": "ProviderError",
    "NonceRejected": "ProviderError",
    "RateLimited": "ProviderError",
    "RedirectRefused": "OAuth1Error",
    "StoreUnavailable": "OAuth1Error",
    "StoreCorrupt": "OAuth1Error",
    "OutcomeUnknown": "OAuth1Error",
}
HEADERS = [("X-Request-Id", "r1"), ("Via", "a"), ("via", "b")]
ALL: list[type[OAuth1Error]] = [getattr(errors, name) for name in ["OAuth1Error", *PARENTS]]
PROVIDERS: list[type[ProviderError]] = [kind for kind in ALL if issubclass(kind, ProviderError)]


def test_the_tree_is_whole_and_each_error_is_where_it_says() -> None:
    defined = {
        name: kind
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and issubclass(kind, Exception)
    }
    assert {name: kind.__bases__[0].__name__ for name, kind in defined.items()} == {
        "OAuth1Error": "Exception",
        **PARENTS,
    }
    assert set(errors.__all__) == defined.keys()


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
def test_each_error_is_public_described_and_not_taken_for_network_trouble(kind: type[OAuth1Error]) -> None:
    assert getattr(aiooauth1, kind.__name__) is kind
    assert kind.__doc__ != kind.__bases__[0].__doc__
    assert not issubclass(kind, (OSError, aiohttp.ClientError, TimeoutError, ValueError, LookupError))


@pytest.mark.parametrize("kind", PROVIDERS)
def test_a_refusal_tells_status_problem_advice_and_body(kind: type[ProviderError]) -> None:
    error: Any = full(kind)
    assert str(error) == "refused: é"
    assert (error.status, error.problem, error.advice, error.body) == (401, "p", "a", "b")
    bare = kind("refused", status=500)
    assert (bare.problem, bare.advice, bare.body) == (None, None, "")
    with pytest.raises(TypeError):
        kind("refused")  # type: ignore[call-arg]  # there is no refusal without a status


@pytest.mark.parametrize("kind", [*PROVIDERS, OutcomeUnknown])
def test_an_error_tells_of_which_request_it_is(kind: type[ProviderError | OutcomeUnknown]) -> None:
    error: Any = full(kind)
    assert (error.method, error.url, error.user) == ("POST", "https://api.example/posts?a=b", "ann")
    assert (error.request_id, error.clock_difference) == ("r1", -3.5)
    assert dict(error.headers) == {"X-Request-Id": "r1", "Via": "a"}
    assert (error.headers["x-request-id"], error.headers.get("VIA"), len(error.headers)) == ("r1", "a", 2)
    bare = kind("x", status=401) if issubclass(kind, ProviderError) else kind("x")
    assert (bare.method, bare.url, bare.user, bare.request_id, bare.clock_difference) == (None,) * 5
    assert dict(bare.headers) == {}


def test_a_rate_limit_tells_how_long_to_wait_if_known() -> None:
    assert RateLimited("slowly", status=429, retry_after=1.5).retry_after == 1.5
    assert RateLimited("slowly", status=429).retry_after is None


def full(kind: type[OAuth1Error]) -> OAuth1Error:
    """Return an error of that kind with all that it can tell, and a note of who caught it."""
    options: dict[str, Any] = {}
    if issubclass(kind, ProviderError):
        options = {"status": 401, "problem": "p", "advice": "a", "body": "b"}
    if issubclass(kind, (ProviderError, OutcomeUnknown)):
        options |= {"method": "POST", "url": "https://api.example/posts?a=b", "user": "ann"}
        options |= {"headers": HEADERS, "request_id": "r1", "clock_difference": -3.5}
    if issubclass(kind, RateLimited):
        options["retry_after"] = 2.0
    if issubclass(kind, SignatureRejected):
        options |= {
            "base_string": "POST&http",
            "server_base_string": "GET&http",
            "hints": ("a secret", "a proxy"),
        }
    error = kind("refused: é", **options)
    error.add_note("while posting for ann")
    return error


@pytest.mark.parametrize("kind", ALL)
def test_an_error_survives_copies_and_pickles_whole(kind: type[OAuth1Error]) -> None:
    error = full(kind)
    pickles = [pickle.dumps(error, protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for again in (copy.copy(error), copy.deepcopy(error), *map(pickle.loads, pickles)):
        assert type(again) is kind
        assert (str(again), again.args) == ("refused: é", ("refused: é",))
        assert vars(again) == vars(error)
        assert again is not error


def test_errors_come_whole_out_of_other_processes() -> None:
    errors_there = [full(kind) for kind in ALL]
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as processes:
        back = processes.submit(copy.copy, errors_there).result(50)
        raised = processes.submit(base_string_uri, "no url").exception(50)
    assert [(type(error), vars(error)) for error in back] == [
        (type(error), vars(error)) for error in errors_there
    ]
    assert type(raised) is SigningError
    assert "absolute" in str(raised)


class Suspended(ProviderError):
    """What an application may make of a refusal."""

    def __init__(self, message: str, *, status: int, until: str) -> None:
        super().__init__(message, status=status)
        self.until = until


def test_an_application_s_own_error_survives_copies_and_pickles_too() -> None:
    error = Suspended("refused", status=403, until="Monday")
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301  our own bytes
        assert (type(again), str(again), vars(again)) == (Suspended, "refused", vars(error))
        assert again.until == "Monday"
