"""The presets: what they have in common, and the right spelling of what their functions take."""

from __future__ import annotations

import ast
import copy
import inspect
import pickle
import re
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from readme import TEXT
from tenants import KEY, PRESETS, TENANTS

from aiooauth1 import providers
from aiooauth1.providers import Provider, catalog, presets, tenants
from aiooauth1.signing import HMAC_SHA1, HMAC_SHA256
from aiooauth1.signing.rsa import RSA_SHA1


if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(params=PRESETS, ids=str)
def preset(request: pytest.FixtureRequest) -> Provider:
    return PRESETS[request.param]


def test_the_catalog_has_every_preset_by_its_name_in_lower_case() -> None:
    assert f"`aiooauth1.providers` has {len(catalog())} presets" in TEXT  # the README's
    assert {name for name, preset in catalog().items() if callable(preset)} == TENANTS.keys()
    for name, preset in catalog().items():
        assert preset is getattr(providers, name.upper() if isinstance(preset, Provider) else name)


def test_no_two_presets_share_a_namespace() -> None:
    assert len({preset.name for preset in PRESETS.values()}) == len(PRESETS)


def test_a_preset_is_complete_and_can_be_copied(preset: Provider) -> None:
    assert preset.base_url or preset.request_token_url
    assert preset.docs.startswith("https://")
    assert bool(preset.authorize_url) <= bool(preset.request_token_url and preset.access_token_url)
    if not preset.allow_http:
        assert all(origin.startswith("https://") for origin in preset.signed_origins())
    assert copy.deepcopy(preset) == preset
    if "RSA" not in preset.signature_method.name:  # whose key is not pickled
        assert pickle.loads(pickle.dumps(preset)) == preset  # noqa: S301  our own


def test_every_preset_names_its_sources() -> None:
    documented: dict[str, str] = {}
    for module in (presets, tenants):
        body = ast.parse(inspect.getsource(module)).body
        for node, below in pairwise(body):
            match node, below:
                case ast.FunctionDef(name=name), _:
                    documented[name] = ast.get_docstring(node) or ""
                case ast.Assign(targets=[ast.Name(name)]), ast.Expr(ast.Constant(str(text))):
                    documented[name.lower()] = text
    for name in catalog():
        assert re.search(r"\b(page|clients?|Sources)\b", documented[name]), name


def test_a_hint_is_for_a_problem_and_says_what_to_do(preset: Provider) -> None:
    for problem, hint in preset.hints.items():
        assert problem == problem.lower()
        assert len(hint) > 20


WRONG: list[tuple[Callable[[], object], str]] = [
    (lambda: providers.netsuite("1234567-sb1"), "'1234567_SB1'"),
    (lambda: providers.netsuite("1234567_sb1"), "'1234567_SB1'"),
    (lambda: providers.netsuite(" 1234567_SB1 "), "'1234567_SB1'"),
    (lambda: providers.netsuite("https://1234567.app.netsuite.com"), "as NetSuite shows it"),
    (lambda: providers.netsuite(""), "as NetSuite shows it"),
    (lambda: providers.wordpress("blog.example"), "'https://blog.example'"),
    (lambda: providers.wordpress("https://blog.example/?rest_route=/"), "'https://blog.example'"),
    (lambda: providers.wordpress("https://u:p@blog.example"), "'https://blog.example'"),
    (lambda: providers.mediawiki("https://en.wikipedia.org/wiki"), "'https://en.wikipedia.org'"),
    (lambda: providers.mediawiki("en.wikipedia.org"), "'https://en.wikipedia.org'"),
    (lambda: providers.okapi("https://www.opencaching.de/okapi"), "'https://www.opencaching.de'"),
    (lambda: providers.jira("https://jira.example", HMAC_SHA1), "RSA_SHA1(key)"),
    (lambda: providers.mastercard(HMAC_SHA256), "RSA_SHA256(key)"),
    (lambda: providers.schoology("https://school.schoology.com"), "'school.schoology.com'"),
    (lambda: providers.schoology("school.schoology.com/oauth"), "'school.schoology.com'"),
    (lambda: providers.lti11("http://tool.example/launch"), "'https://tool.example/launch'"),
    (lambda: providers.maas("maas.example:5443/MAAS"), "'https://maas.example:5443/MAAS'"),
    (lambda: providers.woocommerce("ftp://shop.example"), "'https://shop.example'"),
]


@pytest.mark.parametrize(("make", "right"), WRONG)
def test_a_wrong_spelling_is_refused_and_the_right_form_shown(make: Callable[[], object], right: str) -> None:
    with pytest.raises(ValueError, match=r"\w+: ") as refused:
        make()
    assert right in str(refused.value)
    assert "u:p" not in str(refused.value)


@pytest.mark.parametrize("function", sorted(TENANTS.keys() - {"mastercard"}))
def test_an_argument_that_is_not_a_str_is_a_type_error(function: str) -> None:
    arguments = (7, RSA_SHA1(KEY)) if function == "jira" else (7,)
    with pytest.raises(TypeError, match="must be a str"):
        getattr(providers, function)(*arguments)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("https://a.example", "https://b.example", False),
        ("https://a.example/x", "https://a.example/y", False),
        ("https://a.example/X", "https://a.example/x", False),  # paths have letter case
        ("https://a.example/", "https://A.example", True),  # hosts have none
    ],
)
def test_each_installation_has_its_own_namespace(one: str, other: str, *, is_same: bool) -> None:
    assert (providers.wordpress(one).name == providers.wordpress(other).name) is is_same


# Plain http: the same rule for all sites.

OFTEN_HTTP = ("maas", "woocommerce")  # whose documentation shows plain http
AN_HTTP_SITE: dict[str, Callable[..., Provider]] = {
    **{
        name: getattr(providers, name)
        for name in sorted(TENANTS.keys() - {"mastercard", "netsuite", "schoology", "jira", *OFTEN_HTTP})
    },
    "jira": lambda site, **options: providers.jira(site, RSA_SHA1(KEY), **options),
}


@pytest.mark.parametrize("preset_of", AN_HTTP_SITE.values(), ids=AN_HTTP_SITE)
def test_a_site_over_plain_http_takes_allow_http(preset_of: Callable[..., Provider]) -> None:
    with pytest.raises(ValueError, match=r"'http://site.example:8080' is not https.*allow_http=True"):
        preset_of("http://site.example:8080")
    assert preset_of("http://site.example:8080", allow_http=True).allow_http
    assert not preset_of("https://site.example", allow_http=True).allow_http
    with pytest.raises(TypeError, match="allow_http must be True or False, not str"):
        preset_of("https://site.example", allow_http="no")


@pytest.mark.parametrize("name", OFTEN_HTTP)
def test_a_preset_whose_sites_often_are_plain_http_takes_it_unless_told_otherwise(name: str) -> None:
    preset_of = getattr(providers, name)
    assert preset_of("http://site.example:8080").allow_http
    assert not preset_of("https://site.example").allow_http
    with pytest.raises(ValueError, match=r"'http://site.example:8080' is not https"):
        preset_of("http://site.example:8080", allow_http=False)


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "127.1.2.3:80", "[::1]", "[::1]:8080"])
def test_plain_http_on_loopback_takes_allow_http_for_plaintext_alone(host: str) -> None:
    assert not providers.wordpress(f"http://{host}").allow_http
    with pytest.raises(ValueError, match="PLAINTEXT sends the secrets as they are: use https, or pass"):
        providers.maas(f"http://{host}", allow_http=False)
    assert providers.maas(f"http://{host}").allow_http


@pytest.mark.parametrize("host", ["127.0.0.1.shop.example", "localhost.shop.example", "127.0.0.999", "[::2]"])
def test_a_host_that_only_looks_like_loopback_must_be_https(host: str) -> None:
    with pytest.raises(ValueError, match="is not https: write 'https://"):
        providers.magento(f"http://{host}")
