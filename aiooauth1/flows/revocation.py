"""What a provider answers when a token is revoked there. Pure."""

from __future__ import annotations

from aiooauth1.errors import TokenResponseError


__all__ = ["check_revocation"]


def check_revocation(body: bytes) -> None:
    """Accept any 2xx answer that reports no problem.

    Raises:
        TokenResponseError: If it reports one, which the caller then reads from the body.
    """
    if b"oauth_problem" in body or body.lstrip().startswith((b'{"error', b'{"errors', b"Error:")):
        raise TokenResponseError("the answer to the revocation reports a problem that cannot be read")
