"""How fast aiooauth1 is, beside the bare work and beside its peers: `python -m benchmarks`.

Every figure is the ratio of two things measured alternately in one run. One file a subject, one file a peer.
"""
