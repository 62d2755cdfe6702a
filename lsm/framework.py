"""Which modules are on, in which order, and how a hook is called (security/security.c).

A Mediator is the framework as one call sees it: bound to the call's subject, it counts what fired and keeps every
decision, so that the rpc framework can hold both against what `proto/` declares.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from lsm.hooks import HOOKS, Hooks
from lsm.objects import Decision, Denied, Fid, Obj, Subject

Firing = tuple[str, str, Fid | None]


class Framework:
    """The enabled modules of one node, in call order; `capability` is always first (LSM_ORDER_FIRST)."""

    def __init__(self, modules: Sequence[Hooks]) -> None:
        self.modules = tuple(sorted(modules, key=lambda module: module.name != "capability"))
        # The label attributes that the modules keep -> their names, in call order.
        self.kept: Mapping[str, str] = {m.xattr: m.name for m in self.modules if m.xattr}
        self._bound = {hook: _overriders(self.modules, hook) for hook in HOOKS}

    def overriders(self, hook: str) -> tuple[tuple[str, Callable[..., Any]], ...]:
        """(module name, method) of the modules that implement `hook`, in call order; KeyError if there is none such."""
        return self._bound[hook]

    def module(self, name: str) -> Hooks | None:
        """The enabled module of that name."""
        return next((m for m in self.modules if m.name == name), None)


class Mediator:
    """One call's way to the hooks. Not shared between calls; `fired` and `decisions` grow in order."""

    __slots__ = ("decisions", "fired", "framework", "subject")

    def __init__(self, framework: Framework, subject: Subject) -> None:
        self.framework = framework
        self.subject = subject
        self.fired: dict[Firing, int] = {}
        self.decisions: list[Decision] = []

    def acting_for(self, subject: Subject) -> Mediator:
        """The same call asking for another subject (a server asks for itself, then for whom it acts)."""
        other = Mediator(self.framework, subject)
        other.fired, other.decisions = self.fired, self.decisions
        return other

    def check(self, hook: str, *args: object) -> None:
        """Calls a check hook: modules in order, the first denial wins. Raises Denied, or the hook's own OSError."""
        about = self._fire(hook, args)
        for module, method in self.framework.overriders(hook):
            for decision in method(self.subject, *args):
                self.settle(decision.placed(hook, module, about))

    def labels(self, hook: str, *args: object) -> dict[str, str]:
        """Calls a labelling hook: every module fills its own slot (security_inode_init_security)."""
        self._fire(hook, args)
        answers = ((module, method(self.subject, *args)) for module, method in self.framework.overriders(hook))
        return {module: label for module, label in answers if label is not None}

    def capable(self, cap: int) -> bool:
        """Whether the subject has and may use `cap`; a refusal is recorded, and the caller decides what it means."""
        try:
            self.check("capable", cap)
        except Denied:
            return False
        return True

    def settle(self, decision: Decision) -> None:
        """Records a decision; raises Denied if it does not allow. The only place that does."""
        self.decisions.append(decision)
        if not decision.allowed:
            raise Denied(decision)

    def refuse_dac(self, obj: Obj, requested: Iterable[str], error: int = errno.EACCES, hook: str = "vfs") -> None:
        """A refusal by mode bits, ownership or stickiness, which are VFS steps and not a module."""
        wanted = tuple(requested)
        owner = f"uid={obj.uid} gid={obj.gid} mode={obj.mode:o}"
        who = f"uid={self.subject.uid} gid={self.subject.gid}"
        refusal = Decision(
            hook, "vfs", wanted, wanted, who, owner, obj.tclass, False, "dac",
            role=obj.role, fid=obj.fid, name=obj.name, version=obj.version, errno=error,
        )  # fmt: skip
        self.settle(refusal)

    def _fire(self, hook: str, args: Sequence[object]) -> Obj | None:
        about = None
        for each in args:
            if isinstance(each, Obj):
                about = each
                break
        firing = (hook, "subject", None) if about is None else (hook, about.role, about.fid)
        self.fired[firing] = self.fired.get(firing, 0) + 1
        return about


def _overriders(modules: Sequence[Hooks], hook: str) -> tuple[tuple[str, Callable[..., Any]], ...]:
    default = getattr(Hooks, hook)
    return tuple((m.name, getattr(m, hook)) for m in modules if getattr(type(m), hook) is not default)
