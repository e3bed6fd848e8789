"""Records every place where a failure could show a secret, and searches them afterwards."""

from __future__ import annotations

import asyncio
import logging
import pickle
import traceback
import warnings
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import aiohttp
from aiohttp import TraceConfig
from wire.leaks import chain, forms

import aiooauth1


if TYPE_CHECKING:
    from collections.abc import Iterable


__all__ = ["SINKS", "Sinks"]

SINKS = (
    "str",
    "repr",
    "args",
    "vars",
    "format",
    "locals of our frames",
    "chain",
    "pickle",
    "request_info, history, headers",
    "logs",
    "warnings",
    "event loop",
    "trace hooks",
    "objects",
    "response",
)
_OURS = str(Path(aiooauth1.__file__).parent)
# These hooks are handed the signature: the body as it is sent, and the header fields. The latter are left out
# only in sessions that are not ours.
_WITH_SIGNATURES = {"on_request_chunk_sent", "on_request_headers_sent"}
_HOOKS = {name for name in dir(TraceConfig) if name.startswith("on_")} - _WITH_SIGNATURES


class Sinks(logging.Handler):
    """Records logs, warnings, the loop's errors and trace hooks within `with`; `look` takes all else.

    Attributes:
        shown: The texts of each sink.
    """

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.shown: dict[str, list[str]] = defaultdict(list)
        self._was: dict[logging.Logger, tuple[int, bool]] = {}
        self._warned = warnings.catch_warnings(record=True)
        self._seen: list[Any] = []

    def __enter__(self) -> Self:
        known = logging.Logger.manager.loggerDict.values()
        for logger in (logging.getLogger(), *(one for one in known if isinstance(one, logging.Logger))):
            self._was[logger] = logger.level, logger.disabled
            logger.setLevel(logging.DEBUG)
            logger.disabled = False
        logging.getLogger().addHandler(self)
        self._warnings = self._warned.__enter__()
        warnings.simplefilter("always")
        asyncio.get_running_loop().set_exception_handler(self._told)
        return self

    def __exit__(self, *exc_info: object) -> None:
        asyncio.get_running_loop().set_exception_handler(None)
        self._warned.__exit__(None, None, None)
        logging.getLogger().removeHandler(self)
        for logger, (level, disabled) in self._was.items():
            logger.setLevel(level)
            logger.disabled = disabled
        for caught in self._warnings or ():
            self.shown["warnings"].append(f"{caught.message!r} {caught.source!r}")

    def emit(self, record: logging.LogRecord) -> None:
        """Record a log record: its text, its fields and its error."""
        self.shown["logs"] += [record.getMessage(), repr(vars(record))]
        if record.exc_info and record.exc_info[1] is not None:
            self.look(record.exc_info[1])

    def _told(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.shown["event loop"].append(repr(context))
        if isinstance(context.get("exception"), BaseException):
            self.look(context["exception"])

    def trace(self, *, with_headers: bool = False) -> TraceConfig:
        """Return a trace configuration whose hooks record what they are given."""
        config = TraceConfig()
        for name in _HOOKS | ({"on_request_headers_sent"} if with_headers else set()):

            async def hook(_session: object, _context: object, params: Any, name: str = name) -> None:
                # As it is now, and again at the end.
                self.shown["trace hooks"] += [f"{name}: {text}" for text in _texts_of_params(params)]
                self._seen.append(params)

            getattr(config, name).append(hook)
        return config

    def look(self, *things: object) -> None:
        """Record errors with those that they are linked to, responses, and the reprs of other objects."""
        for thing in things:
            if isinstance(thing, BaseException):
                for number, error in enumerate(chain(thing)):
                    self._look_at(error, is_linked=number > 0)
            elif isinstance(thing, aiohttp.ClientResponse):
                self.shown["response"] += [repr(thing.request_info), repr(thing.url), repr(thing.history)]
                self.shown["response"] += [repr(thing.request_info.real_url), str(thing.method)]
            else:
                self.shown["objects"] += [repr(thing), str(thing)]

    def _look_at(self, error: BaseException, *, is_linked: bool) -> None:
        shown = self.shown
        shown["str"].append(str(error))
        shown["repr"].append(repr(error))
        shown["args"].append(repr(error.args))
        shown["vars"].append(repr(getattr(error, "__dict__", {})))
        told = traceback.TracebackException(type(error), error, error.__traceback__, capture_locals=True)
        shown["format"].append("".join(traceback.format_exception_only(error)))
        for frame in told.stack:
            if frame.filename.startswith(_OURS):
                shown["locals of our frames"].append(f"{frame.filename}:{frame.lineno} {frame.locals}")
        if is_linked:
            shown["chain"].append(f"{error!r} {error.args!r}")
        try:
            shown["pickle"].append(pickle.dumps(error).decode("latin-1"))
        except Exception as refused:  # noqa: BLE001  whatever it holds that cannot be pickled
            shown["pickle"].append(repr(refused))
        for name in ("request_info", "history", "headers"):
            shown["request_info, history, headers"].append(repr(getattr(error, name, None)))

    def hits(self, secrets: Iterable[str], *, without: str = "") -> list[str]:
        """Return which secret shows where, in any form, except in the sink `without`."""
        for params in self._seen:
            self.shown["trace hooks"] += _texts_of_params(params)
        found = {form: secret for secret in secrets for form in forms(secret)}
        return sorted(
            {
                f"{sink} shows {secret!r}: …{text[max(0, text.index(form) - 90) : text.index(form) + 30]}…"
                for sink, texts in self.shown.items()
                if sink != without
                for text in texts
                for form, secret in found.items()
                if form in text
            }
        )


def _texts_of_params(params: Any) -> list[str]:
    # A response's own header fields are the provider's words, and the caller's to read: they are left out.
    fields = {name: getattr(params, name) for name in getattr(type(params), "__slots__", ()) or vars(params)}
    response = fields.pop("response", None)
    texts = [f"{name}={value!r}" for name, value in fields.items() if name != "chunk"]
    if response is not None:
        texts += [repr(response.request_info), repr(response.url)]
    return texts
