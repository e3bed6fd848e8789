"""Routes for web services: sign-in at a provider, and the accounts that a person has connected.

- `aiohttp`, `starlette`: the routes for each framework, with the same names
- `connect`: start and callback without a framework
- `checks`: rules for requests from browsers (pure)
- `pages`: the pages that say what went wrong (pure)
- `accounts`: the connected accounts of one person
- `context`: closes session, handshake and store when the application ends
"""
