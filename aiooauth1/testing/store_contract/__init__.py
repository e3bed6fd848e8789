"""What every store of tokens must do, as tests that anyone can run on their own.

Derive from `StoreContract` in a test file and say how a store is made. It needs pytest and pytest-asyncio, in
whose strict mode an asynchronous fixture is one of `pytest_asyncio`:

```python
class TestMyStore(StoreContract):
    @pytest.fixture
    async def store(self):
        async with MyStore(clock=lambda: self.now) as store:
            yield store

    async def pass_time(self, seconds):
        self.now += seconds
```

A store of access tokens alone takes `AccessTokenContract`, one of pending handshakes alone `PendingContract`.
One that holds so many handshakes and no more takes `BoundedContract` as well, and one whose content outlives
it, or is shared with other processes, `SharedContract`.
"""

from __future__ import annotations

import pytest


# So that a failure shows what was compared, as in the user's own tests.
pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in ("access_tokens", "both", "pending")))

from aiooauth1.testing.store_contract.access_tokens import AccessTokenContract  # noqa: E402  after that
from aiooauth1.testing.store_contract.both import SharedContract, StoreContract  # noqa: E402  after that
from aiooauth1.testing.store_contract.helpers import HOSTILE_NAMES  # noqa: E402  after that
from aiooauth1.testing.store_contract.pending import BoundedContract, PendingContract  # noqa: E402  after that


__all__ = [
    "HOSTILE_NAMES",
    "AccessTokenContract",
    "BoundedContract",
    "PendingContract",
    "SharedContract",
    "StoreContract",
]
