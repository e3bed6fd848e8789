"""Service providers: `Provider` describes one, and here are presets.

Constants such as `TUMBLR` are complete; functions such as `wordpress(site)` take what varies from site to
site and put it into `Provider.name`. `catalog()` lists them all. They are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from aiooauth1.providers.provider import (
    RFC_5849,
    Endpoint,
    Placement,
    Provider,
    ProviderSunsetWarning,
)
from aiooauth1.providers.rate_limit_rule import RateLimitRule


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiooauth1.providers.presets import (
        BRICKLINK,
        CLEVER_CLOUD,
        DISCOGS,
        ETRADE,
        ETRADE_SANDBOX,
        EVERNOTE,
        FATSECRET,
        FLICKR,
        HATENA,
        IMMOSCOUT24,
        INSTAPAPER,
        NOUN_PROJECT,
        PLURK,
        RAVELRY,
        SMUGMUG,
        TRELLO,
        TUMBLR,
        ZAIM,
        ZOTERO,
        X,
    )
    from aiooauth1.providers.tenants import (
        gravity_forms,
        jira,
        lti11,
        maas,
        magento,
        mastercard,
        mediawiki,
        netsuite,
        okapi,
        schoology,
        woocommerce,
        wordpress,
    )


__all__ = [
    "BRICKLINK",
    "CLEVER_CLOUD",
    "DISCOGS",
    "ETRADE",
    "ETRADE_SANDBOX",
    "EVERNOTE",
    "FATSECRET",
    "FLICKR",
    "HATENA",
    "IMMOSCOUT24",
    "INSTAPAPER",
    "NOUN_PROJECT",
    "PLURK",
    "RAVELRY",
    "RFC_5849",
    "SMUGMUG",
    "TRELLO",
    "TUMBLR",
    "ZAIM",
    "ZOTERO",
    "Endpoint",
    "Placement",
    "Provider",
    "ProviderSunsetWarning",
    "RateLimitRule",
    "X",
    "catalog",
    "gravity_forms",
    "jira",
    "lti11",
    "maas",
    "magento",
    "mastercard",
    "mediawiki",
    "netsuite",
    "okapi",
    "schoology",
    "woocommerce",
    "wordpress",
]

_TENANTS = (
    "gravity_forms",
    "jira",
    "lti11",
    "maas",
    "magento",
    "mastercard",
    "mediawiki",
    "netsuite",
    "okapi",
    "schoology",
    "woocommerce",
    "wordpress",
)
_PRESETS = tuple(name for name in __all__ if name.isupper() and name != "RFC_5849")


def catalog() -> Mapping[str, Provider | Callable[..., Provider]]:
    """Return every preset by its name in lower case: constants as they are, functions as functions.

    >>> catalog()["tumblr"].name
    'tumblr'
    >>> catalog()["netsuite"]("1234567").realm
    '1234567'
    """
    return MappingProxyType(
        {name.lower(): _load(name) for name in sorted((*_PRESETS, *_TENANTS), key=str.lower)}
    )


def _load(name: str) -> Any:
    return getattr(import_module(f"{__name__}.{'tenants' if name in _TENANTS else 'presets'}"), name)


def __getattr__(name: str) -> Any:
    if name not in _PRESETS and name not in _TENANTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = _load(name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
