"""Policy unit tests in YAML: reading them, each assertion with its place in the file.

    policy: targeted                  # one of our own, or a file, relative to this one; --policy overrides it
    names:
      alice: user_u:user_r:user_t:s0
      home: user_u:object_r:home_t:s0
    tests:
      - name: users keep their own files
        allow: alice home:file { create read write }
      - deny: alice system_u:object_r:security_t:s0:security { load_policy }
        because: te
      - label-of: alice home:file "notes.txt" -> home
      - transition: alice system_u:object_r:job_exec_t:s0:process -> user_u:staff_r:job_t:s0
        booleans: {user_write_shared: true}

Every scalar is text here, so that no word of YAML 1.1 (no, on, 1:30) turns into something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

KINDS = ("allow", "deny", "label-of", "transition")
CAUSES = ("te", "constraint", "rbac", "bounds")

_ACCESS = re.compile(
    r"(?P<source>\S+)\s+(?P<target>\S+):(?P<tclass>\w+)\s+(?:\{\s*(?P<set>[^{}\s][^{}]*)\}|(?P<one>\w+))\s*\Z"
)
_LABEL = re.compile(
    r'(?P<source>\S+)\s+(?P<target>\S+):(?P<tclass>\w+)(?:\s+"(?P<name>[^"]+)")?\s+->\s+(?P<label>\S+)\s*\Z'
)
_SHAPES = {
    "allow": (_ACCESS, "SUBJECT OBJECT:CLASS { PERMISSION ... }"),
    "deny": (_ACCESS, "SUBJECT OBJECT:CLASS { PERMISSION ... }"),
    "label-of": (_LABEL, 'SUBJECT PARENT:CLASS ["NAME"] -> LABEL'),
    "transition": (_LABEL, "SUBJECT OBJECT:CLASS -> CONTEXT"),
}
_BOOLEANS = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}


@dataclass(frozen=True, slots=True)
class Case:
    """One assertion. Of allow and deny `perms` are asked; of label-of and transition `label` is expected."""

    place: str
    title: str
    kind: str
    text: str
    source: str
    target: str
    tclass: str
    perms: tuple[str, ...] = ()
    name: str | None = None
    label: str = ""
    because: str = ""
    booleans: tuple[tuple[str, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class Suite:
    """The assertions of one file. `policy` is as the file says, a path resolved from it; None where it says nothing."""

    path: Path
    policy: str | None
    cases: tuple[Case, ...]


def read(path: Path) -> Suite:
    """The tests in a file. Raises OSError, ValueError naming file, line and remedy, LookupError for a file without."""
    try:
        document = yaml.compose(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ValueError(f"{path}:{line}: {_said(error)}; correct it") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: does not read as YAML: {error}; correct it") from error
    if document is None:
        raise LookupError(f"{path}: no tests; `labelproof policy test --help` shows some")
    return _Reader(path).suite(document)


def _said(error: yaml.MarkedYAMLError) -> str:
    if "cannot start any token" in (error.problem or ""):
        return (
            "YAML begins nothing so: a tab does not indent, blanks do, and a text that begins with @ ` % wants quotes"
        )
    return error.problem or "does not read as YAML"


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Reader:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._names: dict[str, str] = {}

    def suite(self, document: yaml.Node) -> Suite:
        top = self._mapping(document, ("policy", "names", "booleans", "tests"))
        if "names" in top:
            self._names = {name: self._text(node) for name, node in self._mapping(top["names"]).items()}
        policy = self._policy(self._text(top["policy"])) if "policy" in top else None
        booleans = self._booleans(top.get("booleans"))
        tests = self._items(top["tests"]) if "tests" in top else []
        cases = tuple(case for node in tests for case in self._cases(node, booleans))
        if not cases:
            raise LookupError(f"{self._path}: no tests; `labelproof policy test --help` shows some")
        return Suite(self._path, policy, cases)

    def _policy(self, name: str) -> str:
        beside = self._path.parent / name
        return str(beside) if beside.is_file() else name

    def _cases(self, node: yaml.Node, booleans: Mapping[str, bool]) -> Iterator[Case]:
        given = self._mapping(node, (*KINDS, "name", "because", "booleans"))
        kinds = [kind for kind in KINDS if kind in given]
        if not kinds:
            raise self._wrong(node, f"a test asserts nothing; give one of {', '.join(KINDS)}")
        because = self._text(given["because"]) if "because" in given else ""
        if because and (because not in CAUSES or kinds != ["deny"]):
            raise self._wrong(
                given["because"], f"because is {because!r}; give one of {', '.join(CAUSES)}, to a deny only"
            )
        values = tuple(sorted((dict(booleans) | self._booleans(given.get("booleans"))).items()))
        title = self._text(given["name"]) if "name" in given else ""
        for kind in kinds:
            node = given[kind]
            for item in self._items(node) if isinstance(node, yaml.SequenceNode) else [node]:
                yield self._case(item, kind, title, because, values)

    def _case(
        self, node: yaml.Node, kind: str, title: str, because: str, booleans: tuple[tuple[str, bool], ...]
    ) -> Case:
        text = " ".join(self._text(node).split())
        shape, example = _SHAPES[kind]
        found = shape.match(text)
        if found is None:
            raise self._wrong(node, f"{text!r} is not what {kind} takes; give {example}")
        part = found.groupdict()
        perms = tuple((part.get("set") or part.get("one") or "").split())
        label = self._context(node, part["label"]) if part.get("label") else ""
        source, target = self._context(node, part["source"]), self._context(node, part["target"])
        name = part.get("name")
        return Case(
            self._at(node), title, kind, text, source, target, part["tclass"], perms, name, label, because, booleans
        )

    def _context(self, node: yaml.Node, word: str) -> str:
        if word in self._names:
            return self._names[word]
        if ":" in word:
            return word
        known = ", ".join(self._names) or "none"
        raise self._wrong(node, f"{word!r} is neither a context nor one of the file's names ({known})")

    def _booleans(self, node: yaml.Node | None) -> dict[str, bool]:
        if node is None:
            return {}
        values = {name: (item, self._text(item)) for name, item in self._mapping(node).items()}
        for item, text in values.values():
            if text.lower() not in _BOOLEANS:
                raise self._wrong(item, f"a boolean is {text!r}; give true or false")
        return {name: _BOOLEANS[text.lower()] for name, (_, text) in values.items()}

    def _mapping(self, node: yaml.Node, keys: tuple[str, ...] = ()) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            raise self._wrong(node, f"a mapping belongs here{_among(keys)}")
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = self._text(key)
            if keys and name not in keys:
                raise self._wrong(key, f"{name!r} is not known here; there are {', '.join(keys)}")
            if name in found:
                raise self._wrong(key, f"{name!r} stands here twice; leave one out")
            found[name] = value
        return found

    def _items(self, node: yaml.Node) -> list[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode):
            raise self._wrong(node, "a list belongs here")
        return list(node.value)

    def _text(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._wrong(node, "a text belongs here")
        return str(node.value)

    def _wrong(self, node: yaml.Node, what: str) -> ValueError:
        return ValueError(f"{self._at(node)}: {what}")

    def _at(self, node: yaml.Node) -> str:
        return f"{self._path}:{node.start_mark.line + 1}"


def _among(keys: tuple[str, ...]) -> str:
    return f", of {', '.join(keys)}" if keys else ""
