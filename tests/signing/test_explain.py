from __future__ import annotations

import html
import json
from urllib.parse import quote

import pytest

from aiooauth1 import AccessToken, Consumer
from aiooauth1.signing import PLAINTEXT, sign
from aiooauth1.signing.explain import Difference, compare, explain, read_base_string


CONSUMER = Consumer("consumer-key", "consumer-secret")
TOKEN = AccessToken("token-key", "token-secret-1")
SIGNED = sign(
    "POST",
    "https://api.example.com/v1/posts?page=2",
    consumer=CONSUMER,
    token=TOKEN,
    nonce="n",
    timestamp=1,
    form=[("status", "Hello World"), ("page", "2")],
    realm="Photos",
)
BASE = SIGNED.base_string


# explain


def test_an_explanation_shows_each_step_within_80_columns() -> None:
    explanation = explain(SIGNED)
    assert explanation.method == "POST"
    assert explanation.base_string_uri == "https://api.example.com/v1/posts"
    assert [(one.source, one.encoded) for one in explanation.parameters if one.source != "oauth"] == [
        ("form", "page=2"),
        ("query", "page=2"),
        ("form", "status=Hello%20World"),
    ]
    assert [one.name for one in explanation.parameters if one.source == "oauth"] == sorted(
        name for name, _ in SIGNED.parameters if name != "oauth_signature"
    )
    assert explanation.base_string == BASE
    assert explanation.signature == SIGNED.value
    assert explanation.key == "15 characters & 14 characters"
    assert max(map(len, str(explanation).splitlines())) <= 80
    assert str(explanation).startswith(
        "1. method\n   POST\n2. URI\n   https://api.example.com/v1/posts\n3. param"
    )


def test_an_explanation_holds_no_secret() -> None:
    signature = sign(
        "POST",
        "https://api.example.com/token",
        consumer=CONSUMER,
        token=TOKEN,
        nonce="n",
        timestamp=1,
        verifier="hunter2",
        extra=[("x_auth_password", "swordfish")],
        signature_method=PLAINTEXT,
    )
    shown = f"{explain(signature)} {explain(signature)!r}"
    for secret in ("consumer-secret", "token-secret-1", "hunter2", "swordfish"):
        assert secret not in shown
    assert "oauth_verifier%3D***" in explain(signature).base_string


# Replies of servers


@pytest.mark.parametrize(
    "reply",
    [
        BASE,
        f"oauth_problem=signature_invalid&debug_sbs={BASE}",  # Flickr, PECL
        f"oauth_problem=signature_invalid&debug_sbs={quote(BASE, safe='')}",  # encoded once too often
        f"Invalid signature. Expected signature base string: {BASE}",  # the python-oauth2 line, Discogs
        json.dumps({"message": f"Invalid signature. Expected signature base string: {BASE}"}),
        json.dumps({"error": BASE}).replace("&", "\\u0026"),
        '{"code":"json_oauth1_signature_mismatch","data":{"base_string":"'
        + BASE.replace("&", "\\u0026")
        + '"}}',
        '{"code":"woocommerce_rest_authentication_error","message":"Invalid signature: ' + BASE + '"}',
        f"<html><body><p>base string: <code>{html.escape(BASE)}</code></p></body></html>",
        f"<pre>{html.escape(html.escape(BASE))}</pre>",
        f"Error: An error occurred in the OAuth protocol: Invalid signature ({BASE})",  # MediaWiki's text
        f'OAuth oauth_problem="signature_invalid", oauth_signature_base_string="{BASE}"',
    ],
)
def test_a_base_string_is_found_in_a_server_s_reply(reply: str) -> None:
    assert read_base_string(reply) == BASE
    assert compare(SIGNED, reply) == ()


@pytest.mark.parametrize(
    "reply",
    [
        "oauth_problem=signature_invalid&debug_sbs=tnnArxj06cWHq44gCs1OSKk%2FjLY%3D",  # Magento 1
        '{"messages":{"error":[{"code":401,"message":"oauth_problem=signature_invalid&debug_sbs=tnnA+j06c="}]}}',
        '{"error":"invalid_signature"}',  # Authlib
        '{"code":"json_oauth1_signature_mismatch","message":"OAuth signature does not match"}',
        '{"error":{"code":"mwoauth-invalid-authorization","info":"... Invalid signature"}}',
        "see https://api.example.com/?a=GET&http=1",
        "",
    ],
)
def test_a_reply_without_a_base_string_is_recognised(reply: str) -> None:
    assert read_base_string(reply) is None
    with pytest.raises(ValueError, match="the server text holds no signature base string"):
        compare(SIGNED, reply)


# compare


def differing(old: str, new: str) -> Difference:
    assert old in BASE
    [found] = compare(SIGNED, "debug_sbs=" + BASE.replace(old, new))
    return found


@pytest.mark.parametrize(
    ("old", "new", "part", "meaning"),
    [
        ("POST&", "GET&", "method", "another method"),
        ("POST&", "post&", "method", "capital letters"),
        ("https%3A", "http%3A", "scheme", "TLS ends at a proxy"),
        ("api.example.com", "inner.example", "host", "signed_origin"),
        ("api.example.com", "API.Example.com", "host", "lower case"),
        ("api.example.com", "api.example.com%3A443", "host", "port"),
        ("posts&", "posts%2F&", "path", "slash at the end"),
        ("%2Fv1%2Fposts", "%2Fposts", "path", "prefix"),
        ("%2Fv1%2Fposts", "%2Fv1%2Fpo%2573ts", "path", "decodes or encodes"),
        ("%2Fv1%2Fposts", "%2Findex.php", "path", "rewritten"),
        ("Hello%2520World", "Hello%2BWorld", "parameter", "A space reached the server as +"),
        ("Hello%2520World", "Hello%252BWorld", "parameter", "A space reached the server as +"),
        ("Hello%2520World", "Hello%252520World", "parameter", "encodes once too often"),
        ("Hello%2520World", "Hello%2520World%2520", "parameter", "White space at an end"),
        ("Hello%2520World", "Bye", "parameter", "another value"),
        ("%26oauth_version%3D1.0", "", "parameter", "does not sign it"),
        ("%26status%3DHello%2520World", "", "parameter", "did not get or does not sign it"),
        ("%26status", "%26realm%3DPhotos%26status", "parameter", "signs the realm"),
        ("%26status", "%26media%3D1%26status", "parameter", "signs more than we do"),
    ],
)
def test_a_difference_is_named_with_its_meaning(old: str, new: str, part: str, meaning: str) -> None:
    found = differing(old, new)
    assert found.part == part
    assert meaning in found.meaning
    assert found.meaning in str(found)


def test_a_value_that_is_sent_twice_and_signed_once_is_missing_once() -> None:
    found = differing("page%3D2%26page%3D2", "page%3D2")
    assert (found.part, found.name, found.ours, found.theirs) == ("parameter", "page", "2", None)


def test_another_order_is_named_with_both_orders() -> None:
    first, second = "page%3D2%26page%3D2%26", "status%3DHello%2520World"
    swapped = BASE.replace(first, "").replace(second, second + "%26" + first.removesuffix("%26"))
    [found] = compare(SIGNED, swapped)
    assert (found.part, found.ours and found.ours.split(", ")[-1]) == ("order", "status")
    assert "natural_order" in found.meaning


def test_another_spelling_of_an_array_name_is_recognised() -> None:
    ours = "GET&https%3A%2F%2Fa.example%2F&a%255B%255D%3D1"
    [found] = compare(ours, ours.replace("%255B%255D", "%255B0%255D"))
    assert (found.name, found.ours, found.theirs) == ("a[]", "a%5B%5D=1", "a%5B0%5D=1")


def test_the_base_string_of_another_attempt_is_recognised() -> None:
    theirs = BASE.replace("oauth_nonce%3Dn", "oauth_nonce%3Dm").replace("timestamp%3D1", "timestamp%3D2")
    found = compare(SIGNED, theirs)
    assert [one.name for one in found] == ["oauth_nonce", "oauth_timestamp"]
    assert all("another attempt" in one.meaning for one in found)


def test_differences_show_no_verifier_or_password() -> None:
    ours = "POST&https%3A%2F%2Fa.example%2F&x_auth_password%3Dhunter2"
    [found] = compare(ours, ours.replace("hunter2", "hunter3"))
    assert "hunter" not in repr(found)


@pytest.mark.parametrize("ours", ["", "GET", "tnnArxj06cWHq44gCs1OSKk/jLY="])
def test_our_text_must_be_a_base_string_too(ours: str) -> None:
    with pytest.raises(ValueError, match="our text holds no signature base string"):
        compare(ours, BASE)
