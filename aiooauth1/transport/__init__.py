"""One signed request on aiohttp: what the session and the flows share.

- `origin`: origins, and where a signature may go
- `params`: `params=` and `data=` as they go over the wire
- `request`: URL, form and body as they will be sent
- `placement`: the signature put into header, query or body, and taken out again
- `delivery`: was anything sent? A fact that the request knows
- `clock`: the time at each origin (clock skew)
- `nonce`: random nonces
- `public_only`: a connector that connects to public addresses only (SSRF guard)
- `rate_limit`: the rate limits that a response tells of
"""
