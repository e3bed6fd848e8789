"""The three-legged handshake.

- `handshake`: Handshake: begin, pending, complete
- `legs`: the three legs one by one
- `callback`: reads a callback (pure)
- `pending`: the pending record and its states (pure)
- `completion`: one exchange for each request token, for any number of callbacks
- `exchange`: claim, exchange, save, record: one task
"""
