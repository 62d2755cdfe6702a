"""Stable names: what differs between two runs of the same code (FIDs, ids, numbered folders) under names that do not.

* A folder at the top whose name has a number in it (`/mediation17`) is numbered afresh in each test: `/mediation#1`.
* An object is called by the path it was made at; the second one made there in the same test is `path~2`.
* A type that the harness derives for one test (`labelproof_s17_t`) is numbered afresh in each test in the same way.
* A task is called by its subject; the second task of a test with the same subject is `subject #2`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from harness.compare.behaviour import OUTSIDE
from harness.compare.recorded import Recorded
from harness.history import Event

_DERIVED = re.compile(r"\b(labelproof_[a-z]+)(\d+)_t\b")
_NUMBERED = re.compile(r"([^\d]*)(\d+)([^\d]*)")
_NAMELESS = "object"
FID = re.compile(r"\[0x[0-9a-f]+:0x[0-9a-f]+:0x[0-9a-f]+\]")


class Names:
    """The stable names of one cluster's history."""

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        self._tops: dict[str, str] = {}
        self._made: dict[str, Event] = {}
        # Of objects that were made without a name: the first label that they had.
        self._unnamed: dict[str, Event] = {}
        self._paths: dict[str, str] = {}
        self._objects: dict[str, str] = {}
        self._tasks: dict[tuple[str, str, str], str] = {}
        self._counts: Counter[tuple[str, ...]] = Counter()
        self._types: dict[str, str] = {}
        self._number_tops()
        self._number_types()
        self._find_paths()

    def test_of(self, op: str | None) -> str:
        """The test that an operation belongs to."""
        invoke = self._recorded.ops.get(op) if op else None
        return (invoke.get("test") or OUTSIDE) if invoke else OUTSIDE

    def object(self, fid: str | None) -> str:
        """The name of an object; empty for none. Objects are to be asked for in the order of the history."""
        if not fid:
            return ""
        if fid not in self._objects:
            path = self._path(fid, set())
            # What a refused operation made and took back has neither name nor maker: one is as good as another.
            nth = self._nth(self._maker(fid), path) if path != _NAMELESS or self.maker(fid) else 1
            self._objects[fid] = path if nth == 1 else f"{path}~{nth}"
        return self._objects[fid]

    def maker(self, fid: str) -> str | None:
        """The operation that made the object, or None for the root and what boot made."""
        made = self._made.get(fid) or self._unnamed.get(fid)
        return self._recorded.op_of(made) if made else None

    def task(self, invoke: Event) -> str:
        """The subject that an operation was called by: its context, else its uid."""
        test, client = invoke.get("test") or OUTSIDE, invoke["client"]
        key = (test, client, invoke["task"])
        if key not in self._tasks:
            login = self._recorded.tasks.get((client, invoke["task"]), "")
            subject = self._recorded.subjects.get((client, login))
            text = self.context(_subject(subject))
            nth = self._nth(test, client, text)
            self._tasks[key] = text if nth == 1 else f"{text} #{nth}"
        return self._tasks[key]

    def call(self, invoke: Event) -> str:
        """The operation as a call: `mkdir("/mediation#1/d", mode=0o777)`."""
        arguments = [f"{name}={_value(name, self.value(value))}" for name, value in sorted(invoke["args"].items())]
        return f"{invoke['f']}({', '.join(arguments)})"

    def value(self, value: Any) -> Any:
        """An argument or answer with stable names in it."""
        match value:
            case str():
                return FID.sub(lambda found: self.object(found[0]), self.path(self.context(value)))
            case Mapping():
                return {name: self.value(item) for name, item in value.items()}
            case list():
                return [self.value(item) for item in value]
        return value

    def context(self, text: str) -> str:
        """A context, or text with one in it, with derived types numbered afresh."""
        if "labelproof_" not in text:
            return text
        return _DERIVED.sub(lambda found: self._types.get(found[0], found[0]), text)

    def path(self, text: str) -> str:
        """A path, or the name of one component, with the folder at its top numbered afresh."""
        slash = "/" if text.startswith("/") else ""
        top, rest, tail = text.removeprefix("/").partition("/")
        if not slash and rest:  # a relative path or other text does not begin at the top
            return text
        return f"{slash}{self._tops.get(top, top)}{rest}{tail}"

    def _number_tops(self) -> None:
        """By the first operation that names the number; `/d17n` beside `/d17` keeps its number's company."""
        counts: Counter[tuple[str, str]] = Counter()
        numbers: dict[tuple[str, str], int] = {}
        for invoke in self._recorded.ops.values():
            for text in (invoke["args"].get(name) for name in ("path", "to")):
                top = text.split("/")[1] if isinstance(text, str) and text.startswith("/") else ""
                found = _NUMBERED.fullmatch(top)
                if found is None or top in self._tops:
                    continue
                stem, number, tail = found.groups()
                if (stem, number) not in numbers:
                    key = (invoke.get("test") or OUTSIDE, stem)
                    counts[key] += 1
                    numbers[stem, number] = counts[key]
                self._tops[top] = f"{stem}#{numbers[stem, number]}{tail}"

    def _number_types(self) -> None:
        """By the first operation whose subject has the type, or that names it, as setcon(2)'s do."""
        counts: Counter[tuple[str, str]] = Counter()
        for invoke in self._recorded.ops.values():
            login = self._recorded.tasks.get((invoke["client"], invoke["task"]), "")
            subject = _subject(self._recorded.subjects.get((invoke["client"], login)))
            texts = (subject, *(value for _, value in sorted(invoke["args"].items()) if isinstance(value, str)))
            for found in (_DERIVED.search(text) for text in texts if "labelproof_" in text):
                if found and found[0] not in self._types:
                    key = (invoke.get("test") or OUTSIDE, found[1])
                    counts[key] += 1
                    self._types[found[0]] = f"{found[1]}#{counts[key]}_t"

    def _find_paths(self) -> None:
        """From labels, which name parent and component; without LSM from what operations answered."""
        for label in self._recorded.labels:
            self._unnamed.setdefault(label["object"], label)
            if label.get("as") and label["object"] not in self._made:
                self._made[label["object"]] = label
        for op, end in self._recorded.ends.items():
            answer, invoke = end.get("ret"), self._recorded.ops.get(op)
            if invoke and isinstance(answer, dict) and isinstance(answer.get("fid"), str):
                self._paths.setdefault(answer["fid"], str(invoke["args"].get("path") or ""))
        for raw in self._recorded.raws:
            if raw.get("path", raw["object"]) != raw["object"]:
                self._paths.setdefault(raw["object"], raw["path"])

    def _path(self, fid: str, seen: set[str]) -> str:
        made = self._made.get(fid)
        if made is not None and made["parent"] is None:
            return "/"
        if made is not None and made["parent"] not in seen:
            folder = self._path(made["parent"], seen | {fid})
            return f"{folder.rstrip('/')}/{self._component(folder, made['as'])}"
        return self.path(self._paths.get(fid, "")) or _NAMELESS

    def _component(self, folder: str, name: str) -> str:
        return self._tops.get(name, name) if folder == "/" else name

    def _maker(self, fid: str) -> str:
        return self.test_of(self.maker(fid))

    def _nth(self, *key: str) -> int:
        self._counts[key] += 1
        return self._counts[key]


def _subject(subject: Event | None) -> str:
    if subject is None:
        return "an unknown subject"
    context = (subject.get("labels") or {}).get("selinux")
    return context or f"uid={subject.get('uid')}"


def _value(name: str, value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and name in ("mode", "flags"):
        return oct(value)
    return f'"{value}"' if isinstance(value, str) else str(value)
