"""The messages between a FakeProviderProcess and its child: JSON, one message a line.

They go over the child's standard input and output. Other processes cannot reach these, so no port has to be
protected, and no secret is in arguments or environment, where others on the machine can read it.

A command is `{"id": 1, "do": "posts"}` with its arguments. The answer is any number of
`{"id": 1, "value": …}` and then `{"id": 1, "end": true}`, or `{"id": 1, "error": "KeyError", "message": …}`.
"""

from __future__ import annotations

import dataclasses
import json
import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from aiooauth1.credentials import AccessToken, Consumer
from aiooauth1.testing.fake_provider.ledger import Arrival


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from aiooauth1.testing.fake_provider.fake_provider import FakeProvider


__all__ = ["Message", "answer", "arrival_from", "encode_message", "greeting", "token_from"]

Message = dict[str, Any]
"""One line, decoded."""


def encode_message(message: Message) -> bytes:
    """Render a message."""
    return json.dumps(message).encode("ascii") + b"\n"


def greeting(fake: FakeProvider) -> Message:
    """Return the child's first message: its URL and its consumer."""
    return {
        "url": fake.url,
        "name": fake.provider.name,
        "consumer_key": fake.consumer.key,
        "consumer_secret": fake.consumer.secret,
    }


def answer(fake: FakeProvider, line: bytes) -> Iterator[Message]:
    """Carry out a command, and yield the messages of its answer."""
    number = None
    try:
        question = json.loads(line)
        number = question.pop("id")
        for value in _COMMANDS[question.pop("do")](fake, **question):
            yield {"id": number, "value": value}
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # an invalid command
        yield {"id": number, "error": type(error).__name__, "message": str(error)}
    else:
        yield {"id": number, "end": True}


def arrival_from(value: Message) -> Arrival:
    """Read an arrival."""
    return Arrival(
        **{
            **value,
            "request_line": value["request_line"].encode("latin-1"),
            "headers": tuple((n.encode("latin-1"), v.encode("latin-1")) for n, v in value["headers"]),
            "body": value["body"].encode("latin-1"),
        }
    )


def token_from(value: Message) -> AccessToken:
    """Read an access token."""
    return AccessToken(value["key"], value["secret"], params=value["params"])


def _ledger(fake: FakeProvider) -> Iterable[Message]:
    for arrival in fake.ledger:
        value = {name.name: getattr(arrival, name.name) for name in dataclasses.fields(arrival)}
        value["request_line"] = arrival.request_line.decode("latin-1")  # each byte one character
        value["headers"] = [[n.decode("latin-1"), v.decode("latin-1")] for n, v in arrival.headers]
        value["body"] = arrival.body.decode("latin-1")
        yield value


def _posts(fake: FakeProvider) -> Iterable[Message]:
    return map(dataclasses.asdict, fake.posts)


def _summary(fake: FakeProvider) -> Iterable[Message]:
    return [dataclasses.asdict(fake.summary())]


def _cpu_time(_: FakeProvider) -> Iterable[float]:
    return [time.process_time()]


def _issue_access_token(fake: FakeProvider, *, user: str, consumer_key: str) -> Iterable[Message]:
    token = fake.issue_access_token(user, consumer=Consumer(consumer_key, ""))  # only its key is used
    return [{"key": token.key, "secret": token.secret, "params": dict(token.params)}]


def _revoke(fake: FakeProvider, *, token_key: str) -> Iterable[object]:
    fake.revoke(token_key)
    return ()


def _expire(fake: FakeProvider, *, token_key: str) -> Iterable[object]:
    fake.expire(token_key)
    return ()


def _script(fake: FakeProvider, *, call: str, arguments: Message) -> Iterable[object]:
    if call not in _SCRIPTING:
        raise ValueError(f"{call} is not a scripting method of FakeProvider")
    return [getattr(fake, call)(**arguments)]


def _add_consumer(fake: FakeProvider, *, key: str, secret: str) -> Iterable[object]:
    fake.add_consumer(Consumer(key, secret))
    return ()


_SCRIPTING = frozenset(
    {"deny_next", "drop_next", "fail_next", "rate_limit", "revoke_user", "set_password", "skew", "slow"}
)
_COMMANDS: Mapping[str, Callable[..., Iterable[object]]] = MappingProxyType(
    {
        "add_consumer": _add_consumer,
        "cpu_time": _cpu_time,
        "expire": _expire,
        "issue_access_token": _issue_access_token,
        "ledger": _ledger,
        "posts": _posts,
        "revoke": _revoke,
        "script": _script,
        "summary": _summary,
    }
)
