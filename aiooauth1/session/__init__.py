"""OAuth1Session and OAuth1Middleware: calls, attempts, redirects, retries, dead tokens.

One call: `session` resolves the URL (`urls`), loads the token, and hands a `retry_middleware` to aiohttp,
which gets a connection and sends a `signing_request`, which is signed at that moment.

- `session`: OAuth1Session
- `middleware`: OAuth1Middleware, for people's own ClientSession
- `urls`: resolves and checks the URL of a call
- `options`: the typed options
- `pool`: the one ClientSession, and what its calls share
- `request_context`: what a verb returns
- `retry_middleware`: the attempts of one call
- `user_call`: signs with the token that the store holds at that moment
- `signing_request`: the request class, signed with the connection in hand
- `redirects`: the redirect policy (pure)
- `retry`: Retry, the retry budget and the decisions (pure)
- `rate_gate`: calls of one token wait in order, once its rate limit is spent
- `token_rejection`: discards a dead token and tells once
- `problem_reader`: raise_for_problem
"""
