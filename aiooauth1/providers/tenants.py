"""Presets of software that many sites run: functions of what varies, which becomes a part of `Provider.name`.

Every site must be https. Plain http is accepted on loopback. Elsewhere, and with PLAINTEXT (`maas`) always,
it takes `allow_http=True`. Sessions and handshakes have the same rule.

"Page" is the maker's documentation, "client" the code of a client in use, "server" the software's own code or
a real installation on which the preset's quirks were seen.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from aiooauth1._internal.loopback import is_loopback
from aiooauth1.errors import SigningError
from aiooauth1.providers.provider import Provider
from aiooauth1.signing.base_string import parse_url
from aiooauth1.signing.methods import HMAC_SHA256, PLAINTEXT
from aiooauth1.signing.rules import SigningRules


if TYPE_CHECKING:
    from aiooauth1.signing.methods import SignatureMethod


__all__ = [
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

_ACCOUNT = re.compile(r"[0-9A-Za-z]+(?:_[0-9A-Za-z]+)?")


def mediawiki(wiki: str, *, script_path: str = "/w", allow_http: bool = False) -> Provider:
    """Return a wiki with MediaWiki's OAuth extension, such as Wikipedia.

    A consumer that only its owner uses needs no handshake: its page gives out all four credentials.
    `aiooauth1.flows.mediawiki.identify` asks who a user is.

    Args:
        wiki: Its origin, such as `https://en.wikipedia.org`, or `https://meta.wikimedia.org` for all of
            Wikimedia.
        script_path: Where its `index.php` and `api.php` are.
        allow_http: Whether it may be plain http on another machine than this one.

    Raises:
        TypeError: If an argument is not of the type above.
        ValueError: If the wiki is not an https origin (or http, see `allow_http`).

    Sources: endpoints, the `title` in the query, the consumer key on the authorize page: page
    (OAuth/For_Developers), client (mwoauth). Refusals with status 200 and the field MediaWiki-API-Error:
    server (1.39).

    >>> mediawiki("https://en.wikipedia.org").request_token_url
    'https://en.wikipedia.org/w/index.php?title=Special:OAuth/initiate'
    """
    where = _site("mediawiki", wiki, "https://en.wikipedia.org", allow_http=allow_http, path=False)
    special = f"{where.url}{script_path}/index.php?title=Special:OAuth/"
    return Provider(
        f"mediawiki {where.label}",
        request_token_url=f"{special}initiate",
        authorize_url=f"{special}authorize",
        authorize_consumer_name="oauth_consumer_key",
        access_token_url=f"{special}token",
        base_url=f"{where.url}{script_path}/",
        allow_http=where.allow_http,
        refusal_header="MediaWiki-API-Error",
        docs="https://www.mediawiki.org/wiki/OAuth/For_Developers",
        hints={
            "signature_invalid": "MediaWiki signs the `title` of its own URL too: use the preset's"
            " endpoints as they are",
            "consumer_key_unknown": "a consumer works on the wikis that it was approved for; until it is"
            " approved, only its owner can use it",
        },
    )


def netsuite(account: str) -> Provider:
    """Return NetSuite with token-based authentication.

    There are no new integrations of this kind from release 2027.1 on.

    Args:
        account: The account id as NetSuite shows it, such as `1234567` or, for a sandbox, `1234567_SB1`.

    Raises:
        TypeError: If the account is not a str.
        ValueError: If it is not written in that form; the message shows the right one.

    Sources: endpoints, HMAC-SHA256 alone, realm, nonces, timestamps, the denial by an empty verifier: page
    (docs.oracle.com, token-based authentication). Unverified: that hosts spell `1234567_SB1` as
    `1234567-sb1`.

    >>> provider = netsuite("1234567_SB1")
    >>> provider.realm, provider.base_url
    ('1234567_SB1', 'https://1234567-sb1.suitetalk.api.netsuite.com/services/rest/')
    """
    _text("netsuite", "account", account)
    if not _ACCOUNT.fullmatch(account) or account != account.upper():
        right = account.strip().upper().replace("-", "_")
        example = right if _ACCOUNT.fullmatch(right) else "1234567_SB1"
        raise ValueError(
            f"netsuite: {account!r} is not an account id: write it as NetSuite shows it, {example!r}"
        )
    host = account.lower().replace("_", "-")
    rest = f"https://{host}.restlets.api.netsuite.com/rest"
    return Provider(
        f"netsuite {account}",
        request_token_url=f"{rest}/requesttoken",
        authorize_url=f"https://{host}.app.netsuite.com/app/login/secure/authorizetoken.nl",
        access_token_url=f"{rest}/accesstoken",
        base_url=f"https://{host}.suitetalk.api.netsuite.com/services/rest/",
        signature_method=HMAC_SHA256,
        realm=account,
        denied_by_empty_verifier=True,
        monotonic_timestamps=True,
        nonce_length=20,
        docs="https://docs.oracle.com/en/cloud/saas/netsuite/ns-online-help/section_156338994830.html",
        hints={
            "signature_invalid": "NetSuite answers INVALID_LOGIN_ATTEMPT for any wrong encoding, secret, role"
            " or method: check that the realm is the account id in capitals with `_`",
            "timestamp_refused": "NetSuite refuses timestamps before the last one: do not set the clock back",
        },
    )


def wordpress(site: str, *, allow_http: bool = False) -> Provider:
    """Return a WordPress site with the OAuth1 plugin.

    `aiooauth1.flows.discovery.discover` reads the endpoints from the site instead.

    Args:
        site: Where the site is, such as `https://blog.example` or `https://example.org/blog`.
        allow_http: Whether it may be plain http on another machine than this one.

    Raises:
        TypeError: If an argument is not of the type above.
        ValueError: If it is not an https URL (or http, see `allow_http`), or has a query.

    Sources: endpoints, codes of refusals: page and code (WP-API/OAuth1). Values that are decoded once too
    often, sorted parameters, numbered arrays, signed text fields of uploads, and paging links that repeat the
    parameters: server (WordPress 6.1 with plugin 0.4.4).

    >>> wordpress("https://blog.example").access_token_url
    'https://blog.example/oauth1/access'
    """
    where = _site("wordpress", site, "https://blog.example", allow_http=allow_http)
    return Provider(
        f"wordpress {where.label}",
        request_token_url=f"{where.url}/oauth1/request",
        authorize_url=f"{where.url}/oauth1/authorize",
        access_token_url=f"{where.url}/oauth1/access",
        base_url=f"{where.url}/wp-json/",
        allow_http=where.allow_http,
        rules=SigningRules(sorted_parameters=True, decodes_twice=True),
        php_arrays=True,
        sign_multipart_text=True,
        docs="https://github.com/WP-API/OAuth1",
        hints={
            "signature_invalid": "WordPress signs the URL that it believes is its own: use the host that"
            " /wp-json/ shows, not another name of the same machine",
            "callback_rejected": "the callback must be the registered one: same scheme, host, port and path",
        },
    )


def woocommerce(site: str, *, allow_http: bool = True) -> Provider:
    """Return the REST API of a WooCommerce shop, with the keys of its settings page. There is no handshake.

    Over https WooCommerce takes the keys by HTTP Basic too. OAuth 1.0a is what it wants over plain http, so
    here that is allowed unless you say otherwise.

    Args:
        site: Where the shop is, such as `https://shop.example`, or `http://shop.example` if it has no https.
        allow_http: Whether it may be plain http on another machine than this one.

    Raises:
        TypeError: If an argument is not of the type above.
        ValueError: If it is not an https URL (or http, see `allow_http`), or has a query.

    Sources: HMAC-SHA256 in the query, no token, sorted parameters: page; client (woocommerce). Values that
    are decoded once too often, its words for refusals: server (7.7).
    """
    where = _site("woocommerce", site, "https://shop.example", allow_http=allow_http)
    return Provider(
        f"woocommerce {where.label}",
        base_url=f"{where.url}/wp-json/wc/v3/",
        allow_http=where.allow_http,
        signature_method=HMAC_SHA256,
        placement="query",
        php_arrays=True,
        rules=SigningRules(sorted_parameters=True, decodes_twice=True),
        docs="https://developer.woocommerce.com/docs/apis/rest-api/authentication",
        hints={
            "signature_invalid": "over https WooCommerce takes the keys by HTTP Basic, without a signature"
        },
    )


def magento(
    site: str, *, signature_method: SignatureMethod = HMAC_SHA256, allow_http: bool = False
) -> Provider:
    """Return a Magento 2 or Adobe Commerce shop (not the edition as a service, which has OAuth 2.0 alone).

    There is no authorize page: the shop posts credentials and a verifier to you, for
    `aiooauth1.flows.magento.complete_integration`.

    Args:
        site: Where the shop is, such as `https://shop.example`.
        signature_method: HMAC-SHA256; shops before 2.4.4 take `HMAC_SHA1`.
        allow_http: Whether it may be plain http on another machine than this one.

    Raises:
        TypeError: If an argument is not of the type above.
        ValueError: If it is not an https URL (or http, see `allow_http`), or has a query.

    Sources: endpoints: page (AdobeDocs/commerce-webapi); client (league/oauth1-client). The order of names:
    server (OpenMage/magento-lts#721). Unverified: from which version HMAC-SHA256 is wanted.
    """
    where = _site("magento", site, "https://shop.example", allow_http=allow_http)
    return Provider(
        f"magento {where.label}",
        request_token_url=f"{where.url}/oauth/token/request",
        access_token_url=f"{where.url}/oauth/token/access",
        base_url=f"{where.url}/rest/V1/",
        allow_http=where.allow_http,
        signature_method=signature_method,
        rules=SigningRules(natural_order=True),
        docs="https://developer.adobe.com/commerce/webapi/get-started/authentication/gs-authentication-oauth/",
        hints={
            "signature_invalid": "Magento before 2.4.4 wants HMAC-SHA1:"
            " `magento(site, signature_method=HMAC_SHA1)`",
        },
    )


def gravity_forms(site: str, *, allow_http: bool = False) -> Provider:
    """Return the REST API v2 of Gravity Forms, with the keys of its settings page. There is no handshake.

    Args:
        site: Where the WordPress site is, such as `https://blog.example`.
        allow_http: Whether it may be plain http on another machine than this one.

    Raises:
        TypeError: If an argument is not of the type above.
        ValueError: If it is not an https URL (or http, see `allow_http`), or has a query.

    Sources: parameters in the query, numbered arrays (`a[0]`, not `a[]`): page. Unverified: that HMAC-SHA1 is
    the method.
    """
    where = _site("gravity_forms", site, "https://blog.example", allow_http=allow_http)
    return Provider(
        f"gravity-forms {where.label}",
        base_url=f"{where.url}/wp-json/gf/v2/",
        allow_http=where.allow_http,
        placement="query",
        php_arrays=True,
        docs="https://docs.gravityforms.com/rest-api-v2-authentication/",
    )


def mastercard(signature_method: SignatureMethod) -> Provider:
    """Return Mastercard's APIs, which are signed with your private key. There is no handshake.

    Args:
        signature_method: `aiooauth1.signing.rsa.RSA_SHA256(key)`, with the key of the project's PKCS#12 file.

    Raises:
        ValueError: If it is another method.

    Sources: RSA-SHA256, a body hash with every request, empty bodies included: page. Protocol values that
    stand unencoded in the base string: client (Mastercard/oauth1-signer-python).
    """
    _method("mastercard", signature_method, "RSA-SHA256", "RSA_SHA256")
    return Provider(
        "mastercard",
        base_url="https://api.mastercard.com/",
        origins=("https://sandbox.api.mastercard.com",),
        signature_method=signature_method,
        rules=SigningRules(body_hash=True, bare_values=True),
        docs="https://developer.mastercard.com/platform/documentation/authentication/using-oauth-1a-to-access-mastercard-apis/",
        hints={
            "signature_invalid": "check that the key belongs to this project and environment, and is valid"
        },
    )


def jira(site: str, signature_method: SignatureMethod, *, allow_http: bool = False) -> Provider:
    """Return Jira or Confluence Data Center with an application link; their clouds have OAuth 2.0.

    Args:
        site: Where it is, such as `https://jira.example` or `https://example.org/jira`.
        signature_method: `aiooauth1.signing.rsa.RSA_SHA1(key)`, whose public key the link holds.
        allow_http: Whether it may be plain http on another machine than this one.

    Raises:
        TypeError: If an argument is not of the type above.
        ValueError: If it is not an https URL (or http, see `allow_http`) or has a query, or if the method is
            another one.

    Sources: endpoints, RSA-SHA1, POST: page. Unverified: the PIN way, `oauth_session_handle` in replies.
    """
    where = _site("jira", site, "https://jira.example", allow_http=allow_http)
    _method("jira", signature_method, "RSA-SHA1", "RSA_SHA1")
    servlet = f"{where.url}/plugins/servlet/oauth"
    return Provider(
        f"jira {where.label}",
        request_token_url=f"{servlet}/request-token",
        authorize_url=f"{servlet}/authorize",
        access_token_url=f"{servlet}/access-token",
        base_url=f"{where.url}/rest/",
        allow_http=where.allow_http,
        signature_method=signature_method,
        docs="https://developer.atlassian.com/server/jira/platform/oauth/",
        hints={
            "signature_invalid": "the application link must hold the public key of your private key, and"
            " your consumer key",
            "permission_unknown": "Jira has not recorded the user's answer yet: ask again",
        },
    )


def maas(site: str, *, allow_http: bool = True) -> Provider:
    """Return Canonical MAAS; an API key of it is `Consumer(part 1, "")` and `AccessToken(part 2, part 3)`.

    Args:
        site: Where it is, such as `https://maas.example:5443/MAAS` or `http://maas.example:5240/MAAS`.
        allow_http: Whether it may be plain http. MAAS usually is: allowed unless you say otherwise.
            The signature is both secrets: use http only on a network that you trust.

    Raises:
        TypeError: If an argument is not of the type above.
        ValueError: If it is not an https URL (or http, see `allow_http`), or has a query.

    Sources: PLAINTEXT, the empty consumer secret, the three parts of an API key: page
    (canonical.com/maas/docs).
    """
    where = _site("maas", site, "https://maas.example:5443/MAAS", allow_http=allow_http, is_plaintext=True)
    return Provider(
        f"maas {where.label}",
        base_url=f"{where.url}/api/2.0/",
        allow_http=where.allow_http,
        signature_method=PLAINTEXT,
        docs="https://canonical.com/maas/docs/api-authentication-reference",
    )


def schoology(domain: str) -> Provider:
    """Return Schoology. It speaks OAuth 1.0: nothing confirms the callback, see `insecure_oauth_10`.

    Args:
        domain: Where the users sign in: `school` for `school.schoology.com`, or a whole host name.

    Raises:
        TypeError: If the domain is not a str.
        ValueError: If it is not a host name.

    Sources: endpoints, realm, the empty token of two-legged calls, timestamps that may not go back: page;
    client (schoolopy). The callback on the authorize URL, and no verifier: client (schoolopy).

    >>> schoology("school").authorize_url
    'https://school.schoology.com/oauth/authorize'
    """
    _text("schoology", "domain", domain)
    host = domain.lower() if "." in domain else f"{domain.lower()}.schoology.com"
    if not _is_host(host):
        likely = domain.strip().lower().rpartition("://")[2].partition("/")[0]
        right = likely if "." in likely and _is_host(likely) else "school.schoology.com"
        raise ValueError(f"schoology: {_shown(domain)} is not a host name: write it as {right!r}")
    return Provider(
        f"schoology {host}",
        request_token_url="https://api.schoology.com/v1/oauth/request_token",
        request_token_method="GET",
        authorize_url=f"https://{host}/oauth/authorize",
        access_token_url="https://api.schoology.com/v1/oauth/access_token",
        access_token_method="GET",
        base_url="https://api.schoology.com/v1/",
        realm="Schoology API",
        rules=SigningRules(empty_token=True),
        monotonic_timestamps=True,
        insecure_oauth_10=True,
        docs="https://developers.schoology.com/api-documentation/authentication",
        hints={
            "timestamp_refused": "Schoology refuses timestamps before the last one: do not set the clock back"
        },
    )


def okapi(site: str, *, allow_http: bool = False) -> Provider:
    """Return OKAPI, the API of the Opencaching sites.

    Args:
        site: The national site, such as `https://www.opencaching.de`.
        allow_http: Whether it may be plain http on another machine than this one.

    Raises:
        TypeError: If an argument is not of the type above.
        ValueError: If it is not an https origin (or http, see `allow_http`).

    Sources: endpoints: page (OKAPI's own, in its source); clients (chillerlan/php-oauth and five more).
    Unverified: HMAC-SHA1.
    """
    where = _site("okapi", site, "https://www.opencaching.de", allow_http=allow_http, path=False)
    oauth = f"{where.url}/okapi/services/oauth"
    return Provider(
        f"okapi {where.label}",
        request_token_url=f"{oauth}/request_token",
        authorize_url=f"{oauth}/authorize",
        access_token_url=f"{oauth}/access_token",
        base_url=f"{where.url}/okapi/services/",
        allow_http=where.allow_http,
        docs=f"{where.url}/okapi/introduction.html",
    )


def lti11(launch_url: str, *, allow_http: bool = False) -> Provider:
    """Return a learning tool that is launched by LTI 1.1: a signed form that the user's browser posts.

    `(await session.sign("POST", launch_url, form=fields, callback="about:blank")).form()` gives the form's
    pairs.

    Args:
        launch_url: The tool's launch URL.
        allow_http: Whether it may be plain http on another machine than this one.

    Raises:
        TypeError: If an argument is not of the type above.
        ValueError: If it is not an https URL (or http, see `allow_http`).

    Sources: HMAC-SHA1, parameters in the form, the body hash of outcomes: page (LTI 1.1); client
    (1EdTech/basiclti-util-java).
    """
    _text("lti11", "launch URL", launch_url)
    base = launch_url.partition("?")[0].partition("#")[0]
    where = _site("lti11", base, "https://tool.example/launch", allow_http=allow_http)
    return Provider(
        f"lti11 {where.label}",
        base_url=f"{parse_url(where.url).origin}/",
        allow_http=where.allow_http,
        placement="body",
        rules=SigningRules(body_hash=False),
        docs="https://www.imsglobal.org/specs/ltiv1p1/implementation-guide",
    )


def _text(function: str, name: str, value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{function}: the {name} must be a str, not {type(value).__name__}")


def _method(function: str, method: SignatureMethod, name: str, factory: str) -> None:
    if getattr(method, "name", None) != name:
        raise ValueError(
            f"{function}: requests are signed with {name}: give aiooauth1.signing.rsa.{factory}(key)"
        )


class _Site(NamedTuple):
    """Where an installation is."""

    url: str
    """The host in lower case, no slash at the end."""
    allow_http: bool
    """Whether `Provider.allow_http` is set: only if the URL needs it."""

    @property
    def label(self) -> str:
        """Host, port and path: what distinguishes one installation from another."""
        return self.url.partition("://")[2]


def _site(
    function: str,
    site: str,
    example: str,
    *,
    allow_http: bool,
    path: bool = True,
    is_plaintext: bool = False,
) -> _Site:
    """Check the URL of an installation, and whether its scheme is accepted."""
    _text(function, "site", site)
    if not isinstance(allow_http, bool):
        raise TypeError(f"{function}: allow_http must be True or False, not {type(allow_http).__name__}")
    url = site.rstrip("/")
    if "://" not in url and _is_host(url.partition("/")[0].partition(":")[0]):
        right = f"https://{url}"
        raise ValueError(f"{function}: {_shown(site)} has no scheme: write it as {right!r}")
    try:
        target = parse_url(url)
    except SigningError:
        target = None
    if target is None or "?" in url or "#" in url or "@" in url:
        raise ValueError(f"{function}: {_shown(site)} is not the URL of a site: write it as {example!r}")
    _, slash, rest = url.partition("://")[2].partition("/")
    url = f"{target.origin}{slash}{rest}"
    if not path and slash:
        raise ValueError(
            f"{function}: {_shown(site)} has a path, where none belongs: write it as {target.origin!r}"
        )
    if target.scheme == "http" and not allow_http:
        if is_plaintext:
            raise ValueError(
                f"{function}: {_shown(site)} is not https, and PLAINTEXT sends the secrets as they are: use"
                " https, or pass allow_http=True on a network that you trust"
            )
        if not _is_loopback(target.host):
            raise ValueError(
                f"{function}: {_shown(site)} is not https: write {url.replace('http', 'https', 1)!r}, or"
                " pass allow_http=True if the site has no https"
            )
    return _Site(url, allow_http and target.scheme == "http")


def _is_loopback(authority: str) -> bool:
    host = authority.partition("]")[0].removeprefix("[") if "[" in authority else authority.partition(":")[0]
    return is_loopback(host)


def _is_host(text: str) -> bool:
    labels = text.split(".")
    return all(label.isascii() and label.replace("-", "").isalnum() for label in labels)


def _shown(given: str) -> str:
    # What has an @ may hold a password.
    return "the URL with an @" if "@" in given else repr(given[:100])
