"""The kinds of steps, and those that several operations share."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lsm import dac
from lsm.framework import Mediator
from lsm.modules.capability import NUMBER
from lsm.objects import Obj

P = Mapping[str, Any]
Step = Callable[[Mediator, P], None]


@dataclass(frozen=True, slots=True)
class May:
    """inode_permission on the object in `role`; `mask` is a constant, or what open's flags ask for."""

    role: str
    mask: int | Callable[[int], int]

    def __call__(self, m: Mediator, p: P) -> None:
        mask = self.mask if isinstance(self.mask, int) else self.mask(p["flags"])
        dac.permission(m, p[self.role], mask)


@dataclass(frozen=True, slots=True)
class Hook:
    """A check hook with the named parameters, in the order of its signature."""

    name: str
    params: tuple[str, ...]

    def __call__(self, m: Mediator, p: P) -> None:
        m.check(self.name, *(p[name] for name in self.params))


@dataclass(frozen=True, slots=True)
class Refuse:
    """Structure: `error` when the condition holds. Known only to who passed the steps before it."""

    error: int
    when: Callable[[Mediator, P], bool]

    def __call__(self, m: Mediator, p: P) -> None:
        if self.when(m, p):
            raise OSError(self.error, os.strerror(self.error), p.get("what", ""))


def hook(name: str, *params: str) -> Hook:
    return Hook(name, params)


def not_dir(role: str) -> Callable[[Mediator, P], bool]:
    return lambda m, p: not p[role].is_dir


def is_dir(role: str) -> Callable[[Mediator, P], bool]:
    return lambda m, p: p[role].is_dir


def needs(cap: str, error: int = errno.EPERM) -> Step:
    def step(m: Mediator, p: P) -> None:
        if not m.capable(NUMBER[cap]):
            raise OSError(error, f"{os.strerror(error)}: needs CAP_{cap.upper()}", p.get("what", ""))

    return step


def fixed(*flags: str) -> Step:
    """EPERM for an object with one of the flags, whoever asks."""

    def step(m: Mediator, p: P) -> None:
        if any(getattr(p["object"], flag) for flag in flags):
            m.refuse_dac(p["object"], ("write",), errno.EPERM, "vfs")

    return step


def may_go(m: Mediator, parent: Obj, obj: Obj) -> None:
    """fs/namei.c, may_delete: what keeps a name where it is, for who may write to its directory."""
    if parent.append_only:
        m.refuse_dac(obj, ("delete",), errno.EPERM, "may_delete")
    if dac.sticky(m, parent, obj):
        m.refuse_dac(obj, ("delete",), errno.EPERM, "check_sticky")
    if obj.append_only or obj.immutable:
        m.refuse_dac(obj, ("delete",), errno.EPERM, "may_delete")
