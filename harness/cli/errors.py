"""What an error becomes: an exit code, and one line that names the object and the remedy."""

from __future__ import annotations

import errno
import os

import sepol
from harness.clusters import ClusterError
from harness.results import Exit
from harness.runner import Unavailable

# The first that fits decides.
_EXITS: tuple[tuple[type[BaseException], Exit], ...] = (
    (sepol.Missing, Exit.INCONCLUSIVE),
    (Unavailable, Exit.UNAVAILABLE),
    (ClusterError, Exit.UNAVAILABLE),
    (LookupError, Exit.NOTHING),
    (ValueError, Exit.USAGE),
    (OSError, Exit.USAGE),
)
_PREFIX = {Exit.INCONCLUSIVE: "inconclusive: the second engine is missing: "}
# What a machine lacks is no fault of the command line.
_MACHINE = {
    errno.ENOSPC: "make room on that disk, or set --store to another",
    errno.EDQUOT: "make room within the quota, or set --store to another disk",
    errno.EADDRINUSE: "end what listens there",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENOMEM: "end something else",
    errno.EROFS: "set --store to a disk that can be written",
}
_REMEDIES = {
    errno.ENOENT: "check the name",
    errno.EACCES: "check who may use it, or set --store to a folder of yours",
    errno.EEXIST: "",
}


def explain(error: Exception) -> tuple[Exit, str] | None:
    """Exit code and line for an error of the user's or the machine's; None for one that is ours."""
    if isinstance(error, OSError) and error.errno is not None:
        return _of_system(error)
    for kind, code in _EXITS:
        if isinstance(error, kind) and not isinstance(error, KeyError | IndexError):
            return code, _one_line(_PREFIX.get(code, "") + str(error))
    return None


def _of_system(error: OSError) -> tuple[Exit, str]:
    number = error.errno or errno.EIO
    name = f"{error.filename}: " if error.filename else ""
    what = f"{name}{error.strerror or os.strerror(number)}"
    if number in _MACHINE:
        return Exit.UNAVAILABLE, _one_line(f"{what}; {_MACHINE[number]}")
    return Exit.USAGE, _one_line("; ".join(filter(None, (what, _REMEDIES.get(number, "")))))


def _one_line(text: str) -> str:
    return " ".join(text.split())
