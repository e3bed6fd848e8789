"""`aiooauth1 explain`: what people copy, as input; and what it says of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from aiooauth1 import AccessToken, Consumer
from aiooauth1.cli.app import app
from aiooauth1.cli.explain import read_request
from aiooauth1.cli.outcome import CommandError
from aiooauth1.signing import PLAINTEXT, sign
from aiooauth1.signing.explain import SentRequest


if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result


CONSUMER = Consumer("key", "consumer-secret")
TOKEN = AccessToken("ann-token", "token-secret")
URL = "https://api.example.com/v1/posts?page=1"
FORM = "application/x-www-form-urlencoded"
SECRETS = {"AIOOAUTH1_CONSUMER_SECRET": CONSUMER.secret, "AIOOAUTH1_TOKEN_SECRET": TOKEN.secret}
NO_SECRETS = {"AIOOAUTH1_CONSUMER_SECRET": None, "AIOOAUTH1_TOKEN_SECRET": None}


def signed(consumer: Consumer = CONSUMER, token: AccessToken = TOKEN) -> str:
    """Return the Authorization header of the request that every test shows."""
    form = [("status", "Hello World")]
    signature = sign("POST", URL, consumer=consumer, token=token, nonce="n", timestamp=1764254400, form=form)
    return signature.header()


HEADER = signed()
REQUEST = SentRequest(
    "POST",
    URL,
    (("Host", "api.example.com"), ("Authorization", HEADER), ("Content-Type", FORM)),
    b"status=Hello%20World",
)


def raw(header: str = HEADER, end: str = "\n") -> str:
    lines = (
        "POST /v1/posts?page=1 HTTP/1.1",
        "Host: api.example.com",
        f"Authorization: {header}",
        f"Content-Type: {FORM}",
    )
    return end.join((*lines, "", "status=Hello%20World"))


def entry(**post_data: object) -> dict[str, object]:
    headers = [{"name": name, "value": value} for name, value in REQUEST.headers]
    posted = {"mimeType": FORM, **(post_data or {"text": "status=Hello%20World"})}
    return {"request": {"method": "POST", "url": URL, "headers": headers, "postData": posted}}


UNSIGNED = {"request": {"method": "GET", "url": "https://api.example.com/", "headers": []}}
CURL = f"curl '{URL}' -H 'Host: api.example.com' -H 'Authorization: {HEADER}' -H 'Content-Type: {FORM}'"


@pytest.mark.parametrize(
    "text",
    [
        raw(),
        raw(end="\r\n"),
        "\ufeff\n" + raw() + "\n",
        raw().replace("POST /v1", "POST https://api.example.com/v1"),
        f"{CURL} -d 'status=Hello%20World'",
        f"$ {CURL} \\\n  --data-raw 'status=Hello%20World' \\\n  --compressed -sS -o out.json",
        f"{CURL} --data-raw $'status=Hello%20World'",
        f"/usr/bin/{CURL} -XPOST --data=status=Hello%20World",
        f"{CURL} --data-urlencode 'status=Hello World' --request POST -u ann:pw",
        json.dumps(entry()),
        json.dumps(entry()["request"]),
        json.dumps({"log": {"entries": [UNSIGNED, entry(), UNSIGNED]}}),
        json.dumps(entry(params=[{"name": "status", "value": "Hello World"}])),
    ],
)
def test_a_copied_request_is_read(text: str) -> None:
    assert read_request(text) == REQUEST


@pytest.mark.parametrize(
    ("text", "method", "url", "body"),
    [
        ("curl https://a.example/ -G -d a=1 -d b=2", "GET", "https://a.example/?a=1&b=2", b""),
        ("curl -I https://a.example/", "HEAD", "https://a.example/", b""),
        ("curl a.example/x", "GET", "http://a.example/x", b""),
        ("curl --json '{\"a\": 1}' --url https://a.example/", "POST", "https://a.example/", b'{"a": 1}'),
        ("curl -X PUT https://a.example/ -d a=1 -d b=2", "PUT", "https://a.example/", b"a=1&b=2"),
    ],
)
def test_curl_s_options_are_followed(text: str, method: str, url: str, body: bytes) -> None:
    found = read_request(text)
    assert (found.method, found.url, found.body) == (method, url, body)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the input is not a request"),
        ("hello", "the input is not a request"),
        ("GET / HTTP/1.1\nAccept: */*\n\n", "no Host header"),
        ("GET / HTTP/1.1\nnonsense\n\n", "Name: value"),
        ("curl -d @body.txt https://a.example/", "reads its data from a file"),
        ("curl -F a=b https://a.example/", "-F does not show the body"),
        ("curl -H 'Accept: */*'", "no URL"),
        ("curl 'https://a.example/", "an unclosed quotation mark"),
        ("curl https://a.example/ -X", "needs a value"),
        ("{", "not JSON"),
        ("{}", "not a HAR entry"),
        ("[1]", "not a HAR entry"),
        ('{"log": {"entries": []}}', "no entries"),
    ],
)
def test_other_text_is_refused_with_what_to_pass(text: str, told: str) -> None:
    with pytest.raises(CommandError, match=told) as refused:
        read_request(text)
    assert refused.value.status == 2


def run(*words: str, given: str = "", secrets: dict[str, str] | None = None) -> Result:
    found = CliRunner().invoke(app, ["explain", *words], input=given, env={**NO_SECRETS, **(secrets or {})})
    for secret in ("consumer-secret", "token-secret", "hunter2"):
        assert secret not in found.output
    assert (
        max(map(len, found.output.splitlines()), default=0) <= 80 or "--json" in words or found.exit_code == 2
    )
    return found


AUTHORIZATION = ("--url", URL, "-H", "Authorization: " + HEADER, "-d", "status=Hello%20World")
PLAIN = sign("GET", URL, consumer=CONSUMER, token=TOKEN, nonce="n", timestamp=1, signature_method=PLAINTEXT)


@pytest.mark.parametrize(
    ("words", "given", "secrets", "status", "shown"),
    [
        pytest.param((), raw(), {}, 0, "query  page=1\n", id="the query without the secrets"),
        pytest.param((), raw(), {}, 0, "form   status=Hello%20World\n", id="the form without the secrets"),
        pytest.param((), raw(), {}, 0, "not known here", id="that secrets are missing"),
        pytest.param((), raw(), SECRETS, 0, "The signature is right", id="a right signature"),
        pytest.param((), raw(), SECRETS, 0, "15 characters & 12 characters", id="the shape of the key"),
        pytest.param(AUTHORIZATION, "", SECRETS, 0, "The signature is right", id="a request in options"),
        pytest.param(
            ("--url", URL, "-H", f"Authorization: {PLAIN.header()}"),
            *("", SECRETS, 0, "The signature is right"),
            id="PLAINTEXT without showing it",
        ),
        pytest.param(
            *((), raw(signed(Consumer("key", "consumer-secret\n"))), SECRETS, 1),
            "- A secret has white space at an end, on one side.\n    Strip secrets",
            id="the mistake and what to do",
        ),
        pytest.param(
            ("--signature", "tR3+Ty81lMeYAr/Fid0kMTYa/WM="),
            *(raw(), SECRETS, 1, "none of the usual mistakes gives it"),
            id="that no known mistake explains a signature",
        ),
        pytest.param(("--signature", "x"), raw(), {}, 2, "needs the secrets", id="which secrets it needs"),
        pytest.param(("nowhere.txt",), "", {}, 2, "cannot be read", id="a file that is missing"),
        pytest.param(("x.txt", "--url", URL), "", {}, 2, "exclude each other", id="FILE or --url"),
        pytest.param(("--provider", "none"), raw(), {}, 2, "is unknown", id="that a provider is unknown"),
    ],
)
def test_the_output_shows(
    words: tuple[str, ...], given: str, secrets: dict[str, str], status: int, shown: str
) -> None:
    found = run(*words, given=given, secrets=secrets)
    assert (found.exit_code, shown in found.output) == (status, True)


def test_the_secret_is_read_from_a_consumer_file(tmp_path: Path) -> None:
    (tmp_path / "consumer").write_text("key\nconsumer-secret")
    secrets = {"AIOOAUTH1_TOKEN_SECRET": TOKEN.secret}
    found = run("--consumer-file", str(tmp_path / "consumer"), given=raw(), secrets=secrets)
    assert "The signature is right" in found.output


def test_a_reply_of_the_server_is_compared(tmp_path: Path) -> None:
    base = json.loads(run("--json", given=raw()).output)["explanation"]["base_string"]
    reply = tmp_path / "reply"
    reply.write_text(f"oauth_problem=signature_invalid&debug_sbs={base}")
    found = run("--server", str(reply), given=raw())
    assert (found.exit_code, "is the same as ours: a secret is wrong" in found.output) == (0, True)
    reply.write_text(f"debug_sbs={base.replace('https', 'http')}")
    found = run("--server", str(reply), given=raw())
    assert (found.exit_code, "- scheme\n    ours: https\n    server: http\n" in found.output) == (1, True)
    reply.write_text("debug_sbs=tnnArxj06cWHq44gCs1OSKk%2FjLY%3D")
    found = run("--server", str(reply), given=raw())
    assert (found.exit_code, "holds no signature base string" in found.output) == (2, True)


def test_a_verifier_is_compared_and_not_shown(tmp_path: Path) -> None:
    secrets = {"consumer": CONSUMER, "token": TOKEN, "verifier": "hunter2"}
    signature = sign("POST", "https://a.example/t", nonce="n", timestamp=1, **secrets)  # type: ignore[arg-type]
    request = f"POST /t HTTP/1.1\nHost: a.example\nAuthorization: {signature.header()}\n\n"
    (tmp_path / "reply").write_text(signature.base_string)
    found = run("--server", str(tmp_path / "reply"), given=request)
    assert (found.exit_code, "is the same as ours" in found.output) == (0, True)


def test_json_has_the_same_as_data() -> None:
    report = json.loads(
        run("--json", given=raw(signed(token=AccessToken("ann-token", ""))), secrets=SECRETS).output
    )
    assert report["explanation"]["method"] == "POST"
    assert report["diagnosis"]["right"] is False
    assert [cause["name"] for cause in report["diagnosis"]["causes"]] == ["token_secret_left_out"]
