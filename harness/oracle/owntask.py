"""Steps on the task's own attributes: its context, the contexts of what it makes and executes, its umask."""

from __future__ import annotations

from harness.oracle.actor import Actor, Ops
from harness.oracle.folder import Step, context


def _setfscreate(actor: Actor, step: Step) -> None:
    actor.task.setfscreate(context(step["ctx"] or None))


TASKS: Ops = {
    "setfscreate": _setfscreate,
    "setexec": lambda actor, step: actor.task.setexec(step["ctx"]),
    "setcon": lambda actor, step: actor.task.setcon(step["ctx"]),
    "getcon": lambda actor, step: actor.task.getcon(),
    "umask": lambda actor, step: actor.task.umask(step["mask"]),
}
