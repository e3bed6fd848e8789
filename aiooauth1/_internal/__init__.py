"""Plumbing that several packages share. Nothing in it is public."""
