"""Measures how fast aiooauth1 is, compared with the bare work and with its peers: `python -m benchmarks`.

Every figure is the ratio of two things measured alternately in one run. Each subject and each peer has a file
of its own.
"""
