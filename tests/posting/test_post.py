from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from aiooauth1.posting import Post


POSTS = [
    Post("1", "ann", "posts"),
    Post("2", "bén ☕", "posts", data={"status": "Hello ☕", "b": ""}),
    Post("3", "ann", "posts", data=[("a", "1"), ("a", "2")]),
    Post("4", "ann", "posts", data=b"\x00\xff"),
    Post("5", "ann", "posts", data="text"),
    Post("6", "ann", "posts/1", method="PUT", json={"text": [1, None, {"a": True}]}),
    Post("7", "ann", "posts", params={"a": "1"}, headers={"X-Trace": "7"}),
]


@pytest.mark.parametrize("post", POSTS, ids=lambda post: post.id)
def test_a_post_goes_through_json_and_pickle_unchanged(post: Post) -> None:
    assert Post.from_json(post.to_json()) == post
    assert Post.from_json(json.loads(post.to_json())) == post
    assert pickle.loads(pickle.dumps(post)) == post  # noqa: S301  our own


def test_equal_posts_have_one_json() -> None:
    one = Post("1", "ann", "posts", data={"a": "1", "b": "2"})
    other = Post("1", "ann", "posts", data={"b": "2", "a": "1"})
    assert one.to_json() == other.to_json()
    assert hash(one) == hash(other)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (("", "ann", "posts"), {}, ValueError, "id of a post must not be empty"),
        ((1, "ann", "posts"), {}, TypeError, "id of a post must be a str, not int"),
        (("1", None, "posts"), {}, TypeError, "user of a post must be a str, not NoneType"),
        (("1", "ann", "posts"), {"data": {"a": 1}}, TypeError, "data of a post"),
        (("1", "ann", "posts"), {"data": 7}, TypeError, "data of a post"),
        (("1", "ann", "posts"), {"data": {"a": "1"}, "json": {}}, ValueError, "data= and json="),
        (("1", "ann", "posts"), {"json": {"a": object()}}, TypeError, "json of a post"),
        (("1", "ann", "posts"), {"json": float("nan")}, TypeError, "json of a post"),
        (("1", "ann", "posts"), {"headers": {"authorization": "x"}}, ValueError, "must hold no secrets"),
        (("1", "ann", "https://u:p@api.example/"), {}, ValueError, "remove user and password from its URL"),
        (("1", "ann", "posts"), {"headers": [("a", "b")]}, TypeError, "headers of a post"),
    ],
)
def test_a_post_that_cannot_be_sent_is_an_error_at_once(
    arguments: tuple[Any, ...], options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Post(*arguments, **options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        (b"\xff", "not UTF-8"),
        ("[" * 100_000, "nested too deep"),
        ("[]", "not an object"),
        ('{"user": "ann", "url": "posts"}', '"id" is missing'),
        ('{"id": "1", "user": "ann", "url": "posts", "text": "x"}', "unknown key 'text'"),
        ('{"id": 1, "user": "ann", "url": "posts"}', '"id" is not a string'),
        ('{"id": "1", "user": "ann", "url": "posts", "data_base64": "?"}', "not base64"),
        ('{"id": "1", "user": "ann", "url": "posts", "data": {"a": 1}}', "data of a post"),
    ],
)
def test_json_of_something_else_is_a_value_error_that_says_why(text: str | bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Post.from_json(text)
