"""Handshakes over stores in Redis and SQLite, by several processes."""
