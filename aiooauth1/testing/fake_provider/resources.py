"""The protected resources of a FakeProvider: posts, and an echo."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aiooauth1.testing.fake_provider.errors import HTTPRefusal
from aiooauth1.testing.fake_provider.request import is_form, parse_form
from aiooauth1.testing.fake_provider.request_context import json_reply, nothing


if TYPE_CHECKING:
    from aiohttp import web

    from aiooauth1.testing.fake_provider.ledger import Post
    from aiooauth1.testing.fake_provider.request import ReceivedRequest
    from aiooauth1.testing.fake_provider.request_context import ProviderState, RequestContext


__all__ = ["echo", "post", "posts"]


def posts(call: RequestContext, state: ProviderState) -> web.Response:
    """List the user's posts, or make one."""
    user = _user(call, state)
    if call.received.method == "OPTIONS":
        return nothing(call.allow)
    if call.received.method == "POST":
        return json_reply(_shown(state.accounts.add_post(user, _text(call.received))), 201)
    return json_reply([_shown(post) for post in state.accounts.posts.values() if post.user == user])


def post(call: RequestContext, state: ProviderState) -> web.Response:
    """Show, change or delete one of the user's posts."""
    user = _user(call, state)
    number = int(call.rest) if call.rest.isdigit() and len(call.rest) < 16 else 0  # noqa: PLR2004  no such number
    found = state.accounts.posts.get(number)
    if found is None or found.user != user:
        raise HTTPRefusal("not_found", "this user has no such post", 404)
    match call.received.method:
        case "OPTIONS":
            return nothing(call.allow)
        case "DELETE":
            del state.accounts.posts[found.id]
            return nothing()
        case "PUT" | "PATCH":
            return json_reply(_shown(state.accounts.change_post(found.id, _text(call.received))))
    return json_reply(_shown(found))


def echo(call: RequestContext, state: ProviderState) -> web.Response:
    """Return what arrived, with an access token or without."""
    caller = call.authenticate_counted(state, "any access")
    return json_reply(
        {
            "method": call.received.method,
            "target": call.received.target.decode("latin-1"),
            "headers": [[n.decode("latin-1"), v.decode("latin-1")] for n, v in call.received.headers],
            "body_length": call.length,
            "body_sha256": call.sha256,
            "consumer_key": caller.consumer.key,
            "token_key": caller.access_token.token.key if caller.access_token else None,
            "user": caller.user,
        }
    )


def _user(call: RequestContext, state: ProviderState) -> str:
    user = call.authenticate_counted(state, "access").user
    assert user is not None  # noqa: S101  an access token speaks for a user
    return user


def _shown(shown: Post) -> dict[str, object]:
    return {"id": shown.id, "user": shown.user, "text": shown.text}


def _text(received: ReceivedRequest) -> str:
    """Return the text of a post: the form's `status`, the JSON's `text`, or the body itself."""
    if is_form(received):
        for name, value in parse_form(received.body):
            if name == b"status":
                return value.decode("utf-8", "replace")
    try:
        given = json.loads(received.body) if received.body.startswith(b"{") else None
    except (ValueError, RecursionError):
        given = None
    if isinstance(given, dict) and isinstance(given.get("text"), str):
        return str(given["text"])
    return received.body.decode("utf-8", "replace")
