"""Routes for web services: sign-in at a provider, and the accounts that a person has connected.

- `aiohttp`, `starlette`: the routes for each framework, with the same names
- `connect`: start and callback without a framework
- `checks`: what a request from a browser may do (pure)
- `pages`: the pages for what goes wrong (pure)
- `accounts`: the connected accounts of one person
- `context`: opens and closes session, handshake and store with the application
"""
