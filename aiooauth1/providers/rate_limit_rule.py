"""RateLimitRule: one limit on requests, as a provider documents it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


__all__ = ["RateLimitRule"]

_SUBJECTS = ("user", "app", "ip")


@dataclass(frozen=True, slots=True)
class RateLimitRule:
    """At most `limit` requests in `window` seconds.

    Args:
        limit: How many requests, 1 or more.
        window: In how many seconds, more than 0.
        per: What is counted together: `"user"` the requests with one access token, `"app"` all requests of a
            consumer, `"ip"` all requests of an address.
        methods: The HTTP methods that count, in capitals; empty: all.
        route: Where the path of the requests that count begins, such as `"/2/tweets"`; empty: all paths.

    Raises:
        TypeError: If a value is of the wrong type.
        ValueError: If a value is out of range.

    >>> RateLimitRule(100, 900, "user", methods=("POST",), route="/2/tweets").covers("POST", "/2/tweets")
    True
    """

    limit: int
    window: float
    per: Literal["user", "app", "ip"] = "user"
    methods: tuple[str, ...] = ()
    route: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.limit, bool) or not isinstance(self.limit, int):
            raise TypeError(f"the limit must be an int, not {type(self.limit).__name__}")
        if isinstance(self.window, bool) or not isinstance(self.window, int | float):
            raise TypeError(f"the window must be a number of seconds, not {type(self.window).__name__}")
        if isinstance(self.methods, str) or not all(isinstance(method, str) for method in self.methods):
            raise TypeError("methods must be a tuple of strings")
        if not isinstance(self.route, str):
            raise TypeError(f"the route must be a str, not {type(self.route).__name__}")
        if self.limit < 1 or not 0 < self.window < float("inf"):
            raise ValueError("the limit must be 1 or more, and the window more than 0 seconds")
        if self.per not in _SUBJECTS:
            raise ValueError(f"per must be 'user', 'app' or 'ip', not {self.per!r}")
        object.__setattr__(self, "methods", tuple(self.methods))
        if any(method != method.upper() for method in self.methods):
            raise ValueError("methods must be in capitals, as they go over the wire")
        if self.route and not self.route.startswith("/"):
            raise ValueError("the route must begin with '/': it is the beginning of a path")

    def covers(self, method: str, path: str) -> bool:
        """Return whether a request with this method and path counts.

        A route ends at a `/` or at the path's end: `/2/tweets` covers `/2/tweets/1`, but not `/2/tweetsets`.
        """
        if self.methods and method.upper() not in self.methods:
            return False
        route = self.route.rstrip("/")
        return not route or path == route or path.startswith(f"{route}/")
