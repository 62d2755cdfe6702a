"""libsepol, the engine of SELinux itself, fenced off: nothing outside this package knows it.

In reading order:
    errors      Missing (no usable libsepol), PolicyError (a policy that cannot be used)
    policy      compile_cil and flatten: one limited child per call
    worker      Worker: a restartable child that decides; Answer and Reason are what it says
    process     starting a child, its limits, and what its end means
    frames      the messages between the two
    child       the other side: ``python -P -m sepol.child``; only it and what follows call libsepol
    abi, policydb, compiler, engine, context    signatures, policy handles, CIL, the security server, strict contexts

Standard library only; nothing of ours, no asyncio. libsepol never runs in the importing process, which it could crash.
"""

from sepol.errors import Missing, PolicyError
from sepol.policy import Flattened, compile_cil, flatten
from sepol.process import available, library
from sepol.worker import Answer, Reason, Worker

__all__ = [
    "Answer",
    "Flattened",
    "Missing",
    "PolicyError",
    "Reason",
    "Worker",
    "available",
    "compile_cil",
    "flatten",
    "library",
]
