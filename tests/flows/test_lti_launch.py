"""An LTI 1.1 launch: a form that the browser posts, signed by us and verified by a tool library (`lti`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lti import ToolProvider  # type: ignore[import-untyped]  # it has no types
from oauthlib.oauth1 import RequestValidator

from aiooauth1 import Consumer, OAuth1Session, Provider


if TYPE_CHECKING:
    from collections.abc import Mapping


URL = "http://127.0.0.1:8080/launch?course=7&x=a%20b"
CONSUMER = Consumer("tool-key-0123456789abcdef", "tool secret & more")
FIELDS = {
    "lti_message_type": "basic-lti-launch-request",
    "lti_version": "LTI-1p0",
    "resource_link_id": "88391-e1919-bb3456",
    "user_id": "29123",
    "roles": "Instructor,urn:lti:instrole:ims/lis/Student",
    "context_title": "Zeichnen & Malen für Anfänger",
    "launch_presentation_return_url": "https://lms.example/back?a=1&b=2",
}


class Tool(RequestValidator):
    """What the tool knows of its consumers."""

    enforce_ssl = False
    nonce_length = 10, 64

    def check_client_key(self, client_key: str) -> bool:
        return client_key == CONSUMER.key

    def validate_client_key(self, client_key: str, request: Any) -> bool:
        del request
        return client_key == CONSUMER.key

    def get_client_secret(self, client_key: str, request: Any) -> str:
        del client_key, request
        return CONSUMER.secret

    def validate_timestamp_and_nonce(self, *_: Any, **__: Any) -> bool:
        return True


def accepts(form: Mapping[str, str], url: str = URL) -> bool:
    tool = ToolProvider.from_unpacked_request(CONSUMER.secret, dict(form), url, {})
    return bool(tool.is_valid_request(Tool()))


async def test_a_tool_library_accepts_only_an_unchanged_launch() -> None:
    provider = Provider("tool", origins=("http://127.0.0.1:8080",))
    async with OAuth1Session(CONSUMER, provider=provider) as session:
        signature = await session.sign("POST", URL, form=FIELDS.items(), callback="about:blank")
        form = dict(signature.form())
    assert form.items() >= FIELDS.items()
    assert form["oauth_callback"] == "about:blank"
    assert accepts(form)
    for name in FIELDS:
        assert not accepts({**form, name: f"{form[name]}x"})
    assert not accepts(form, URL.replace("course=7", "course=8"))
    assert not accepts({**form, "oauth_nonce": "0" * 30})
