"""FakeProviderProcess: a FakeProvider in a process of its own."""
