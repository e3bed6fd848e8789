"""One signed request on aiohttp: what the session and the flows share.

- `origin`: origins, and where a signature may go
- `params`: `params=` and `data=` as they go over the wire
- `request`: URL, form and body as they will be sent; the signature put into header, query or body
- `delivery`: was anything sent?
- `clock`: the time at each origin (clock skew)
- `nonce`: random nonces
- `public_only`: a connector that connects to public addresses only (SSRF guard)
"""
