"""What a provider answers when a token is revoked there. Pure."""

from __future__ import annotations

from aiooauth1.errors import TokenResponseError


__all__ = ["check_revocation"]


def check_revocation(body: bytes) -> None:
    """Take any 2xx for done, unless it reports a problem.

    Raises:
        TokenResponseError: If it does: the problem is then read from it.
    """
    if b"oauth_problem" in body or body.lstrip().startswith((b'{"error', b'{"errors', b"Error:")):
        raise TokenResponseError("the answer to the revocation reports a problem that cannot be read")
