"""The task's own attributes. Asked of this node's policy, whatever the mount's switch says."""

from __future__ import annotations

from client.args import U32
from client.ctx import Ctx
from host import tasks


async def setfscreate(ctx: Ctx, context: str | None = None) -> None:
    """Sets the label of what the task creates from now on; None (or empty, as a write to the file) clears it.

    Tickets are of the subject as it was, so the next path is walked from the root.
    """
    _creating(ctx, "fscreate", context)


async def getfscreate(ctx: Ctx) -> str | None:
    """The label set by setfscreate, or None."""
    _told(ctx, "fscreate")
    return ctx.task.subject.fscreate


async def setexec(ctx: Ctx, context: str | None = None) -> None:
    """Sets the context of what the task executes next; None clears it."""
    _own(ctx, "attr")
    ctx.tasks.setprocattr(ctx.task, "exec", context or None, ctx.mediator)


async def getexec(ctx: Ctx) -> str | None:
    """The context set by setexec, or None."""
    _told(ctx, "exec")
    return ctx.task.exec


async def setkeycreate(ctx: Ctx, context: str | None = None) -> None:
    """Sets the label of the keys that the task makes from now on; None clears it."""
    _creating(ctx, "keycreate", context)


async def getkeycreate(ctx: Ctx) -> str | None:
    """The label set by setkeycreate, or None."""
    _told(ctx, "keycreate")
    return ctx.task.subject.keycreate


async def setsockcreate(ctx: Ctx, context: str | None = None) -> None:
    """Sets the label of the sockets that the task makes from now on; None clears it."""
    _creating(ctx, "sockcreate", context)


async def getsockcreate(ctx: Ctx) -> str | None:
    """The label set by setsockcreate, or None."""
    _told(ctx, "sockcreate")
    return ctx.task.subject.sockcreate


async def setcon(ctx: Ctx, context: str) -> None:
    """Changes the task's own context (a write to /proc/self/attr/current); what it has open stays its opener's."""
    _own(ctx, "attr")
    ctx.tasks.setprocattr(ctx.task, "current", context or None, ctx.mediator)
    tasks.record(
        ctx.call.batch,
        ctx.task,
        "setattr",
        ctx.call.peer.node,
        attr="current",
        value=ctx.task.subject.labels.get("selinux"),
    )


async def getcon(ctx: Ctx) -> str | None:
    """The task's own context; None where no module labels it."""
    _told(ctx, "current")
    return ctx.task.subject.labels.get("selinux")


async def umask(ctx: Ctx, mask: U32) -> int:
    """umask(2): the mask as it was. No hook is for it."""
    ctx.call.takes("file")
    before, ctx.task.umask = ctx.task.umask, mask & 0o777
    return before


def _creating(ctx: Ctx, attr: str, context: str | None) -> None:
    """An attribute that travels with the task's subject."""
    _own(ctx, "attr")
    ctx.tasks.setprocattr(ctx.task, attr, context or None, ctx.mediator)
    value = getattr(ctx.task.subject, attr)
    tasks.record(ctx.call.batch, ctx.task, "setattr", ctx.call.peer.node, attr=attr, value=value)


def _told(ctx: Ctx, attr: str) -> None:
    """Whether an attribute may be told."""
    _own(ctx, "getattr")
    ctx.mediator.check("getprocattr", attr)


def _own(ctx: Ctx, case: str) -> None:
    ctx.call.takes(case)
    ctx.call.vantage = "agent"
