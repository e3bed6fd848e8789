"""The sweep for secrets: the places where one could show, and a provider that repeats them all."""
