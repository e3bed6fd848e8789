"""A real redis-server, a real Cluster of three, and a proxy that loses replies, for the tests' own use."""
