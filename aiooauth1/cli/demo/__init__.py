"""`aiooauth1 demo`: reposts blog posts for three users at a FakeProvider in another process."""
