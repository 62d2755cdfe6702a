"""What a file says, each part with its line. Contexts are whole here; paths begin at the case's own directory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from harness.cases.operations import Form
from harness.subjects import SubjectSpec

# What `expect` has where no value is expected; None is a value.
ANYTHING: Final = object()
_SHOWN_MAX = 80


@dataclass(frozen=True, slots=True)
class Text:
    """A text expected as a value: as the file has it, or the context that it names, where it names one."""

    text: str
    context: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Subject:
    """Who acts: what a login asks for."""

    name: str
    spec: SubjectSpec
    umask: int = 0o022


@dataclass(frozen=True, slots=True)
class Object:
    """What is there before the first step. `label` None: as the policy labels it for the administrator.

    `owner` is (uid, gid). `content` is of a file, `target` of a symbolic link.
    """

    line: int
    path: str
    kind: str
    label: str | None = None
    mode: int | None = None
    owner: tuple[int, int] = (0, 0)
    content: bytes = b""
    target: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """A decision expected: all of `perms` allowed, or all denied; `target` None: whatever the object's label is."""

    line: int
    text: str
    allowed: bool
    source: str
    target: str | None
    tclass: str
    perms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Label:
    """A label expected. `views`: where (`clients`, `mds`, `oss`, a node's name) -> context; {"": C} is everywhere."""

    line: int
    path: str
    views: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Step:
    """One call by a subject on a client. `errno` 0: it succeeds. `keep` names what it opens for later steps."""

    line: int
    subject: str
    client: str
    lsm: bool
    operation: str
    form: Form
    args: Mapping[str, Any]
    keep: str = ""
    expect_line: int = 0
    errno: int = 0
    value: Any = ANYTHING
    labels: tuple[Label, ...] = ()
    decisions: tuple[Access, ...] = ()

    def __str__(self) -> str:
        shown = " ".join(f"{name}={_shown(value)}" for name, value in self.args.items())
        where = "" if self.client == "client0" else f" on {self.client}"
        return f"{self.operation} {shown} as {self.subject}{where}"


@dataclass(frozen=True, slots=True)
class Case:
    """One file. `policy` and `profile` None: those of the run. `cluster` has fields of ClusterSpec.

    `root` labels the case's own directory. `decisions` may come in any order, `in_order` in this one, others between.
    """

    path: Path
    name: str
    line: int
    policy: str | None = None
    profile: str | None = None
    cluster: Mapping[str, Any] = field(default_factory=dict)
    subjects: Mapping[str, Subject] = field(default_factory=dict)
    root: str | None = None
    objects: tuple[Object, ...] = ()
    steps: tuple[Step, ...] = ()
    labels: tuple[Label, ...] = ()
    decisions: tuple[Access, ...] = ()
    in_order: tuple[Access, ...] = ()


def _shown(value: Any) -> str:
    """An argument on one line, cut where it is long."""
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"
