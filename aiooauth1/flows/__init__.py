"""Ways to a token: the three-legged handshake, renewal, revocation, xAuth, and other providers' ways.

```
handshake/        begin, pending, complete; renew, revoke, xAuth
discovery.py      discover: endpoints from the address of a WordPress site
magento.py        complete_integration: Magento's reversed handshake
mediawiki.py      identify: who the user of a token is
```
"""

from aiooauth1.flows.handshake.handshake import Handshake, PendingHandshake


__all__ = ["Handshake", "PendingHandshake"]
