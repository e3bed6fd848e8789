"""What a provider answers when a token is revoked there. Pure."""

from __future__ import annotations

from aiooauth1.errors import TokenResponseError
from aiooauth1.responses.problem import read_problem, read_success


__all__ = ["check_revocation"]

_OK = 200


def check_revocation(body: bytes) -> None:
    """Accept any 2xx answer that reports no problem.

    Raises:
        TokenResponseError: If it reports one, which the caller then reads from the body.
    """
    reports = read_success(_OK, (), body) or read_problem(_OK, (), body, at_token_endpoint=True).meaning
    if b"oauth_problem" in body or reports:
        raise TokenResponseError("the answer to the revocation reports a problem that cannot be read")
