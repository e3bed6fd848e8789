"""Every regular expression of the package takes linear time, whatever the text is.

The expressions are found in the syntax trees of all modules, so a new one is tried without being listed. Each
is called as its module calls it, with long texts made from the expression itself.
"""

from __future__ import annotations

import ast
import importlib
import itertools
import re
import signal
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any, cast

import pytest

import aiooauth1


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


PACKAGE = Path(aiooauth1.__file__).parent
LENGTH = 100_000
# CPU time: a linear expression needs 1 to 20 ms for a text of this length, a quadratic one more than 5 s.
SECONDS = 0.3
FUNCTIONS = {"compile", "match", "fullmatch", "search", "findall", "finditer", "sub", "subn", "split"}
SCANS = {"findall", "finditer", "sub", "subn", "split"}


# Finding the expressions


@dataclass(frozen=True)
class Expression:
    """A regular expression of the package, and the ways in which it is used."""

    where: str
    pattern: re.Pattern[Any]
    ways: frozenset[str]


def in_module(path: Path, package: Path = PACKAGE) -> list[Expression]:
    tree = ast.parse(path.read_text())
    parts = path.relative_to(package.parent).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_of_re(node.func)]
    if not calls:
        return []
    known = vars(importlib.import_module(name))
    return [
        Expression(f"{'/'.join(parts)}.py:{call.lineno}", _compiled(call, known), _ways(call, tree))
        for call in calls
    ]


def _is_of_re(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == "re"
        and function.attr in FUNCTIONS
    )


def _compiled(call: ast.Call, known: dict[str, object]) -> re.Pattern[Any]:
    """Evaluate the call's pattern and flags in its module: they must be constants of that module."""
    flags = [keyword.value for keyword in call.keywords if keyword.arg == "flags"]
    if not flags and isinstance(call.func, ast.Attribute) and call.func.attr == "compile":
        flags = call.args[1:2]
    nodes = (call.args[0], *flags)
    values = [eval(compile(ast.Expression(node), "<>", "eval"), known) for node in nodes]  # noqa: S307  our own
    return re.compile(*values)


def _ways(call: ast.Call, tree: ast.Module) -> frozenset[str]:
    """Return the methods called on the expression; all, if it is not the value of a name."""
    assert isinstance(call.func, ast.Attribute)
    if call.func.attr != "compile":
        return frozenset({call.func.attr})
    names = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is call
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    used = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in names]
    loads = [node for node in used if isinstance(node.ctx, ast.Load)]
    methods = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.value in loads and node.attr in FUNCTIONS
    ]
    if not names or len(methods) < len(loads) or not methods:
        return frozenset(FUNCTIONS - {"compile"})
    return frozenset(node.attr for node in methods)


def all_expressions() -> list[Expression]:
    return [found for path in sorted(PACKAGE.rglob("*.py")) for found in in_module(path)]


# Hostile texts


class Sampler:
    """Makes texts from the parse tree of an expression."""

    def __init__(self, pattern: re.Pattern[Any]) -> None:
        self.tree = parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
        self.pumps: list[tuple[str, str]] = []  # what stands before a repeated part, and one round of it
        self.alphabet: dict[str, None] = {}
        self.whole = self.sample(self.tree, "")

    def sample(self, tree: Iterable[tuple[Any, Any]], before: str) -> str:
        """Return one text that the tree matches, and note its repeated parts."""
        text = ""
        for code, argument in tree:
            text += self._one(code, argument, before + text)
        return text

    def _one(self, code: Any, argument: Any, before: str) -> str:  # noqa: PLR0911  one for each kind of node
        if code is codes.LITERAL:
            return self._letters([chr(argument)])
        if code is codes.NOT_LITERAL:
            return self._letters([chr(other) for other in range(32, 127) if other != argument])
        if code is codes.ANY:
            return self._letters(["a", "."])
        if code is codes.IN:
            return self._letters(_members(argument))
        if code is codes.BRANCH:
            first, *_ = [self.sample(branch, before) for branch in argument[1]]
            return first
        if code is codes.SUBPATTERN:
            return self.sample(argument[-1], before)
        if code is codes.ATOMIC_GROUP:
            return self.sample(argument, before)
        if code in {codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT}:
            return self._repeated(argument[0], argument[2], before)
        if code in {codes.ASSERT, codes.ASSERT_NOT}:
            self.sample(argument[1], before)
            return ""
        assert code in {codes.AT, codes.GROUPREF}, f"how to sample {code} is not known here: add it"
        return ""

    def _letters(self, letters: list[str]) -> str:
        self.alphabet |= dict.fromkeys(letters[:: max(1, len(letters) // 3)][:4])
        return letters[0]

    def _repeated(self, least: int, tree: Iterable[tuple[Any, Any]], before: str) -> str:
        known = dict(self.alphabet)
        self.alphabet = {}
        once = self.sample(tree, before)
        own = list(self.alphabet)
        self.alphabet = known | self.alphabet
        self.pumps += [(before, text) for text in dict.fromkeys([once, *own, "".join(own)]) if text]
        for code, argument in tree:  # each branch of what is repeated is a round of its own
            branches = argument[1] if code is codes.BRANCH else []
            self.pumps += [
                (before, text) for text in (self.sample(branch, before) for branch in branches) if text
            ]
        return once * max(1, least)


def _members(argument: list[tuple[Any, Any]]) -> list[str]:
    if argument[0][0] is codes.NEGATE:
        excluded = set(_members(argument[1:]))
        return [
            chr(code) for code in (97, 48, 32, 45, 95, *range(33, 127), 0, 233) if chr(code) not in excluded
        ]
    found: list[str] = []
    for code, value in argument:
        if code is codes.LITERAL:
            found.append(chr(value))
        elif code is codes.RANGE:
            found += [chr(value[0]), chr((value[0] + value[1]) // 2), chr(value[1])]
        else:
            samples = {codes.CATEGORY_DIGIT: "07", codes.CATEGORY_SPACE: " \n", codes.CATEGORY_WORD: "a0_"}
            found += samples.get(value, "-!~")
    return found


def hostile_texts(pattern: re.Pattern[Any]) -> Iterator[str | bytes]:
    """Yield long texts that repeat most of a match, or that match except at their end."""
    sampler = Sampler(pattern)
    letters = list(sampler.alphabet)
    whole = sampler.whole
    shapes: dict[str, None] = {}
    for before, pump in dict.fromkeys(sampler.pumps):
        for repeated in (pump, before + pump):
            shapes |= dict.fromkeys(_long(before, repeated, end) for end in ("", "\x00", "!"))
        shapes[_long("", whole + pump, "\x00")] = None
    units = (whole, whole[:-1], *letters, *map("".join, itertools.pairwise(letters)))
    shapes |= dict.fromkeys(_long("", unit, "\x00") for unit in units if unit)
    for text in shapes:
        yield text.encode("latin-1", "replace") if isinstance(pattern.pattern, bytes) else text


def _long(before: str, repeated: str, end: str) -> str:
    return before + repeated * ((LENGTH - len(before)) // len(repeated)) + end


# Measuring


class TooSlowError(Exception):
    """A match took more CPU time than it may."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Interrupt a match that takes more CPU time; the matching engine checks for signals now and then."""

    def stop(*_: object) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def try_hostile_texts(expression: Expression) -> None:
    """Raise TooSlowError if a hostile text takes too long; the message shows how it begins and ends."""
    pattern = expression.pattern
    for text in hostile_texts(pattern):
        for way in expression.ways:
            match: Callable[[Any], object] = getattr(pattern, "finditer" if way in SCANS else way)
            try:
                with limited(SECONDS):
                    deque(cast("Iterable[object]", match(text)), maxlen=0) if way in SCANS else match(text)
            except TooSlowError:
                raise TooSlowError(f"{expression.where}: {text[:60]!r} … {text[-10:]!r}") from None


@pytest.mark.parametrize("expression", all_expressions(), ids=lambda expression: expression.where)
def test_100_kb_of_hostile_text_take_linear_time(expression: Expression) -> None:
    try_hostile_texts(expression)


@pytest.mark.parametrize(
    ("pattern", "way"),
    [
        (rb"(?:[A-Za-z0-9\-._~=&]+|%[0-9A-F]{2})*", "fullmatch"),  # exponential
        (r"(a|a)*b", "match"),
        (r"(?:\w+\s?)*$", "match"),
        (r"\s+$", "search"),  # quadratic
        (r"\s*=", "finditer"),
        (r"<[^>]*>", "sub"),
        (r'"(?:[^"\\]|\\.)*"', "findall"),
        (r".*?,.*?,.*?;", "search"),
        (r"([0-9]+)[0-9]*x", "match"),
    ],
)
def test_an_expression_that_is_not_linear_is_reported(pattern: str | bytes, way: str) -> None:
    with pytest.raises(TooSlowError):
        try_hostile_texts(Expression("here", re.compile(pattern), frozenset({way})))


def test_expressions_are_found_however_they_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    module = tmp_path / "sampled" / "written.py"
    module.parent.mkdir()
    module.write_text(
        "import re\n"
        "_PART = 'a+'\n"
        "_NAMED = re.compile(_PART + '$', re.IGNORECASE)\n"
        "TABLE = {'x': re.compile('b')}\n"
        "def inline(text):\n"
        "    return re.sub('c', '', text, flags=re.DOTALL), _NAMED.search(text), map(_NAMED.match, [text])\n"
    )
    found = {item.pattern.pattern: item for item in in_module(module, module.parent)}
    assert set(found) == {"a+$", "b", "c"}
    assert found["a+$"].ways == {"search", "match"}
    assert found["a+$"].pattern.flags & re.IGNORECASE
    assert found["b"].ways == FUNCTIONS - {"compile"}
    assert found["c"].ways == {"sub"}


def test_no_module_hides_expressions_from_the_search() -> None:
    """Only `import re` is looked for: neither another name for it nor its functions alone."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.module != "re", path
            if isinstance(node, ast.Import):
                assert all(name.name != "re" or name.asname is None for name in node.names), path
