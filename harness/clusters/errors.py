"""A cluster that cannot be had: one line that names the node, what happened and the remedy."""

from __future__ import annotations

import errno
import os
from pathlib import Path

# What a log line says -> what to do about it.
_REMEDIES = {
    os.strerror(errno.EADDRINUSE): "end what listens there, or choose another address",
    os.strerror(errno.ENOSPC): "make room on that disk, or set TMPDIR to another",
    os.strerror(errno.EACCES): "look at who may write there",
    os.strerror(errno.EMFILE): "raise the limit of open files (ulimit -n)",
    os.strerror(errno.ENOTDIR): "choose another folder",
    os.strerror(errno.ENOMEM): "end something else, or ask for fewer nodes",
}


class ClusterError(RuntimeError):
    """The cluster did not start, or a node of it is gone; nothing of it is left running."""


def failed(node: str, what: str, log: Path | None) -> ClusterError:
    """The error of one node; `log` is where it wrote, and its last line says why."""
    last = last_line(log) if log else ""
    told = remedied(f"node {node} {what}" + (f": {last}" if last else ""))
    return ClusterError(told + (f"; see {log}" if log else ""))


def remedied(text: str) -> str:
    """The sentence, with what to do about it where that is known."""
    remedy = next((remedy for word, remedy in _REMEDIES.items() if word in text), None)
    return f"{text}; {remedy}" if remedy else text


def last_line(log: Path) -> str:
    """The last line of a log that says something: of a traceback that is its exception."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
