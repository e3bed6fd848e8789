"""xAuth: the parameters with which a user's name and password become an access token. Pure."""

from __future__ import annotations


__all__ = ["password_params"]


def password_params(username: str, password: str) -> dict[str, str]:
    """Return the form of an xAuth request, as Instapaper and X's former API have it.

    Raises:
        TypeError: If one of them is not a str. The message does not show it.
    """
    for name, given in (("username", username), ("password", password)):
        if not isinstance(given, str):
            raise TypeError(f"{name} must be a str, not {type(given).__name__}")
    return {"x_auth_mode": "client_auth", "x_auth_username": username, "x_auth_password": password}
