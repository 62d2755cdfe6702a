"""The statements of a flattened policy for which libsepol exports no function, read from its CIL text.

libsepol decides access vectors; transitions, defaults, permissive types, handle_unknown, initial SIDs and fs_use it
keeps to itself. This reader is the judges' own: the servers have another, and the two must not share a line.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from harness.model.context import Context, Level, Levels, Range

Node = str | list["Node"]

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[()]|[^\s()"]+')
# What stands before the rules that use it, and is read first.
_FIRST = frozenset({"sensitivityorder", "categoryorder", "sensitivityaliasactual", "categoryaliasactual", "common"})


@dataclass(slots=True)
class Facts:
    """What the text says. Keys are (source type, target type, class), with the name last where a rule has one."""

    handle_unknown: str = "deny"
    mls: bool = False
    policycaps: set[str] = field(default_factory=set)
    perms: dict[str, frozenset[str]] = field(default_factory=dict)
    initial_sids: dict[str, Context] = field(default_factory=dict)
    fs_use: dict[str, tuple[str, Context]] = field(default_factory=dict)
    permissive: set[str] = field(default_factory=set)
    aliases: dict[str, str] = field(default_factory=dict)
    types: dict[tuple[str, str, str], str] = field(default_factory=dict)
    names: dict[tuple[str, str, str, str], str] = field(default_factory=dict)
    roles: dict[tuple[str, str, str], str] = field(default_factory=dict)
    ranges: dict[tuple[str, str, str], Range] = field(default_factory=dict)
    defaults: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    booleans: dict[str, bool] = field(default_factory=dict)
    conditional: list[tuple[Node, bool, tuple[str, str, str], str]] = field(default_factory=list)
    levels: Levels = field(default_factory=lambda: Levels([], [], {}))


def read(text: str) -> Facts:
    """The facts of a flattened policy. Raises ValueError for text that is not balanced."""
    collecting = gc.isenabled()
    gc.disable()  # nothing that is read becomes garbage, and looking for some takes as long as reading
    try:
        return _Reader(text).facts
    finally:
        if collecting:
            gc.enable()


def statements(text: str, heads: Collection[str]) -> Iterator[list[Node]]:
    """The statements that begin with one of `heads`; each begins a line, and only a booleanif goes on to others.

    Raises ValueError for text that is not balanced.
    """
    gathered: list[str] = []
    for line in text.splitlines():
        if not gathered and line[1:].partition(" ")[0] not in heads:
            continue
        gathered.append(line)
        if len(gathered) == 1 and not line.startswith("(booleanif"):
            yield _parse(gathered.pop())
        elif line == ")":
            yield _parse("\n".join(gathered))
            gathered.clear()
    if gathered:
        raise ValueError(f"the policy's text ends inside {gathered[0]!r}")


def holds(condition: Node, booleans: Mapping[str, bool]) -> bool:
    """The value of a boolean expression: and, or, xor, not, eq, neq over booleans' names."""
    if isinstance(condition, str):
        return booleans[condition]
    operator, *operands = condition
    values = [holds(operand, booleans) for operand in operands]
    match operator:
        case "and":
            return all(values)
        case "or":
            return any(values)
        case "not":
            return not values[0]
        case "eq":
            return values[0] == values[1]
        case "xor" | "neq":
            return values[0] != values[1]
    raise ValueError(f"unknown operator {operator!r} in a condition")


class _Reader:
    """Levels and commons first; then each statement `x` by the method `on_x`, the rest left out."""

    def __init__(self, text: str) -> None:
        self.facts = Facts()
        wanted = {name.removeprefix("on_") for name in vars(_Reader) if name.startswith("on_")}
        found = list(statements(text, wanted | _FIRST))
        self._commons: dict[str, frozenset[str]] = {}
        self._read_levels(found)
        for head, *rest in found:
            assert isinstance(head, str)
            reader = getattr(self, f"on_{head}", None)
            if reader is not None:
                reader(*rest)

    def _read_levels(self, statements: list[list[Node]]) -> None:
        orders = {str(s[0]): _words(s[1]) for s in statements if s[0] in ("sensitivityorder", "categoryorder")}
        actual = ("sensitivityaliasactual", "categoryaliasactual")
        aliases = {str(s[1]): str(s[2]) for s in statements if s[0] in actual}
        self.facts.levels = Levels(orders.get("sensitivityorder", []), orders.get("categoryorder", []), aliases)
        self._commons = {str(s[1]): frozenset(_words(s[2])) for s in statements if s[0] == "common"}

    def on_handleunknown(self, value: str) -> None:
        self.facts.handle_unknown = value

    def on_mls(self, value: str) -> None:
        self.facts.mls = value == "true"

    def on_policycap(self, name: str) -> None:
        self.facts.policycaps.add(name)

    def on_class(self, name: str, perms: Node) -> None:
        self.facts.perms[name] = self.facts.perms.get(name, frozenset()) | frozenset(_words(perms))

    def on_classcommon(self, name: str, common: str) -> None:
        self.facts.perms[name] = self.facts.perms.get(name, frozenset()) | self._commons[common]

    def on_sidcontext(self, name: str, context: Node) -> None:
        self.facts.initial_sids[name] = self._context(context)

    def on_fsuse(self, kind: str, filesystem: str, context: Node) -> None:
        self.facts.fs_use[filesystem] = (kind, self._context(context))

    def on_genfscon(self, filesystem: str, path: str, *rest: Node) -> None:
        """Only whole filesystems: what stands below "/" labels objects of filesystems that keep no labels. The root is
        a directory, of which a rule for another class says nothing (security_fs_use)."""
        if _unquoted(path) == "/" and rest[:-1] in ((), ("dir",)):
            self.facts.fs_use.setdefault(filesystem, ("genfs", self._context(rest[-1])))

    def on_typealiasactual(self, alias: str, actual: str) -> None:
        self.facts.aliases[alias] = actual

    def on_typepermissive(self, name: str) -> None:
        self.facts.permissive.add(name)

    def on_boolean(self, name: str, value: str) -> None:
        self.facts.booleans[name] = value == "true"

    def on_typetransition(self, source: str, target: str, tclass: str, *rest: str) -> None:
        if len(rest) == 1:
            self.facts.types[source, target, tclass] = rest[0]
        else:
            self.facts.names[source, target, tclass, _unquoted(rest[0])] = rest[1]

    def on_roletransition(self, role: str, target: str, tclass: str, new: str) -> None:
        self.facts.roles[role, target, tclass] = new

    def on_rangetransition(self, source: str, target: str, tclass: str, span: Node) -> None:
        self.facts.ranges[source, target, tclass] = self._range(span)

    def on_defaultuser(self, tclass: str, *what: str) -> None:
        self.facts.defaults["user", tclass] = what

    def on_defaultrole(self, tclass: str, *what: str) -> None:
        self.facts.defaults["role", tclass] = what

    def on_defaulttype(self, tclass: str, *what: str) -> None:
        self.facts.defaults["type", tclass] = what

    def on_defaultrange(self, tclass: str, *what: str) -> None:
        self.facts.defaults["range", tclass] = what

    def on_booleanif(self, condition: Node, *branches: list[Node]) -> None:
        for branch, *rules in branches:
            for rule in rules:
                if rule[0] == "typetransition":
                    _, source, target, tclass, new = _words(rule)
                    self.facts.conditional.append((condition, branch == "true", (source, target, tclass), new))

    def _context(self, node: Node) -> Context:
        assert isinstance(node, list)
        user, role, kind = _words(node[:3])
        # Of a policy without levels libsepol writes a range all the same, by the name of the one level that there is.
        levels = self.facts.mls and len(node) > 3
        return Context(user, role, kind, self._range(node[3]) if levels else None)

    def _range(self, node: Node) -> Range:
        assert isinstance(node, list)
        low, high = (self._level(level) for level in node)
        return Range(low, high)

    def _level(self, node: Node) -> Level:
        assert isinstance(node, list)
        sens = self.facts.levels.sensitivity(str(node[0]))
        return Level(sens, frozenset().union(*(self._categories(item) for item in node[1:])))

    def _categories(self, node: Node) -> frozenset[int]:
        if isinstance(node, str):
            return self.facts.levels.span(node, node)
        if node[0] == "range":
            return self.facts.levels.span(str(node[1]), str(node[2]))
        return frozenset().union(*(self._categories(item) for item in node))


def _parse(text: str) -> list[Node]:
    stack: list[list[Node]] = [[]]
    for word in _TOKEN.findall(text):
        if word == "(":
            stack.append([])
        elif word == ")":
            done = stack.pop()
            if not stack:
                raise ValueError(f"a bracket too many in {text[:80]!r}")
            stack[-1].append(done)
        else:
            stack[-1].append(word)
    if len(stack) != 1 or len(stack[0]) != 1 or not isinstance(stack[0][0], list):
        raise ValueError(f"not one statement: {text[:80]!r}")
    return stack[0][0]


def _words(node: Node | list[Node]) -> list[str]:
    return [str(item) for item in node]


def _unquoted(name: str) -> str:
    return name[1:-1] if name.startswith('"') else name
