"""One provider of each preset that is a function, and all presets by name."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from aiooauth1 import Provider, providers
from aiooauth1.signing.rsa import RSA_SHA1, RSA_SHA256


__all__ = ["KEY", "PRESETS", "TENANTS"]

KEY = generate_private_key(65537, 2048)
TENANTS = {
    "gravity_forms": providers.gravity_forms("https://forms.example"),
    "jira": providers.jira("https://jira.example/jira", RSA_SHA1(KEY)),
    "lti11": providers.lti11("https://tool.example/launch?course=1"),
    "maas": providers.maas("http://maas.internal:5240/MAAS"),
    "magento": providers.magento("https://shop.example"),
    "mastercard": providers.mastercard(RSA_SHA256(KEY)),
    "mediawiki": providers.mediawiki("https://en.wikipedia.org"),
    "netsuite": providers.netsuite("123456_SB1"),
    "okapi": providers.okapi("https://www.opencaching.de"),
    "schoology": providers.schoology("school.schoology.com"),
    "woocommerce": providers.woocommerce("https://shop.example"),
    "wordpress": providers.wordpress("https://blog.example/"),
}
PRESETS: dict[str, Provider] = {
    name: preset if isinstance(preset, Provider) else TENANTS[name]
    for name, preset in providers.catalog().items()
}
