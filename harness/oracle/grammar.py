"""Every op of a step, and those that no cluster has."""

from __future__ import annotations

import errno
from typing import Any

from harness.oracle.actor import Actor, NotThere, Ops
from harness.oracle.attrs import ATTRS
from harness.oracle.files import FILES
from harness.oracle.folder import Step
from harness.oracle.owntask import TASKS

OPS: Ops = {**FILES, **ATTRS, **TASKS}

# What concerns the processes and sockets of one machine, and leaves files as they were.
ELSEWHERE = {
    "exec": "no node executes programs",
    "nnp": "no node executes programs, which is all that no_new_privs is about",
    "connect": "the connection is between sockets of one machine, not a matter of files",
}


def do(actor: Actor, step: Step) -> Any:
    """What the op gives. OSError as the call fails; NotThere where no cluster does it; ValueError for a bad step."""
    name = step["op"]
    if name in ELSEWHERE:
        raise NotThere(f"operation {name}: {ELSEWHERE[name]}")
    if name not in OPS:
        raise NotThere(f"operation {name} is not one of the grammar")
    try:
        return OPS[name](actor, step)
    except KeyError as error:
        raise ValueError(f"{name} lacks {error}, or does not know that value") from error
    except OSError as error:
        if error.errno == errno.ENOSYS and str(error.strerror).startswith("no operation"):
            raise NotThere(f"operation {name} is not there") from None
        raise


def harmless(step: Step) -> bool:
    """Whether the objects are the same, be the step done or skipped."""
    return step["op"] in ELSEWHERE or step["op"] in TASKS
