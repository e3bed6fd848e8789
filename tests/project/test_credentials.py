from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import pytest

from aiooauth1 import AccessToken, Consumer, RequestToken


Credentials = Consumer | RequestToken | AccessToken
KINDS: tuple[type[Credentials], ...] = (Consumer, RequestToken, AccessToken)
TOKENS: tuple[type[RequestToken | AccessToken], ...] = (RequestToken, AccessToken)
SECRET = "s3cr3t-v4lu3"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "text", ["", "a", "é☃😀", "\x00\r\n\x7f", '", oauth_token="EVIL', "\ud800", "x" * 10_000]
)
def test_any_text_is_a_key_and_a_secret(kind: type[Credentials], text: str) -> None:
    held = kind(text, text)
    assert held.key == text
    assert held.secret == text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrong", [None, b"bytes", 1, ["k"]], ids=repr)
def test_what_is_no_text_is_refused_by_the_name_of_the_field(kind: type[Credentials], wrong: Any) -> None:
    with pytest.raises(TypeError, match=f"{kind.__name__}: key must be a str, not {type(wrong).__name__}"):
        kind(wrong, SECRET)
    with pytest.raises(TypeError, match=f"{kind.__name__}: secret must be a str, not {type(wrong).__name__}"):
        kind("key", wrong)


def test_a_secret_of_the_wrong_type_is_not_repeated() -> None:
    wrong: Any = SECRET.encode()
    with pytest.raises(TypeError) as refusal:
        Consumer("key", wrong)
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize("kind", KINDS)
def test_credentials_are_frozen_and_slotted(kind: type[Credentials]) -> None:
    held: Any = kind("key", SECRET)
    for field in fields(kind):
        with pytest.raises(FrozenInstanceError):
            setattr(held, field.name, "other")
        with pytest.raises(FrozenInstanceError):
            delattr(held, field.name)
    with pytest.raises((FrozenInstanceError, AttributeError, TypeError)):
        held.surplus = 1
    assert not hasattr(held, "__dict__")


@pytest.mark.parametrize("kind", KINDS)
def test_credentials_are_values(kind: type[Credentials]) -> None:
    assert kind("key", SECRET) == kind("key", SECRET)
    assert hash(kind("key", SECRET)) == hash(kind("key", SECRET))
    assert kind("key", SECRET) != kind("key", "other")
    assert kind("key", SECRET) != kind("other", SECRET)
    assert len({kind("key", SECRET), kind("key", SECRET), kind("key", "")}) == 2


def test_the_three_kinds_are_never_equal() -> None:
    held: set[object] = {kind("key", SECRET) for kind in KINDS}
    assert len(held) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_no_way_of_showing_credentials_shows_the_secret(
    kind: type[Credentials], caplog: pytest.LogCaptureFixture
) -> None:
    held = kind("the-key", SECRET)
    logging.getLogger("test").warning("%s %r %s", held, held, [held])
    for shown in (repr(held), str(held), f"{held}", f"{held!r:>80}", repr({"c": (held,)}), caplog.text):
        assert SECRET not in shown
        assert "the-key" in shown


@pytest.mark.parametrize("kind", TOKENS)
def test_what_else_the_provider_sent_is_not_shown_either(kind: type[RequestToken | AccessToken]) -> None:
    held = kind("the-key", SECRET, params={"oauth_session_handle": SECRET})
    assert SECRET not in repr(held)


@pytest.mark.parametrize("kind", KINDS)
def test_a_traceback_with_locals_does_not_show_the_secret(kind: type[Credentials]) -> None:
    held = kind("key", SECRET)
    try:
        _ = held.key[1000]
    except IndexError as error:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "held" in shown
    assert "key" in shown
    assert SECRET not in shown


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_credentials_are_not_pickled(kind: type[Credentials], protocol: int) -> None:
    with pytest.raises(TypeError, match="token store") as refusal:
        pickle.dumps(kind("key", SECRET), protocol)
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize("kind", KINDS)
def test_credentials_are_not_written_as_json_unasked(kind: type[Credentials]) -> None:
    with pytest.raises(TypeError) as refusal:
        json.dumps(kind("key", SECRET))
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_is_the_same_object(kind: type[Credentials]) -> None:
    held = kind("key", SECRET)
    assert copy.copy(held) is held
    assert copy.deepcopy(held) is held
    assert copy.deepcopy({"c": [held]})["c"][0] is held


@pytest.mark.parametrize("kind", TOKENS)
def test_params_are_copied_and_read_only(kind: type[RequestToken | AccessToken]) -> None:
    given = {"user_id": "7", "screen_name": "ann"}
    token = kind("key", SECRET, params=given)
    given["user_id"] = "8"
    assert dict(token.params) == {"user_id": "7", "screen_name": "ann"}
    writable: Any = token.params
    with pytest.raises(TypeError):
        writable["user_id"] = "9"
    with pytest.raises(TypeError):
        del writable["user_id"]
    assert not hasattr(writable, "update")


@pytest.mark.parametrize("kind", TOKENS)
def test_params_are_compared_but_left_out_of_the_hash(kind: type[RequestToken | AccessToken]) -> None:
    plain, with_params = kind("key", SECRET), kind("key", SECRET, params={"user_id": "7"})
    assert with_params == kind("key", SECRET, params={"user_id": "7"})
    assert with_params != plain
    assert hash(with_params) == hash(plain)
    assert dict(plain.params) == {}
    assert dict(kind("key", SECRET, params={}).params) == {}


def test_tokens_without_params_share_one_empty_mapping() -> None:
    assert AccessToken("a", "").params is AccessToken("b", "").params is RequestToken("c", "").params


def test_a_request_token_is_confirmed_unless_it_says_otherwise() -> None:
    assert RequestToken("key", SECRET).callback_confirmed is True
    refused = RequestToken("key", SECRET, callback_confirmed=False)
    assert refused.callback_confirmed is False
    assert refused != RequestToken("key", SECRET)


def test_an_access_token_expires_only_where_the_provider_says_so() -> None:
    assert AccessToken("key", SECRET).expires_at is None
    assert AccessToken("key", SECRET, expires_at=1_700_000_000.5).expires_at == 1_700_000_000.5
    assert AccessToken("key", SECRET, expires_at=1.0) != AccessToken("key", SECRET)


def test_what_is_not_key_or_secret_is_named() -> None:
    positional: Any = AccessToken
    with pytest.raises(TypeError):
        positional("key", SECRET, {"user_id": "7"})
    positional = RequestToken
    with pytest.raises(TypeError):
        positional("key", SECRET, True)  # noqa: FBT003  what must fail is tried


def test_a_changed_copy_is_made_with_dataclasses_replace() -> None:
    token = AccessToken("key", SECRET, params={"user_id": "7"}, expires_at=1.0)
    renewed = replace(token, key="new")
    assert (renewed.key, renewed.secret, dict(renewed.params), renewed.expires_at) == (
        "new",
        SECRET,
        {"user_id": "7"},
        1.0,
    )


@pytest.mark.parametrize(
    "options",
    [
        {"expires_at": "1"},
        {"expires_at": True},
        {"params": [("a", "b")]},
        {"params": "a=b"},
        {"params": None},
    ],
    ids=repr,
)
def test_a_token_of_wrong_types_is_a_type_error(options: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"must be (seconds|a mapping)"):
        AccessToken("key", SECRET, **options)


@pytest.mark.parametrize(
    ("params", "token"),
    [
        (
            {"oauth_token": "k", "oauth_token_secret": SECRET, "user_id": "7", "screen_name": "ann"},
            AccessToken("k", SECRET, params={"user_id": "7", "screen_name": "ann"}),
        ),
        (
            {"key": "k", "secret": SECRET, "user_id": 7, "nested": [1]},
            AccessToken("k", SECRET, params={"user_id": "7"}),
        ),
        (
            AccessToken("k", SECRET, params={"a": "b"}, expires_at=5.0).to_dict(reveal=True),
            AccessToken("k", SECRET, params={"a": "b"}, expires_at=5.0),
        ),
        (json.loads(json.dumps(AccessToken("k", SECRET).to_dict(reveal=True))), AccessToken("k", SECRET)),
        ({"oauth_token": "k", "oauth_token_secret": ""}, AccessToken("k", "")),
    ],
)
def test_a_token_comes_in_as_a_mapping_and_leaves_as_one(params: dict[str, Any], token: AccessToken) -> None:
    assert AccessToken.from_params(params) == token


@pytest.mark.parametrize(
    ("params", "kind"),
    [
        ({}, ValueError),
        ({"oauth_token": "k"}, ValueError),
        ({"secret": SECRET}, ValueError),
        ({"key": 7, "secret": SECRET}, TypeError),
        ([("key", "k"), ("secret", SECRET)], TypeError),
        ("key=k", TypeError),
        ({"key": "k", "secret": SECRET, "expires_at": "soon"}, TypeError),
    ],
)
def test_a_mapping_without_a_token_is_refused_without_its_secret(params: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind) as raised:
        AccessToken.from_params(params)
    assert SECRET not in str(raised.value)


def test_a_secret_leaves_only_where_it_is_asked_for_by_name() -> None:
    token = AccessToken("key", SECRET)
    with pytest.raises(ValueError, match="in the clear"):
        token.to_dict(reveal=False)
    with pytest.raises(TypeError):
        token.to_dict()  # type: ignore[call-arg]  # it must be said
