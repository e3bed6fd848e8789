"""Checks of arguments that constructors share: what is wrong shows there, not at the first use."""

from __future__ import annotations


__all__ = ["check_flags", "check_functions", "kind_of"]


def check_flags(**given: object) -> None:
    """Refuse an option that is neither True nor False: the text "false" of an environment variable is true.

    Raises:
        TypeError: If one is something else.

    >>> check_flags(allow_http=False)
    """
    for name, value in given.items():
        if not isinstance(value, bool):
            raise TypeError(f"{name} must be True or False, not {kind_of(value)}")


def check_functions(**given: object) -> None:
    """Refuse what cannot be called.

    Raises:
        TypeError: If one is neither a function nor None.

    >>> check_functions(clock=lambda: 0.0, nonce=None)
    """
    for name, value in given.items():
        if value is not None and not callable(value):
            raise TypeError(f"{name} must be a function, not {kind_of(value)}")


def kind_of(given: object) -> str:
    """Return what something is, for a message.

    >>> kind_of("x"), kind_of(str)
    ('str', 'the class str')
    """
    return f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__
