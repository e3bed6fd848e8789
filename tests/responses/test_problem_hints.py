"""What an error says to look at first: the provider's hint, odd credentials, the clock, the base string."""

from __future__ import annotations

import pytest

from aiooauth1 import AccessToken, Consumer, OAuth1Session, Provider, raise_for_problem
from aiooauth1.errors import NonceRejected, ProviderError, SignatureRejected, TimestampRefused, TokenRejected
from aiooauth1.responses.problem import Problem, read_problem, with_hints
from aiooauth1.testing import FakeProvider


CONSUMER = Consumer("consumer-key", "consumer-secret")
TOKEN = AccessToken("token-key", "token-secret")
BASE = "GET&https%3A%2F%2Fapi.example%2F&a%3D1"


@pytest.mark.parametrize(
    ("meaning", "kind", "says"),
    [
        ("signature_invalid", SignatureRejected, "a secret is wrong, or the provider signs other bytes"),
        ("timestamp_refused", TimestampRefused, "too far from the provider's clock"),
        ("nonce_used", NonceRejected, "sent one signed request twice"),
        ("token_rejected", TokenRejected, "Connect the user again"),
    ],
)
def test_an_explanation_names_the_meaning_the_clock_and_the_provider_s_hint(
    meaning: str, kind: type[ProviderError], says: str
) -> None:
    hints = {meaning: "do this first", "other": "never shown"}
    error = with_hints(Problem(401, meaning, clock_difference=-3600.0), hints).error()
    assert type(error) is kind
    assert error.hints == ("do this first",)
    assert str(error).endswith(". Look first: do this first")
    lines = error.explain().splitlines()
    assert lines[0] == str(error)
    assert says in lines[1]
    assert lines[2:] == ["The provider's clock is 3600 s behind ours.", "- do this first"]


def test_a_hint_may_go_by_the_provider_s_own_name() -> None:
    error = with_hints(Problem(401, "32", meaning="signature_invalid"), {"32": "sign no JSON"}).error()
    assert error.hints[0] == "sign no JSON"


@pytest.mark.parametrize("difference", [None, 0.0, 29.0, -29.0])
def test_a_clock_that_is_nearly_right_is_not_mentioned(difference: float | None) -> None:
    assert "clock" not in Problem(401, "token_rejected", clock_difference=difference).error().explain()


@pytest.mark.parametrize(
    ("consumer", "token", "what"),
    [
        (Consumer("key", "hunter2\n"), None, "consumer secret"),
        (Consumer(" key", "s"), TOKEN, "consumer key"),
        (CONSUMER, AccessToken("t", "\thunter2"), "token secret"),
    ],
)
def test_white_space_at_the_ends_of_a_credential_is_the_first_hint(
    consumer: Consumer, token: AccessToken | None, what: str
) -> None:
    assert with_hints(Problem(401, "token_rejected"), {}, (CONSUMER, TOKEN)).hints == ()
    error = with_hints(Problem(401, "signature_invalid"), {}, (consumer, token)).error()
    assert error.hints[0] == f"the {what} begins or ends with white space: strip it"
    assert "hunter2" not in error.explain()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"errors":[{"code":32,"message":"Could not authenticate you."}]}', "JSON"),
        ('{"error":{"code":"INVALID_LOGIN_ATTEMPT"}}', "HMAC-SHA256"),
        ('{"code":"json_oauth1_signature_mismatch"}', "home URL"),
        ("oauth_problem=signature_method_rejected", "choose another"),
        ("error=unsupported_signature_method", "choose another"),
        (f"oauth_problem=signature_invalid&debug_sbs={BASE}", "compare server_base_string"),
    ],
)
def test_a_wrong_signature_has_hints_and_other_problems_have_none(body: str, words: str) -> None:
    error = read_problem(401, [], body.encode()).error()
    assert isinstance(error, SignatureRejected)
    assert any(words in hint for hint in error.hints)
    assert all(hint.isascii() for hint in error.hints)
    assert read_problem(429, [], body.encode()).hints == ()
    assert read_problem(401, [], f"oauth_problem=token_revoked&debug_sbs={BASE}".encode()).hints == ()


@pytest.mark.parametrize(
    ("theirs", "says"),
    [
        (BASE, "both base strings are equal: a secret is wrong"),
        (BASE.replace("https", "http"), "scheme: we signed https, the server http. TLS ends at a proxy"),
        (BASE.replace("%3D1", "%3D2"), "parameter a: we signed 1, the server 2."),
    ],
)
def test_the_server_s_base_string_is_compared_with_ours(theirs: str, says: str) -> None:
    problem = Problem(401, "signature_invalid", server_base_string=theirs)
    error = problem.error(base_string=BASE)
    assert isinstance(error, SignatureRejected)
    assert says in error.hints[0]
    assert says in error.explain()
    assert problem.error().hints == ()  # ours is not known


async def test_a_session_gives_the_hints_of_its_provider() -> None:
    async with FakeProvider() as fake:
        token = fake.issue_access_token("ann")
        url, hints = fake.provider.base_url, {"signature_invalid": "ask Ann"}
        provider = Provider("hinting", base_url=url, allow_http=True, hints=hints)
        wrong = Consumer(fake.consumer.key, "not the secret\n")
        async with (
            OAuth1Session(wrong, token, provider=provider, allow_http=True) as session,
            session.get("echo") as response,
        ):
            with pytest.raises(ProviderError) as raised:
                await raise_for_problem(response)
    assert isinstance(raised.value, SignatureRejected)
    says = "the consumer secret begins or ends with white space: strip it"
    assert raised.value.hints == (says, "ask Ann")
