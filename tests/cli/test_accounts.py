"""`aiooauth1 accounts` and `logout`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from aiooauth1.cli.accounts import accounts, logout
from aiooauth1.cli.outcome import CommandError
from aiooauth1.cli.settings import Known, known_providers, open_store, remember
from aiooauth1.credentials import AccessToken
from aiooauth1.errors import ProviderError
from aiooauth1.providers import Provider


if TYPE_CHECKING:
    from desk import Desk


pytestmark = pytest.mark.socket


async def listed(desk: Desk, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert await accounts(config=desk.config, store_file=None, as_json=True) == 0
    return [row["user"] for row in json.loads(capsys.readouterr().out)]


async def leave(desk: Desk, user: str | None = None, *, local: bool = False) -> int:
    return await logout(None, user=user, local=local, config=desk.config, store_file=None)


async def test_logout_revokes_at_the_provider_and_removes_the_token(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    await desk.sign_in("ann", "ben")
    assert await listed(desk, capsys) == ["ann", "ben"]
    assert await leave(desk, "ann") == 0
    assert "the token is revoked" in capsys.readouterr().out
    assert await listed(desk, capsys) == ["ben"]
    assert desk.fake.revoke_user("ann") == 0  # there was nothing left to revoke
    desk.fake.revoke_user("ben")
    assert await leave(desk) == 0  # what the provider revoked before is forgotten as well
    capsys.readouterr()
    assert await listed(desk, capsys) == []
    assert await accounts(config=desk.config, store_file=None, as_json=False) == 0
    assert "No user is signed in" in capsys.readouterr().out
    async with open_store(None) as store:
        assert await known_providers(store, desk.config) == {}


async def test_a_provider_that_cannot_revoke_keeps_the_account_unless_it_is_local(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    await desk.sign_in("ann")
    desk.fake.fail_next(400, times=5, endpoint="revoke")
    with pytest.raises(ProviderError, match="nothing was forgotten; --local"):
        await leave(desk)
    assert await listed(desk, capsys) == ["ann"]
    assert await leave(desk, local=True) == 0
    assert "still works there" in capsys.readouterr().out
    assert await listed(desk, capsys) == []


async def test_a_provider_without_its_private_key_does_not_hide_the_others(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    await desk.sign_in("ann")
    async with open_store(None) as store:
        table = json.dumps({"base_url": "https://b.example/", "signature_method": "RSA-SHA1"})
        token = AccessToken("k", "", params={"found_as": "gone", "table": table})
        await store.put_access_token("aiooauth1 command line: consumers", "gone", token)
    assert await listed(desk, capsys) == ["ann"]


async def test_without_a_provider_commands_name_those_there_are(desk: Desk) -> None:
    with pytest.raises(CommandError, match="no user is signed in: there is no token to remove"):
        await leave(desk, local=True)
    await desk.sign_in("ann")
    other = Provider("other", base_url="https://other.example/")
    async with open_store(None) as store:
        await remember(store, "other", Known(other, desk.fake.consumer))
        await store.put_access_token("other", "ann", AccessToken("k", "s"))
    with pytest.raises(CommandError, match="several providers have tokens: name one of other, photos"):
        await leave(desk, local=True)
    with pytest.raises(CommandError, match="there are several providers: name one of other, photos"):
        await leave(desk)
