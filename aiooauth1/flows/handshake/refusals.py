"""The meaning of a refused exchange, where it differs from the same words for any other request. Pure."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from aiooauth1.errors import (
    AuthorizationDenied,
    NonceRejected,
    ProviderError,
    RateLimited,
    TimestampRefused,
)
from aiooauth1.flows.handshake.denials import is_denial_problem, is_pending_problem


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiooauth1.errors import OAuth1Error
    from aiooauth1.flows.token_endpoint import TokenRequest
    from aiooauth1.responses.problem import Problem


__all__ = ["is_denial", "is_final", "refusal_error", "with_meaning"]

_REQUEST_TIMEOUT = 408
_SERVER_ERROR = 500
_LONGEST_SENTENCE = 120
_NOT_IN_SENTENCES = frozenset("=<>{}&")
_CLIENT_ERRORS = frozenset({200, 400, 401, 403})

# Sentences with this meaning at a token endpoint only: APIs use some of them for other problems.
_SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "invalid request token": "token_rejected",  # WordPress, MediaWiki
        "invalid token": "token_rejected",  # WordPress
        "invalid / expired token": "token_rejected",  # pump.io
        "oauth verifier does not match": "verifier_invalid",  # WordPress
    }
)


def with_meaning(problem: Problem) -> Problem:
    """Return the problem of a refused exchange with its meaning there."""
    is_known = problem.error_type is not ProviderError
    if is_known or problem.status not in _CLIENT_ERRORS or _says(problem, is_pending_problem):
        return problem
    said = [text.strip().rstrip(".!").lower() for text in _texts(problem)]
    meaning = next((_SENTENCES[text] for text in said if text in _SENTENCES), "")
    if not meaning and "parameter_absent" not in said and any("verifier" in text for text in said):
        # In an exchange, a sentence about the verifier means that it is wrong.
        meaning = "verifier_invalid"
    return replace(problem, meaning=meaning) if meaning else problem


def is_denial(problem: Problem) -> bool:
    """Say whether the provider refuses the exchange because the user said no."""
    return _says(problem, is_denial_problem)


def is_final(problem: Problem) -> bool:
    """Say whether the same verifier would be refused again."""
    if is_denial(problem):
        return True
    passing = issubclass(problem.error_type, (NonceRejected, RateLimited, TimestampRefused))
    if passing or _says(problem, is_pending_problem):
        return False
    return problem.status < _SERVER_ERROR and problem.status != _REQUEST_TIMEOUT


def refusal_error(problem: Problem, request: TokenRequest | None = None) -> OAuth1Error:
    """Return the error of a refused exchange, with method and URL if the request is known."""
    if is_denial(problem):
        return AuthorizationDenied(
            f"the user said no: the provider answered {problem.name or problem.advice}"
        )
    if request is None:
        return problem.error()
    return problem.error(method=request.method, url=request.url)


def _says(problem: Problem, means: Callable[[str], bool]) -> bool:
    return any(means(text) for text in _texts(problem))


def _texts(problem: Problem) -> list[str]:
    """Return the provider's texts: name, advice, and a body that is one plain sentence."""
    is_sentence = len(problem.body) <= _LONGEST_SENTENCE and not _NOT_IN_SENTENCES & set(problem.body)
    return [text for text in (problem.name, problem.advice, problem.body if is_sentence else None) if text]
