"""Reading the part of a file that acts and expects: steps, labels, decisions."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from harness.cases import operations, words
from harness.cases.nodes import Node
from harness.cases.operations import OPERATIONS, Form, Parameter
from harness.cases.values import ANYTHING, Access, Label, Step, Subject, Text
from harness.cases.words import Names

LABEL = "security.selinux"
KEYS = ("as", "on", "lsm", "keep", "expect", "labels", "allowed", "denied")
VIEWS = ("clients", "mds", "oss")
OUTCOMES = ("ok", *errno.errorcode.values())
ACCESS = re.compile(r"(?P<source>\S+)\s+(?:(?P<target>\S+):)?(?P<tclass>\w+)\s+(?:\{\s*(?P<set>[^{}]+)\}|(?P<one>\w+))")
_DEPTH_MAX = 4  # of a value that is expected


class Reader:
    """Reads steps one after the other; what one keeps open the later ones may use."""

    def __init__(self, names: Names, subjects: Mapping[str, Subject], nodes: Collection[str]) -> None:
        self._names = names
        self._subjects = subjects
        self._nodes = nodes
        self._kept: dict[str, tuple[str, str]] = {}

    def step(self, node: Node) -> Step:
        given = node.mapping((*KEYS, *OPERATIONS))
        calls = [name for name in given if name in OPERATIONS]
        if len(calls) != 1:
            made = f"{' and '.join(calls)} are two calls" if calls else "a step makes no call"
            raise node.wrong(f"{made}; give one, as `mkdir: {{path: d}}`")
        if "as" not in given:
            raise node.wrong(f"nobody does this; give `as`, one of {', '.join(self._subjects)}")
        who = given["as"].word(self._subjects)
        client = given["on"].word(self._clients) if "on" in given else "client0"
        form, args = self._call(given[calls[0]], calls[0], (who, client))
        number, value = self._expect(given.get("expect"), form)
        return Step(
            node.line, who, client, "lsm" in given and parsed(given["lsm"], words.flag), calls[0], form, args,
            self._keep(given, form, (who, client)), given["expect"].line if "expect" in given else node.line,
            number, value, self.labels(given.get("labels")), tuple(self.accesses(given)),
        )  # fmt: skip

    def labels(self, node: Node | None) -> tuple[Label, ...]:
        """Path -> context, or path -> {where: context}."""
        if node is None:
            return ()
        return tuple(self._label(name, item) for name, item in node.mapping().items())

    def accesses(self, given: Mapping[str, Node]) -> Iterator[Access]:
        """The decisions under `allowed` and `denied`."""
        for name in ("allowed", "denied"):
            for item in given[name].one_or_more() if name in given else ():
                yield self._access(item, name == "allowed")

    @property
    def _clients(self) -> list[str]:
        return [name for name in self._nodes if name.startswith("client")]

    def _call(self, node: Node, name: str, who: tuple[str, str]) -> tuple[Form, dict[str, Any]]:
        given = node.mapping() if not (node.scalar and node.text() in ("", "{}", "null", "~")) else {}
        try:
            form = operations.form(name, set(given))
        except ValueError as error:
            raise node.wrong(str(error)) from None
        args = {key: self._argument(item, form.parameters[key], who) for key, item in given.items()}
        if name == "setxattr" and args["name"] == LABEL:
            args["value"] = self._names.or_text(given["value"].text()).encode()
        return form, args

    def _argument(self, node: Node, parameter: Parameter, who: tuple[str, str]) -> Any:
        if parameter.nullable and node.scalar and node.text() in ("null", "none", "~", ""):
            return None
        match parameter.kind:
            case "path":
                return words.path(node)
            case "fd":
                return self._open(node, who)
            case "context":
                return self._names.context(node)
            case "data":
                return data(node)
            case "number":
                return parsed(node, words.number)
            case "flag":
                return parsed(node, words.flag)
        return node.text()

    def _open(self, node: Node, who: tuple[str, str]) -> str:
        """The name of a descriptor that an earlier step of the same subject on the same client keeps."""
        name = node.text()
        if self._kept.get(name) != who:
            mine = ", ".join(key for key, owner in self._kept.items() if owner == who) or "none"
            raise node.wrong(f"{who[0]} on {who[1]} has open {mine}, not {name!r}; `keep` names what open opens")
        return name

    def _keep(self, given: Mapping[str, Node], form: Form, who: tuple[str, str]) -> str:
        if "keep" not in given:
            return ""
        if not form.opens:
            raise given["keep"].wrong("this call opens nothing that could be kept; leave keep out")
        name = given["keep"].text()
        self._kept[name] = who
        return name

    def _expect(self, node: Node | None, form: Form) -> tuple[int, Any]:
        """The errno expected, and the value."""
        if node is None:
            return 0, ANYTHING
        if node.scalar:
            name = node.text()
            if name not in OUTCOMES:
                raise node.wrong(f"{name!r} is neither ok nor an errno; a value is `expect: {{value: {name}}}`")
            return (0 if name == "ok" else getattr(errno, name)), ANYTHING
        value = node.mapping(("value",), ("value",))["value"]
        if not form.answers:
            raise value.wrong("this call answers nothing; expect ok, or an errno")
        return 0, self._value(value)

    def _value(self, node: Node, depth: int = 0) -> Any:
        if depth > _DEPTH_MAX:
            raise node.wrong("this value is nested too deep; no call gives such a one")
        if node.scalar:
            return Text(node.text(), self._names.or_text(node.text()))
        if node.listed:
            return [self._value(item, depth + 1) for item in node.items()]
        return {name: self._value(item, depth + 1) for name, item in node.mapping().items()}

    def _label(self, name: str, node: Node) -> Label:
        path = words.path(node, name)
        if node.scalar:
            return Label(node.line, path, {"": self._names.context(node)})
        views = {where: self._names.context(item) for where, item in node.mapping((*VIEWS, *self._nodes)).items()}
        if not views:
            raise node.wrong(f"nothing is expected of {name}; give a context")
        return Label(node.line, path, views)

    def _access(self, node: Node, allowed: bool) -> Access:
        text = " ".join(node.text().split())
        found = ACCESS.fullmatch(text)
        if found is None:
            raise node.wrong(f"{text!r} is no decision; give SUBJECT [OBJECT:]CLASS {{ PERMISSION ... }}")
        part = found.groupdict()
        source = self._source(node, part["source"])
        target = self._names.context(node, part["target"]) if part["target"] else None
        perms = tuple((part["set"] or part["one"]).split())
        if not perms:
            raise node.wrong(f"{text!r} names no permission; give one between the braces")
        return Access(node.line, text, allowed, source, target, part["tclass"], perms)

    def _source(self, node: Node, word: str) -> str:
        known = self._subjects.get(word)
        return known.spec.context or "" if known else self._names.context(node, word)


def parsed(node: Node, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(node.text())
    except ValueError as error:
        raise node.wrong(str(error)) from None


def data(node: Node) -> bytes:
    """Text as UTF-8, or `{hex: 00ff}`."""
    if node.scalar:
        return node.text().encode()
    text = node.mapping(("hex",), ("hex",))["hex"]
    return bytes(parsed(text, bytes.fromhex))
