"""The task's own attributes. Asked of this node's policy, whatever the mount's switch says."""

from __future__ import annotations

from client.ctx import Ctx
from host import tasks


async def setfscreate(ctx: Ctx, context: str | None = None) -> None:
    """Sets the label of what the task creates from now on; None (or empty, as a write to the file) clears it.

    Tickets are of the subject as it was, so the next path is walked from the root.
    """
    _own(ctx, "attr")
    ctx.tasks.setprocattr(ctx.task, "fscreate", context or None, ctx.mediator)
    tasks.record(ctx.call.batch, ctx.task, "setattr", ctx.call.peer.node, attr="fscreate", value=context or None)


async def getfscreate(ctx: Ctx) -> str | None:
    """The label set by setfscreate, or None."""
    _own(ctx, "getattr")
    ctx.mediator.check("getprocattr", "fscreate")
    return ctx.task.subject.fscreate


def _own(ctx: Ctx, case: str) -> None:
    ctx.call.takes(case)
    ctx.call.vantage = "agent"
