"""The two metadata entries as values: `security-context-bin` (who asks) and `call-bin` (the rest), with their limits.

Each malformed entry is EPROTO, naming what is wrong with it.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterable
from dataclasses import fields, replace
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from labelproof.v1 import context_pb2
from lsm.objects import Caps, Fid, Subject

SUBJECT_KEY = "security-context-bin"
CALL_KEY = "call-bin"
CLOCK_KEY = "clock-bin"
ERRNO_KEY = "errno-bin"

CONTEXT_BYTES_MAX = 4096
METADATA_BYTES_MAX = 16 * 1024
GROUPS_MAX = 1024
# include/linux/sched.h, TASK_COMM_LEN
COMM_BYTES_MAX = 16
# include/uapi/linux/capability.h, CAP_LAST_CAP
CAPS_KNOWN = (1 << 41) - 1
CLOCK_MAX = 1 << 62
# Stores keep them as signed 64-bit integers.
XID_END = 1 << 63

M = TypeVar("M", bound=Message)

_CAP_SETS = tuple(f.name for f in fields(Caps))
_CREATE = ("fscreate", "keycreate", "sockcreate")


def malformed(what: str) -> OSError:
    return OSError(errno.EPROTO, what)


def fid_of(message: context_pb2.Fid) -> Fid:
    return Fid(message.seq, message.oid, message.ver)


def fid_message(fid: Fid) -> context_pb2.Fid:
    return context_pb2.Fid(seq=fid.seq, oid=fid.oid, ver=fid.ver)


def encode(subject: Subject) -> bytes:
    """The subject's bytes on the wire: one form for one subject."""
    message = context_pb2.SecurityContext(
        uid=subject.uid, gid=subject.gid, groups=subject.groups, pid=subject.pid, comm=subject.comm, nid=subject.nid,
        caps=context_pb2.Capabilities(**{name: getattr(subject.caps, name) for name in _CAP_SETS}),
        labels=[context_pb2.Label(name=n, value=v.encode()) for n, v in sorted(subject.labels.items())],
        create=context_pb2.CreateContexts(**{n: v for n in _CREATE if (v := getattr(subject, n)) is not None}),
    )  # fmt: skip
    return message.SerializeToString(deterministic=True)


def named(subject: Subject) -> Subject:
    """The subject with its digest: SHA-256 of its bytes, the same at every node that admits it alike."""
    return replace(subject, digest=hashlib.sha256(encode(subject)).digest())


def task_digest(subject: Subject) -> bytes:
    """SHA-256 of Subject.task: the same whatever the task sets of itself."""
    return hashlib.sha256(repr(subject.task).encode()).digest()


def decode(data: bytes) -> Subject:
    """The subject that a `security-context-bin` claims; EPROTO for whatever is malformed in it."""
    if len(data) > CONTEXT_BYTES_MAX:
        raise malformed(f"security context of {len(data)} bytes, more than {CONTEXT_BYTES_MAX}")
    message = parsed(context_pb2.SecurityContext, data, "security context")
    if len(message.groups) > GROUPS_MAX:
        raise malformed(f"{len(message.groups)} groups, more than {GROUPS_MAX}")
    if len(message.comm.encode()) > COMM_BYTES_MAX or "\0" in message.comm:
        raise malformed(f"comm {message.comm!r} is longer than {COMM_BYTES_MAX} bytes or holds a NUL")
    return Subject(
        uid=message.uid, gid=message.gid, groups=tuple(message.groups), caps=_caps(message.caps), pid=message.pid,
        comm=message.comm, nid=message.nid, labels=_labels(message.labels), **_create(message.create),  # type: ignore[arg-type]
    )  # fmt: skip


def parsed(kind: type[M], data: bytes, what: str) -> M:
    """The message in `data`; EPROTO if it does not decode."""
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise malformed(f"{what} does not decode: {error}") from None


def call_context(data: bytes) -> context_pb2.CallContext:
    """The `call-bin` entry; EPROTO if it does not decode, or a number in it cannot be."""
    message = parsed(context_pb2.CallContext, data, "call context")
    if not 0 < message.xid < XID_END or message.acked_xid >= XID_END:
        raise malformed(f"xid {message.xid}, acknowledged {message.acked_xid}: an xid is from 1 to 2^63-1")
    if message.clock >= CLOCK_MAX:
        raise malformed(f"Lamport clock {message.clock} is beyond any history")
    return message


def entries(metadata: Iterable[tuple[str, bytes | str]]) -> dict[str, bytes]:
    """Our entries of a call's metadata; EPROTO if it is too big in all, or has one of ours twice."""
    found: dict[str, bytes] = {}
    size = 0
    for key, value in metadata:
        size += len(key) + len(value)
        if key in (SUBJECT_KEY, CALL_KEY) and isinstance(value, bytes):
            if key in found:
                raise malformed(f"metadata has {key} twice")
            found[key] = value
    if size > METADATA_BYTES_MAX:
        raise malformed(f"metadata of {size} bytes, more than {METADATA_BYTES_MAX}")
    return found


def _caps(message: context_pb2.Capabilities) -> Caps:
    caps = Caps(**{name: getattr(message, name) for name in _CAP_SETS})
    for name in _CAP_SETS:
        if getattr(caps, name) & ~CAPS_KNOWN:
            raise malformed(f"{name} capabilities {getattr(caps, name):#x} hold bits that no kernel knows")
    return caps


def _labels(messages: Iterable[context_pb2.Label]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for message in messages:
        if message.name in labels:
            raise malformed(f"two labels for {message.name}")
        try:
            labels[message.name] = _label(message.name, message.value.decode())
        except UnicodeDecodeError:
            raise malformed(f"the label for {message.name} is not UTF-8") from None
    return labels


def _label(what: str, value: str) -> str:
    """A label that can be one; an absent value is no label either, since every task has one."""
    if not value or "\0" in value or "\n" in value:
        raise malformed(f"the label for {what} is empty or holds a NUL or a newline")
    return value


def _create(message: context_pb2.CreateContexts) -> dict[str, str | None]:
    """The kernel keeps what a task with mac_admin sets as it is, a newline too; nothing and a NUL it cannot be."""
    given = {n: getattr(message, n) if message.HasField(n) else None for n in _CREATE}
    for name, value in given.items():
        if value is not None and (not value or "\0" in value):
            raise malformed(f"{name} is empty or holds a NUL")
    return given
