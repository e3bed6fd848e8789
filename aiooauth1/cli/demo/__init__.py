"""`aiooauth1 demo`: reposts blog posts for three users, against a FakeProvider in another process."""
