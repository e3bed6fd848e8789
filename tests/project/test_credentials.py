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


SECRET = "s3cr3t-v4lu3"
every_kind = pytest.mark.parametrize("kind", [Consumer, RequestToken, AccessToken])
every_token = pytest.mark.parametrize("kind", [RequestToken, AccessToken])


@every_kind
@pytest.mark.parametrize("text", ["", "é☃😀", "\x00\r\n\x7f", '", oauth_token="EVIL', "\ud800", "x" * 10_000])
def test_any_text_is_a_key_and_a_secret(kind: Any, text: str) -> None:
    held = kind(text, text)
    assert (held.key, held.secret) == (text, text)


@every_kind
@pytest.mark.parametrize("wrong", [None, SECRET.encode(), 1, [SECRET]], ids=repr)
def test_another_type_is_refused_by_the_name_of_the_field_and_not_shown(kind: Any, wrong: Any) -> None:
    for field, arguments in (("key", (wrong, "other")), ("secret", ("key", wrong))):
        message = f"{kind.__name__}: {field} must be a str, not {type(wrong).__name__}"
        with pytest.raises(TypeError, match=message) as refusal:
            kind(*arguments)
        assert SECRET not in str(refusal.value)


@every_kind
def test_credentials_are_frozen_and_slotted(kind: Any) -> None:
    held = kind("key", SECRET)
    for field in fields(kind):
        with pytest.raises(FrozenInstanceError):
            setattr(held, field.name, "other")
    assert not hasattr(held, "__dict__")


@every_kind
def test_credentials_are_values_and_never_equal_to_another_kind(kind: Any) -> None:
    assert len({kind("key", SECRET), kind("key", SECRET), kind("key", ""), kind("other", SECRET)}) == 3
    assert len({one("key", SECRET) for one in (Consumer, RequestToken, AccessToken)}) == 3


@every_kind
def test_no_text_made_of_credentials_shows_the_secret(kind: Any, caplog: pytest.LogCaptureFixture) -> None:
    held = kind("the-key", SECRET)
    logging.getLogger("test").warning("%s %r %s", held, held, [held])
    try:
        _ = held.key[1000]
    except IndexError as error:
        dump = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    for shown in (repr(held), str(held), f"{held!r:>80}", repr({"c": (held,)}), caplog.text, dump):
        assert SECRET not in shown
        assert "the-key" in shown


@every_kind
def test_credentials_are_neither_pickled_nor_written_as_json(kind: Any) -> None:
    held = kind("key", SECRET)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="token store") as refusal:
            pickle.dumps(held, protocol)
        assert SECRET not in str(refusal.value)
    with pytest.raises(TypeError) as refusal:
        json.dumps(held)
    assert SECRET not in str(refusal.value)


@every_kind
def test_a_copy_is_the_same_object(kind: Any) -> None:
    held = kind("key", SECRET)
    assert copy.copy(held) is held
    assert copy.deepcopy({"c": [held]})["c"][0] is held


@every_token
def test_params_are_copied_read_only_and_not_shown(kind: Any) -> None:
    given = {"user_id": "7", "oauth_session_handle": SECRET}
    token = kind("key", "", params=given)
    given["user_id"] = "8"
    assert dict(token.params) == {"user_id": "7", "oauth_session_handle": SECRET}
    with pytest.raises(TypeError):
        token.params["user_id"] = "9"
    assert SECRET not in repr(token)


@every_token
def test_params_are_compared_but_left_out_of_the_hash(kind: Any) -> None:
    plain, with_params = kind("key", SECRET), kind("key", SECRET, params={"user_id": "7"})
    assert with_params == kind("key", SECRET, params={"user_id": "7"})
    assert with_params != plain
    assert hash(with_params) == hash(plain)


def test_tokens_without_params_share_one_empty_mapping() -> None:
    assert (
        AccessToken("a", "", params={}).params is AccessToken("b", "").params is RequestToken("c", "").params
    )
    assert dict(AccessToken("a", "").params) == {}


def test_confirmation_and_expiry_have_defaults_and_count_in_comparisons() -> None:
    assert RequestToken("key", SECRET).callback_confirmed is True
    assert RequestToken("key", SECRET, callback_confirmed=False) != RequestToken("key", SECRET)
    assert AccessToken("key", SECRET).expires_at is None
    assert AccessToken("key", SECRET, expires_at=1.5) != AccessToken("key", SECRET)


@every_token
def test_all_but_key_and_secret_is_passed_by_name(kind: Any) -> None:
    with pytest.raises(TypeError):
        kind("key", SECRET, {"user_id": "7"})


def test_replace_makes_a_changed_copy() -> None:
    token = AccessToken("key", SECRET, params={"user_id": "7"}, expires_at=1.0)
    assert replace(token, key="new") == AccessToken("new", SECRET, params={"user_id": "7"}, expires_at=1.0)


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
def test_another_type_of_expiry_or_params_is_a_type_error(options: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"must be (seconds|a mapping)"):
        AccessToken("key", SECRET, **options)


WHOLE = AccessToken("k", SECRET, params={"a": "b"}, expires_at=5.0)


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
        (WHOLE.to_dict(reveal=True), WHOLE),
        (json.loads(json.dumps(AccessToken("k", SECRET).to_dict(reveal=True))), AccessToken("k", SECRET)),
        ({"oauth_token": "k", "oauth_token_secret": ""}, AccessToken("k", "")),
    ],
    ids=["a provider's form", "other libraries' names", "our own", "our own through JSON", "an empty secret"],
)
def test_a_token_is_read_from_a_mapping(params: dict[str, Any], token: AccessToken) -> None:
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


def test_to_dict_gives_the_secret_only_if_asked_by_name() -> None:
    with pytest.raises(ValueError, match="in the clear"):
        WHOLE.to_dict(reveal=False)
    with pytest.raises(TypeError):
        WHOLE.to_dict()  # type: ignore[call-arg]  # it must be said
