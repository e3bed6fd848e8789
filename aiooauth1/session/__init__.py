"""OAuth1Session and OAuth1Middleware: attempts, redirects, retries, dead tokens.

- `session`: OAuth1Session
- `urls`: resolves and checks the URL of a call
- `options`: the typed options
- `pool`: the one ClientSession
- `retry`: Retry, the retry budget and the decisions (pure)
- `retry_middleware`: the attempts of one call
- `signing_middleware`: signs each attempt and hop; OAuth1Middleware
- `token_rejection`: discards a dead token and tells once
- `problem_reader`: raise_for_problem
"""
