"""The one table of errors: errno <-> gRPC status, and whether a failed call is *definite* (surely did not happen).

An error travels as the status, for whoever speaks plain gRPC, and as the trailing entry `errno-bin`, which is exact:
`<errno> <definite 0|1> <message>`. It comes back as the builtin OSError subclass, with `definite` on it.
"""

from __future__ import annotations

import errno
import os

from grpc import StatusCode

from rpc.context import ERRNO_KEY

MESSAGE_CHARS_MAX = 1024

# spec: the error contract of a Lustre server. What is not here travels as UNKNOWN, and exactly in the entry.
CODES: dict[int, StatusCode] = {
    errno.EACCES: StatusCode.PERMISSION_DENIED,
    errno.EPERM: StatusCode.PERMISSION_DENIED,
    errno.EROFS: StatusCode.FAILED_PRECONDITION,
    errno.ECHRNG: StatusCode.PERMISSION_DENIED,
    errno.ENOKEY: StatusCode.PERMISSION_DENIED,
    errno.ENOENT: StatusCode.NOT_FOUND,
    errno.ENODATA: StatusCode.NOT_FOUND,
    errno.EEXIST: StatusCode.ALREADY_EXISTS,
    errno.EINVAL: StatusCode.INVALID_ARGUMENT,
    errno.ENAMETOOLONG: StatusCode.INVALID_ARGUMENT,
    errno.EPROTO: StatusCode.INVALID_ARGUMENT,
    errno.EOPNOTSUPP: StatusCode.UNIMPLEMENTED,
    errno.ERANGE: StatusCode.OUT_OF_RANGE,
    errno.E2BIG: StatusCode.OUT_OF_RANGE,
    errno.EFBIG: StatusCode.OUT_OF_RANGE,
    errno.ENOSPC: StatusCode.RESOURCE_EXHAUSTED,
    errno.EDQUOT: StatusCode.RESOURCE_EXHAUSTED,
    errno.EMSGSIZE: StatusCode.RESOURCE_EXHAUSTED,
    errno.EMFILE: StatusCode.RESOURCE_EXHAUSTED,
    errno.ENOTDIR: StatusCode.FAILED_PRECONDITION,
    errno.EISDIR: StatusCode.FAILED_PRECONDITION,
    errno.ENOTEMPTY: StatusCode.FAILED_PRECONDITION,
    errno.ELOOP: StatusCode.FAILED_PRECONDITION,
    errno.EXDEV: StatusCode.FAILED_PRECONDITION,
    errno.EMLINK: StatusCode.FAILED_PRECONDITION,
    errno.EBADF: StatusCode.FAILED_PRECONDITION,
    errno.EBUSY: StatusCode.FAILED_PRECONDITION,
    errno.EREMOTE: StatusCode.FAILED_PRECONDITION,
    errno.ESTALE: StatusCode.ABORTED,
    errno.EAGAIN: StatusCode.ABORTED,
    errno.ENOTCONN: StatusCode.UNAVAILABLE,
    errno.ESHUTDOWN: StatusCode.UNAVAILABLE,
    errno.ECONNRESET: StatusCode.UNAVAILABLE,
    errno.ETIMEDOUT: StatusCode.DEADLINE_EXCEEDED,
    errno.ECANCELED: StatusCode.CANCELLED,
    errno.EIO: StatusCode.INTERNAL,
}

# A call that failed so may have happened.
INDEFINITE = frozenset({errno.EIO, errno.ETIMEDOUT, errno.ECONNRESET, errno.ECANCELED, errno.EPIPE, errno.EINTR})

# What a status means that came without the entry: from gRPC itself, not from one of our servers.
TRANSPORT: dict[StatusCode, int] = {
    StatusCode.DEADLINE_EXCEEDED: errno.ETIMEDOUT,
    StatusCode.UNAVAILABLE: errno.ECONNRESET,
    StatusCode.CANCELLED: errno.ECANCELED,
    StatusCode.UNIMPLEMENTED: errno.EOPNOTSUPP,
    StatusCode.UNAUTHENTICATED: errno.EACCES,
    StatusCode.PERMISSION_DENIED: errno.EACCES,
}

# gRPC's words for a call that never left (src/core/load_balancing, name resolution).
_NEVER_SENT = ("failed to connect to all addresses", "DNS resolution failed", "name resolution")


def definite(error: BaseException) -> bool:
    """Whether the call that failed so surely did not happen."""
    said = getattr(error, "definite", None)
    if said is not None:
        return bool(said)
    return isinstance(error, OSError) and error.errno not in INDEFINITE


def failure(number: int, message: str, *, sure: bool) -> OSError:
    """An OSError that says whether it is definite."""
    error = OSError(number, message)
    error.definite = sure  # type: ignore[attr-defined]
    return error


def lawful(number: int | None) -> bool:
    """Whether a number may reach a user: an errno that the C library knows. ENOTSUPP (524) is the kernel's own."""
    return number in errno.errorcode


def code(number: int) -> StatusCode:
    return CODES.get(number, StatusCode.UNKNOWN)


def message(error: OSError) -> str:
    """The error's own words, cut so that they fit into metadata."""
    return str(error.strerror or os.strerror(error.errno or errno.EIO))[:MESSAGE_CHARS_MAX]


def encode(error: OSError) -> bytes:
    """The `errno-bin` entry of a lawful error."""
    return f"{error.errno} {definite(error):d} {message(error)}".encode("utf-8", "replace")


def decode(entry: bytes) -> OSError:
    """The error of an `errno-bin` entry; one that no server of ours would send becomes EIO, indefinite."""
    number, _, rest = entry.decode("utf-8", "replace").partition(" ")
    sure, _, words = rest.partition(" ")
    if not (number.isdecimal() and lawful(int(number)) and sure in ("0", "1")):
        return failure(errno.EIO, f"the server sent an error that is none: {entry[:64]!r}", sure=False)
    return failure(int(number), words, sure=sure == "1")


def from_transport(status: StatusCode, details: str, server: str) -> OSError:
    """The error of a call that was for `server`, and that no server of ours answered."""
    if status is StatusCode.UNAVAILABLE and details.startswith(_NEVER_SENT):
        return failure(errno.ENOTCONN, f"{server}: {details}", sure=True)
    number = TRANSPORT.get(status, errno.EIO)
    return failure(number, f"{server}: {status.name}: {details}", sure=number not in INDEFINITE)


def trailing(error: OSError) -> tuple[tuple[str, bytes], ...]:
    """The trailing metadata by which an error travels."""
    return ((ERRNO_KEY, encode(error)),)


def unpacked(body: bytes, entries: tuple[tuple[str, bytes], ...]) -> tuple[bytes, tuple[tuple[str, bytes], ...]]:
    """A reply as it came, or its error raised, with the trailing metadata on it."""
    entry = dict(entries).get(ERRNO_KEY)
    if entry is None:
        return body, entries
    error = decode(entry)
    error.trailing = entries  # type: ignore[attr-defined]
    raise error
