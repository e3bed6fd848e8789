"""Magento's reversed handshake: the shop posts credentials and a verifier to us, and we fetch the token."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from aiooauth1.credentials import AccessToken, Consumer
from aiooauth1.errors import CallbackError
from aiooauth1.flows.handshake.legs import Legs
from aiooauth1.flows.sites import Site
from aiooauth1.providers.tenants import magento
from aiooauth1.signing.methods import HMAC_SHA256


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aiohttp import ClientSession

    from aiooauth1.providers.provider import Provider
    from aiooauth1.signing.methods import SignatureMethod


__all__ = ["MagentoIntegration", "complete_integration"]

_FIELDS = ("oauth_consumer_key", "oauth_consumer_secret", "oauth_verifier", "store_base_url")
_LONGEST_VALUE = 2048
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class MagentoIntegration:
    """A shop that has activated the integration.

    Attributes:
        provider: The shop, as the preset `magento(site)` describes it.
        consumer: The credentials that the shop has made for this integration: keep them for its session.
        token: The access token.
        store_base_url: The shop's address, as it gave it.
    """

    provider: Provider
    consumer: Consumer
    token: AccessToken
    store_base_url: str


async def complete_integration(
    form: Mapping[str, str] | Iterable[tuple[str, str]],
    *,
    http: ClientSession | None = None,
    signature_method: SignatureMethod = HMAC_SHA256,
    timeout: float = 12,  # noqa: ASYNC109  of each token request, as in Handshake
    allow_http: bool = False,
    public_only: bool | None = None,
) -> MagentoIntegration:
    """Complete the activation of an integration (Adobe Commerce and Magento 2).

    When a merchant activates the integration, the shop posts `oauth_consumer_key`, `oauth_consumer_secret`,
    `store_base_url` and `oauth_verifier` to its callback URL. Anybody can post there: the result proves only
    that there is a shop at that address. Tie it to one of your users by a page that they open while logged in
    (Magento's identity link URL).

    Args:
        form: The posted form: a mapping or pairs.
        http: A session of yours to send the requests with. By default the flow opens and closes its own.
        signature_method: How to sign. Magento needs HMAC-SHA256, versions before 2.4.4 HMAC-SHA1.
        timeout: Seconds that each of the two token requests may take.
        allow_http: Whether the shop may be plain http on another machine.
        public_only: Whether to connect to public addresses only, since a stranger names the shop. By default
            yes, unless `http=` is given, whose connections cannot be checked.

    Raises:
        TypeError: If the form is of another type.
        CallbackError: If a field is missing, doubled or malformed, or the shop has no https address.
        SigningError: If the shop is not at a public address, and `public_only` is set.
        Exception: What `Handshake.fetch_access_token` raises.
    """
    fields = _fields(form)
    consumer = Consumer(fields["oauth_consumer_key"], fields["oauth_consumer_secret"])
    verifier, address = fields["oauth_verifier"], fields["store_base_url"]
    del fields, form  # reports of an error may show locals, and the secret in them
    try:
        site = Site.of(address, allow_http=allow_http)
        provider = magento(site.base, signature_method=signature_method, allow_http=allow_http)
    except ValueError as error:
        reason = str(error)
    else:
        provider = replace(provider, public_only=http is None and public_only is not False)
        # There is no callback to confirm: the shop has sent the verifier already.
        unconfirmed = replace(provider, insecure_unconfirmed_callback=True)
        async with Legs(
            unconfirmed, consumer, http=http, timeout=timeout, allow_http=allow_http, public_only=public_only
        ) as legs:
            request_token = await legs.fetch_request_token(None)
            token = await legs.fetch_access_token(request_token, verifier)
        return MagentoIntegration(provider, consumer, token, address)
    raise CallbackError(f"store_base_url: {reason}")


def _fields(form: Any) -> dict[str, str]:
    items = form.items() if hasattr(form, "items") else form
    if isinstance(form, (str, bytes)) or not hasattr(items, "__iter__"):
        raise TypeError(f"the form must be a mapping or pairs of str, not {type(form).__name__}")
    fields: dict[str, str] = {}
    for name, value in items:
        if name not in _FIELDS:
            continue
        if name in fields:
            raise CallbackError(f"the form has {name} twice")
        if not isinstance(value, str) or not value or len(value) > _LONGEST_VALUE or _CONTROL.search(value):
            raise CallbackError(f"the form's {name} is empty, too long, or has control characters")
        fields[name] = value
    if missing := [name for name in _FIELDS if name not in fields]:
        raise CallbackError(f"the form has no {missing[0]}: is this the post of Magento's activation?")
    return fields
