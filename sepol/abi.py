"""The exported C interface of libsepol.so.2, 3.4 and later, as ctypes signatures (libsepol/src/libsepol.map.in)."""

import ctypes
import os
from collections.abc import Callable
from ctypes import POINTER, c_char_p, c_int, c_size_t, c_uint, c_uint16, c_uint32, c_void_p
from functools import cache
from typing import Any

SONAME = "libsepol.so.2"
OVERRIDE = "LABELPROOF_LIBSEPOL"
VERSION_MIN = "3.4"


class AvDecision(ctypes.Structure):
    """struct sepol_av_decision: bit i of each vector is permission i of the class."""

    _fields_ = [(name, c_uint32) for name in ("allowed", "decided", "auditallow", "auditdeny", "seqno")]


class _DlInfo(ctypes.Structure):
    _fields_ = [("fname", c_char_p), ("fbase", c_void_p), ("sname", c_char_p), ("saddr", c_void_p)]


BoolCallback = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p)
LogCallback = ctypes.CFUNCTYPE(None, c_int, c_char_p)
# Of a handle's messages, up to the format, after which the arguments of printf follow: they are left where they are.
MessageCallback = ctypes.CFUNCTYPE(None, c_void_p, c_void_p, c_char_p)

Signatures = dict[str, tuple[Any, list[Any]]]

_OUT = POINTER(c_void_p)
_AV_ARGUMENTS = [c_uint32, c_uint32, c_uint16, c_uint32, POINTER(AvDecision)]

_LIBC: Signatures = {
    "fmemopen": (c_void_p, [c_void_p, c_size_t, c_char_p]),
    "open_memstream": (c_void_p, [_OUT, POINTER(c_size_t)]),
    "fclose": (c_int, [c_void_p]),
    "free": (None, [c_void_p]),
    "prctl": (c_int, [c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong]),
}
_LIBSEPOL: Signatures = {
    "sepol_debug": (None, [c_int]),
    "sepol_policy_kern_vers_min": (c_int, []),
    "sepol_policy_kern_vers_max": (c_int, []),
    # policies as handles: re-entrant, no leak
    "sepol_handle_create": (c_void_p, []),
    "sepol_msg_set_callback": (None, [c_void_p, c_void_p, c_void_p]),
    "sepol_policydb_create": (c_int, [_OUT]),
    "sepol_policydb_free": (None, [c_void_p]),
    "sepol_policydb_read": (c_int, [c_void_p, c_void_p]),
    "sepol_policydb_write": (c_int, [c_void_p, c_void_p]),
    "sepol_policy_file_create": (c_int, [_OUT]),
    "sepol_policy_file_free": (None, [c_void_p]),
    "sepol_policy_file_set_mem": (None, [c_void_p, c_void_p, c_size_t]),
    "sepol_policy_file_set_fp": (None, [c_void_p, c_void_p]),
    "sepol_policy_file_set_handle": (None, [c_void_p, c_void_p]),
    "sepol_kernel_policydb_to_cil": (c_int, [c_void_p, c_void_p]),
    "sepol_bool_key_create": (c_int, [c_void_p, c_char_p, _OUT]),
    "sepol_bool_key_free": (None, [c_void_p]),
    "sepol_bool_query": (c_int, [c_void_p, c_void_p, c_void_p, _OUT]),
    "sepol_bool_set": (c_int, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "sepol_bool_set_value": (None, [c_void_p, c_int]),
    "sepol_bool_get_value": (c_int, [c_void_p]),
    "sepol_bool_get_name": (c_char_p, [c_void_p]),
    "sepol_bool_free": (None, [c_void_p]),
    "sepol_bool_iterate": (c_int, [c_void_p, c_void_p, BoolCallback, c_void_p]),
    # the security server: one policy, static and global
    "sepol_set_policydb_from_file": (c_int, [c_void_p]),
    "sepol_context_to_sid": (c_int, [c_char_p, c_size_t, POINTER(c_uint32)]),
    "sepol_compute_av": (c_int, _AV_ARGUMENTS),
    "sepol_compute_av_reason_buffer": (c_int, [*_AV_ARGUMENTS, POINTER(c_uint), _OUT, c_uint]),
    "sepol_validate_transition_reason_buffer": (c_int, [c_uint32, c_uint32, c_uint32, c_uint16, _OUT, c_uint]),
    "sepol_string_to_security_class": (c_int, [c_char_p, POINTER(c_uint16)]),
    "sepol_string_to_av_perm": (c_int, [c_uint16, c_char_p, POINTER(c_uint32)]),
    # CIL
    "cil_db_init": (None, [_OUT]),
    "cil_db_destroy": (None, [_OUT]),
    "cil_add_file": (c_int, [c_void_p, c_char_p, c_char_p, c_size_t]),
    "cil_compile": (c_int, [c_void_p]),
    "cil_build_policydb": (c_int, [c_void_p, _OUT]),
    "cil_set_log_level": (None, [c_int]),
    "cil_set_log_handler": (None, [c_void_p]),
    "cil_set_policy_version": (None, [c_void_p, c_int]),
    "cil_set_target_platform": (None, [c_void_p, c_int]),
}
# Functions that appeared with a version: the library does not tell its own.
_APPEARED = (("sepol_kernel_policydb_decls_to_cil", "3.11"), ("cil_write_post_ast", "3.6"))


def soname() -> str:
    """What to open: $LABELPROOF_LIBSEPOL (a name or a path), or the usual name."""
    return os.environ.get(OVERRIDE) or SONAME


@cache
def libc() -> ctypes.PyDLL:
    """The C library's few functions for files in memory, and prctl."""
    return _bind(ctypes.PyDLL(None, use_errno=True), _LIBC)


@cache
def libsepol() -> ctypes.PyDLL:
    """libsepol, silenced. PyDLL holds the GIL: the callbacks need it, and a child has one thread anyway."""
    library = _bind(ctypes.PyDLL(soname()), _LIBSEPOL)
    library.sepol_debug(0)
    return library


@cache
def problem(name: str) -> str | None:
    """Why the library of that name cannot be used, or None. Opens it, which runs nothing of it."""
    remedy = f"install the package libsepol2 (version {VERSION_MIN} or newer) or set {OVERRIDE} to its path"
    try:
        library = ctypes.PyDLL(name)
    except (OSError, ValueError) as error:
        return f"libsepol >= {VERSION_MIN} is needed and {name} cannot be opened ({error}); {remedy}"
    absent = [function for function in _LIBSEPOL if not hasattr(library, function)]
    if absent:
        return (
            f"libsepol >= {VERSION_MIN} is needed and {name} is too old or another library (no {absent[0]}); {remedy}"
        )
    return None


@cache
def describe(name: str) -> str:
    """Path and what can be known of the version: ``/usr/lib/libsepol.so.2 (>= 3.4, policy versions 15-33)``."""
    library = _bind(ctypes.PyDLL(name), _LIBSEPOL)
    version = next((since for function, since in _APPEARED if hasattr(library, function)), VERSION_MIN)
    low, high = library.sepol_policy_kern_vers_min(), library.sepol_policy_kern_vers_max()
    return f"{_path_of(library)} (>= {version}, policy versions {low}-{high})"


def written(write: Callable[[int], int]) -> bytes | None:
    """What ``write(FILE *)`` wrote, or None where it returned non-zero."""
    text, size = c_void_p(), c_size_t()
    stream = libc().open_memstream(ctypes.byref(text), ctypes.byref(size))
    if not stream:
        raise MemoryError("open_memstream")
    failed = write(stream)
    libc().fclose(stream)
    data = ctypes.string_at(text, size.value) if text.value else b""
    libc().free(text)
    return None if failed else data


def take_string(pointer: c_void_p) -> str:
    """A C string that the caller owns, freed; empty for NULL."""
    if not pointer.value:
        return ""
    text = ctypes.string_at(pointer.value).decode("utf-8", "replace")
    libc().free(pointer)
    return text


def _path_of(library: ctypes.PyDLL) -> str:
    dladdr = ctypes.PyDLL(None).dladdr
    dladdr.argtypes = [c_void_p, POINTER(_DlInfo)]
    info = _DlInfo()
    dladdr(ctypes.cast(library.sepol_compute_av, c_void_p), ctypes.byref(info))
    return os.path.realpath(os.fsdecode(info.fname)) if info.fname else str(library._name)


def _bind(library: ctypes.PyDLL, signatures: Signatures) -> ctypes.PyDLL:
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
