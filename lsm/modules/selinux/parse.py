"""Parser: flattened CIL text -> Policy. Declarations first, then the rules, which speak of them."""

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager

from lsm.modules.selinux import declarations, sexpr, statements_rest, statements_te
from lsm.modules.selinux.declarations import Declarations
from lsm.modules.selinux.draft import Draft, finish
from lsm.modules.selinux.names import Names
from lsm.modules.selinux.policy import Policy
from lsm.modules.selinux.sexpr import Sexpr, at_line

# What a server of ours has no use for: network labelling, build-time statements, plain declarations.
IGNORED = frozenset(
    {
        *("sid", "sensitivity", "category", "typealias", "sensitivityalias", "categoryalias"),
        *("neverallow", "neverallowx"),
        *("portcon", "nodecon", "netifcon", "ibpkeycon", "ibendportcon"),
        *("iomemcon", "ioportcon", "pcidevicecon", "pirqcon", "devicetreecon"),
    }
)

_RULES = {**statements_te.STATEMENTS, **statements_rest.STATEMENTS}

_LINE = re.compile(r"\((?:allow|dontaudit|auditallow) [^\s()]+ [^\s()]+ \([^\s()]+ \([^()]*\)\)\)")
_SECOND_STATEMENT = re.compile(r"\) \([a-z]+ ")


def parse(cil: str, digest: str) -> Policy:
    """See Policy.parse."""
    with _uncollected():
        return _parsed(cil, digest)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without garbage collection, which would walk the growing tables over and over: half of the time it takes."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _parsed(cil: str, digest: str) -> Policy:
    lines: list[tuple[int, str]] = []
    later: list[tuple[int, list[Sexpr]]] = []
    declared = Declarations()
    for number, text in sexpr.chunks(cil):
        if text.startswith(("(allow ", "(dontaudit ", "(auditallow ")) and _LINE.fullmatch(text):
            lines.append((number, text))
        elif text.startswith("(typetransition ") and not _SECOND_STATEMENT.search(text):
            later.append((number, _type_transition(text)))
        else:
            with at_line(number):
                _sort(number, text, declared, later)
    names = Names(declared)
    draft = Draft(names)
    _av_lines(draft, lines)
    for number, statement in later:
        try:
            _RULES[sexpr.name(statement[0])](draft, statement[1:])
        except ValueError as error:
            # As at_line does, which would cost more than most of these statements.
            raise ValueError(f"line {number}: {error}") from error
    return finish(draft, digest)


def _sort(number: int, text: str, declared: Declarations, later: list[tuple[int, list[Sexpr]]]) -> None:
    """Carry out the declarations in `text` and put its rules off; ValueError for what is neither."""
    for statement in sexpr.read(text):
        keyword, *args = sexpr.items(statement)
        if not isinstance(keyword, str):
            raise ValueError("a statement begins with its keyword")
        if keyword in declarations.STATEMENTS:
            declarations.STATEMENTS[keyword](declared, args)
            if isinstance(args[0], str):
                declared.lines[keyword, args[0]] = number
        elif keyword in _RULES:
            later.append((number, [keyword, *args]))
        elif keyword not in IGNORED:
            raise ValueError(f"unknown statement {keyword!r}")


def _type_transition(text: str) -> list[Sexpr]:
    """A type transition's words; its file name may be quoted or not, and hold blanks and parentheses."""
    keyword, source, target, tclass, rest = text[1:-1].split(" ", 4)
    name, _, result = rest.rpartition(" ")
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = name[1:-1]
    return [keyword, source, target, tclass, *([name] if name else []), result]


def _av_lines(draft: Draft, lines: list[tuple[int, str]]) -> None:
    """The fast path: nearly all of a policy is these lines, and few of their endings differ."""
    known = draft.names.attributes_of.keys() | draft.names.attributes.keys()
    endings: dict[tuple[str, str], tuple[dict[str, dict[str, int]], int]] = {}
    for number, line in lines:
        keyword, source, target, ending = line.split(" ", 3)
        found = endings.get((keyword, ending))
        if found is None:
            with at_line(number):
                tclass, _, perms = ending[1:-3].partition(" (")
                vector = statements_te.vector(draft.names, keyword[1:], tclass, perms.split())
            found = endings[keyword, ending] = draft.av.setdefault(tclass, {}), vector
        rows, vector = found
        if target == "self":
            target = source
        if source not in known or target not in known:
            with at_line(number):
                source = draft.names.type_or_attribute(source)
                target = draft.names.type_or_attribute(target)
        row = rows.get(source)
        if row is None:
            rows[source] = {target: vector}
        else:
            row[target] = row.get(target, 0) | vector
