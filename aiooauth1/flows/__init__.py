"""Ways to a token: the three-legged handshake."""

from aiooauth1.flows.handshake.handshake import Handshake


__all__ = ["Handshake"]
