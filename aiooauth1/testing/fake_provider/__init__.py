"""FakeProvider, part by part: an HTTP server that reads RFC 5849 independently of the signing core."""
