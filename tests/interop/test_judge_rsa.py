"""oauthlib's and Authlib's servers judge what our session and handshake sign with RSA, over real sockets.

oauthlib verifies RSA through PyJWT, and Authlib RSA-SHA1 alone.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from judges.authlib_judge import AuthlibJudge
from judges.judge import FORM
from judges.methods import PEM, by_rsa_method
from judges.oauthlib_judge import OauthlibJudge
from judges.show import consumer_of, token_for
from judges.signers import Keys, authorization_by_authlib, authorization_by_oauthlib
from vectors import VECTORS

from aiooauth1 import OAuth1Session
from aiooauth1.signing.rsa import RSA_SHA1, RSA_SHA256, RSA_SHA512, Rsa


if TYPE_CHECKING:
    from judges.judge import Judge


pytestmark = pytest.mark.socket

OTHER_PEM: str = VECTORS["rsa_keys"]["wiki1024"]["private_pem"]
SHA1, SHA256 = RSA_SHA1(PEM), RSA_SHA256(PEM)
OTHERS = {made.name: made for made in (RSA_SHA1(OTHER_PEM), RSA_SHA256(OTHER_PEM), RSA_SHA512(OTHER_PEM))}
CALLBACK = "https://consumer.example/connected"


async def test_many_requests_at_once_with_a_slow_key_are_accepted(judge: Judge) -> None:
    key = generate_private_key(65537, 3072)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    judge.book.rsa_keys[judge.consumer_key] = public.decode()
    method = RSA_SHA1(key)
    assert method.takes_long
    async with OAuth1Session(consumer_of(judge), signature_method=method) as session:

        async def post(number: int) -> str:
            token = token_for(judge, f"user {number}")
            async with session.post(f"{judge.origin}/r?n={number}", data={"a": "1"}, token=token) as response:
                assert response.status == 200
                return str((await response.json())["user"])

        users = await asyncio.gather(*map(post, range(30)))
    assert users == [f"user {number}" for number in range(30)]


# The judges refuse, and accept what others signed: that they accept ours means something.


@dataclass(frozen=True)
class Called:
    """A method under another's name."""

    name: str
    method: Rsa

    def sign(self, base_string: str, consumer_secret: str, token_secret: str) -> str:
        return self.method.sign(base_string, consumer_secret, token_secret)


@pytest.mark.parametrize("wrong", ["key", "hash", "registration"])
@by_rsa_method
async def test_another_key_or_hash_is_refused(judge: Judge, signature_method: Rsa, wrong: str) -> None:
    signing = Called(signature_method.name, signature_method)
    if wrong == "key":
        signing = Called(signature_method.name, OTHERS[signature_method.name])
    elif wrong == "hash":
        signing = Called(signature_method.name, SHA1 if signature_method == SHA256 else SHA256)
    else:
        del judge.book.rsa_keys[judge.consumer_key]
    session = OAuth1Session(consumer_of(judge), token_for(judge, "alice"), signature_method=signing)
    async with session, session.get(f"{judge.origin}/r") as response:
        assert response.status == 401
    assert "signature" in judge.verdicts[0].refused or wrong == "registration"


async def test_a_request_signed_by_the_other_library_is_accepted(judge: Judge) -> None:
    by = {OauthlibJudge: authorization_by_authlib, AuthlibJudge: authorization_by_oauthlib}[type(judge)]
    token = token_for(judge, "alice")
    keys = Keys(judge.consumer_key, "", token.key, token.secret, method="RSA-SHA1", rsa_key=PEM)
    url, form = f"{judge.origin}/posts?a=1", b"a=2"
    headers = {"Authorization": by(keys, "POST", url, form), "Content-Type": FORM}
    async with aiohttp.ClientSession() as http, http.post(url, data=form, headers=headers) as response:
        assert response.status == 200, await response.text()
