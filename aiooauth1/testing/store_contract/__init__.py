"""The contract of token stores: tests that any store must pass.

Derive from `StoreContract` in a test file, with a fixture that makes a store. It needs pytest and
pytest-asyncio, in whose strict mode the fixture is decorated with `@pytest_asyncio.fixture` if it is async:

```python
class TestMyStore(StoreContract):
    @pytest.fixture
    async def store(self):
        async with MyStore(clock=lambda: self.now) as store:
            yield store

    async def pass_time(self, seconds):
        self.now += seconds
```

For a store of access tokens alone there is `AccessTokenContract`, and for one of pending handshakes alone
`PendingContract`. A store with a bound on its pending handshakes must pass `BoundedContract` too, and a store
that is persistent or shared between processes `SharedContract`.
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
