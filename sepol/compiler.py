"""CIL text to a binary policy. Only for use in a child: libsepol ends the process when CIL runs out of memory."""

import ctypes
import re
from collections.abc import Mapping, Sequence

from sepol import abi
from sepol.errors import PolicyError

POLICY_VERSION = 33  # the newest that libsepol 3.4 writes; later ones read it
_LOG_ERRORS = 1
_TARGET_SELINUX = 0
_PLACE = re.compile(r"(?:at|of) (\S+:\d+)|at line (\d+) of (\S+)")


def compile_cil(files: Mapping[str, str]) -> bytes:
    """The binary policy, version 33, MLS where ``(mls true)`` says so. Raises PolicyError: first complaint, place."""
    sepol = abi.libsepol()
    pieces: list[str] = []
    callback = abi.LogCallback(lambda _level, text: pieces.append((text or b"").decode("utf-8", "replace")))
    sepol.cil_set_log_level(_LOG_ERRORS)
    sepol.cil_set_log_handler(ctypes.cast(callback, ctypes.c_void_p))
    db = ctypes.c_void_p()
    sepol.cil_db_init(ctypes.byref(db))
    sepol.cil_set_policy_version(db, POLICY_VERSION)
    sepol.cil_set_target_platform(db, _TARGET_SELINUX)
    for name, text in files.items():
        _add(sepol, db, name, text, pieces)
    policydb = ctypes.c_void_p()
    if sepol.cil_compile(db) or sepol.cil_build_policydb(db, ctypes.byref(policydb)):
        raise PolicyError(complaint(pieces))
    return _written(sepol, policydb)


def complaint(pieces: Sequence[str]) -> str:
    """The first line of CIL's log, with the first ``file:line`` of it where the line itself has none.

    The log comes in pieces, some without the newline at their end: the next sentence then begins with a capital.
    """
    log = re.sub(r"\0(?=[A-Z])", "\n", "\0".join(pieces)).replace("\0", "")
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    if not lines:
        return "CIL does not compile"
    place = _PLACE.search(log)
    where = f" at {place[1] or f'{place[3]}:{place[2]}'}" if place and not _PLACE.search(lines[0]) else ""
    return f"CIL does not compile: {lines[0]}{where}"


def _add(sepol: ctypes.PyDLL, db: ctypes.c_void_p, name: str, text: str, pieces: list[str]) -> None:
    if "\0" in name or "\0" in text:
        raise PolicyError(f"CIL file {name!r} holds a NUL byte; give text")
    try:
        path, data = name.encode("utf-8"), text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise PolicyError(f"CIL file {name!r} is not valid text; give UTF-8") from error
    if sepol.cil_add_file(db, path, data, len(data)):
        raise PolicyError(complaint(pieces))


def _written(sepol: ctypes.PyDLL, policydb: ctypes.c_void_p) -> bytes:
    file = ctypes.c_void_p()
    if sepol.sepol_policy_file_create(ctypes.byref(file)):
        raise MemoryError("sepol_policy_file_create")

    def write(stream: int) -> int:
        sepol.sepol_policy_file_set_fp(file, stream)
        return int(sepol.sepol_policydb_write(policydb, file))

    data = abi.written(write)
    if not data:
        raise PolicyError("the compiled policy cannot be written")
    return data
