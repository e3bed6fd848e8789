"""A FakeProvider's refusals, by the OAuth Problem Reporting extension, in body and header.

The statuses are those of RFC 5849 section 3.2: 400 for malformed or unsupported requests, 401 for invalid
credentials, signatures, timestamps or nonces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote


if TYPE_CHECKING:
    from collections.abc import Iterable


__all__ = ["BAD_REQUEST_PROBLEMS", "HTTPRefusal", "RefusalError", "form_encode"]

BAD_REQUEST_PROBLEMS = frozenset(
    {
        "parameter_absent",
        "parameter_rejected",
        "signature_method_rejected",
        "version_rejected",
    }
)
"""The problems with status 400. All others have 401."""


def form_encode(pairs: Iterable[tuple[str, str]]) -> str:
    """Render pairs as a form in which all but unreserved characters are escaped (RFC 5849 section 3.6).

    >>> form_encode([("oauth_problem_advice", "a b&c")])
    'oauth_problem_advice=a%20b%26c'
    """
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)


class RefusalError(Exception):
    """A refusal by OAuth. The server turns it into the reply; it is not raised to users.

    Args:
        problem: The `oauth_problem`.
        advice: What is wrong and what to do. It holds no secret.
        *parameters: More parameters of the problem, such as `oauth_acceptable_timestamps`.
    """

    def __init__(self, problem: str, advice: str, *parameters: tuple[str, str]) -> None:
        super().__init__(f"{problem}: {advice}")
        self.problem = problem
        self.status = 400 if problem in BAD_REQUEST_PROBLEMS else 401
        self.parameters: tuple[tuple[str, str], ...] = (
            ("oauth_problem", problem),
            *parameters,
            ("oauth_problem_advice", advice),
        )

    def body(self) -> bytes:
        """Return the reply's body, a form."""
        return form_encode(self.parameters).encode("ascii")

    def challenge(self, realm: str) -> str:
        """Return the value of `WWW-Authenticate`."""
        escaped = "".join(f', {name}="{quote(value, safe="")}"' for name, value in self.parameters)
        return f'OAuth realm="{realm}"{escaped}'


class HTTPRefusal(Exception):
    """A refusal for another reason than OAuth. The server turns it into the reply.

    Args:
        why: The reason in a word.
        message: The reason in a sentence.
        status: The status of the reply.
        allow: The methods of the resource, if the method was wrong.
    """

    def __init__(self, why: str, message: str, status: int, *, allow: str | None = None) -> None:
        super().__init__(message)
        self.why = why
        self.message = message
        self.status = status
        self.allow = allow
