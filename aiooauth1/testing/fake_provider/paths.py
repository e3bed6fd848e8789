"""Where the endpoints of a FakeProvider are."""

from __future__ import annotations

from dataclasses import replace

from aiooauth1.providers.provider import Provider


__all__ = ["ECHO", "ENDPOINTS", "POSTS", "provider_at"]

POSTS = "posts"
"""The path of the list of posts; each post is one step below it."""

ECHO = "echo"
"""The path of the echo, which also answers anywhere below it."""

ENDPOINTS = {
    "request_token": "oauth/request_token",
    "authorize": "oauth/authorize",
    "access_token": "oauth/access_token",
    "revoke": "oauth/revoke",
    "posts": POSTS,
    "echo": ECHO,
}
"""The paths of the endpoints by their names, relative to the provider's URL."""


def provider_at(url: str, name: str, like: Provider | None = None, denial: str = "") -> Provider:
    """Describe a FakeProvider to a consumer.

    Args:
        url: Its URL, which ends in `/`.
        name: The namespace of its tokens in stores.
        like: The provider that it is like; None: it has no quirks.
        denial: How it tells that the user said no.

    Returns:
        The provider, with all its endpoints.

    >>> provider_at("http://127.0.0.1:8080/", "fake").access_token_url
    'http://127.0.0.1:8080/oauth/access_token'
    """
    like = like or Provider(name)
    return replace(
        like,
        name=name,
        request_token_url=url + ENDPOINTS["request_token"],
        authorize_url=url + ENDPOINTS["authorize"],
        access_token_url=url + ENDPOINTS["access_token"],
        base_url=url,
        origins=(),
        denied_by_empty_verifier=like.denied_by_empty_verifier or denial == "empty_verifier",
    )
