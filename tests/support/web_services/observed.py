"""A program: requests in every placement, watched by OpenTelemetry and Sentry; prints what they saw as JSON.

In a process of its own, since both patch aiohttp for good.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import sentry_sdk
from aiohttp import ClientError
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sentry_sdk.integrations.aiohttp import AioHttpIntegration
from sentry_sdk.transport import Transport

from aiooauth1 import (
    Consumer,
    Handshake,
    HandshakeError,
    MemoryStore,
    OAuth1Session,
    OutcomeUnknown,
    Provider,
    ProviderError,
    raise_for_problem,
)
from aiooauth1.testing import FakeProvider, drop


if TYPE_CHECKING:
    from sentry_sdk.envelope import Envelope


_SIGNATURE = re.compile(rb'oauth_signature="?([^"&\s]+)')
SECRETS = ("canary-consumer-secret", "canary-wrong-secret")


class _Captured(Transport):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.seen.append(envelope.serialize().decode("utf-8", "replace"))


async def _requests(placement: Any) -> set[str]:
    # Nothing here keeps a signature in a local variable while Sentry looks.
    consumer = Consumer("observed", SECRETS[0])
    like = Provider("observed", placement=placement)
    async with FakeProvider(like=like, consumer=consumer) as fake:
        store = MemoryStore()
        options: dict[str, Any] = {"provider": fake.provider, "store": store, "retry": None}
        async with (
            OAuth1Session(consumer, **options) as session,
            Handshake(fake.provider, consumer, store=store) as handshake,
        ):
            pending = await handshake.begin("https://me.example/cb", bind="b")
            callback = await fake.approve(pending.url)
            await handshake.complete(callback, bind="b", save_as="ann")
            form = {"status": "Hello"}
            await (await session.post("posts", user="ann", data=form)).read()
            if has_reads := placement != "body":
                await (await session.get("posts", user="ann", params={"page": "1"})).read()
            fake.before = drop
            for method in ("POST", "GET") if has_reads else ("POST",):
                try:
                    body = form if method == "POST" else None
                    await session.request(method, "posts", user="ann", data=body)
                except (OutcomeUnknown, ClientError) as error:
                    sentry_sdk.capture_exception(error)
            with suppress(OutcomeUnknown):
                await handshake.begin("https://me.example/cb", bind="b")
            fake.before = None
            wrong = session.replace(consumer=Consumer("observed", SECRETS[1]))
            try:
                async with wrong.post("posts", user="ann", data=form) as response:
                    await raise_for_problem(response)
            except ProviderError as error:
                sentry_sdk.capture_exception(error)
            try:
                await handshake.complete("?oauth_token=x&oauth_verifier=y", bind="b")
            except HandshakeError as error:
                sentry_sdk.capture_exception(error)
        whole = [
            b"\n".join([arrival.request_line, arrival.body, *(value for _, value in arrival.headers)])
            for arrival in fake.ledger
        ]
    return {unquote(found.decode()) for sent in whole for found in re.findall(_SIGNATURE, sent)}


async def main() -> None:
    """Do it, and print what was seen."""
    spans, captured = InMemorySpanExporter(), _Captured()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    AioHttpClientInstrumentor().instrument(tracer_provider=provider)
    sentry_sdk.init(
        dsn="http://key@127.0.0.1:9/1",
        transport=captured,
        integrations=[AioHttpIntegration()],
        traces_sample_rate=1.0,
        send_default_pii=True,
        include_local_variables=True,
        attach_stacktrace=True,
    )
    signatures: set[str] = set()
    for placement in ("header", "query", "body"):
        with sentry_sdk.start_transaction(name=placement):
            signatures |= await _requests(placement)
    sentry_sdk.flush()
    told = {
        "spans": [span.to_json() for span in spans.get_finished_spans()],
        "sentry": captured.seen,
        "signatures": sorted(signatures),
        "secrets": SECRETS,
    }
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
