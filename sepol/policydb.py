"""A policy as a libsepol handle: read, write, print as CIL, booleans. Only for use in a child."""

import ctypes
import struct
from collections.abc import Mapping

from sepol import abi
from sepol.context import encode_name
from sepol.errors import PolicyError

MAGIC_KERNEL = 0xF97CFF8C
MAGIC_MODULE = 0xF97CFF8D
TARGET = b"SE Linux"
_HEADER = struct.Struct(f"<II{len(TARGET)}sI")
_REMEDY = "compile it again, or give an undamaged file"


def version_of(policy: bytes) -> int:
    """The version in a kernel policy's header (libsepol/src/policydb.c, policydb_read). Raises PolicyError for others.

    libsepol itself takes a module for a policy and crashes when asked for a decision.
    """
    if len(policy) < _HEADER.size:
        raise PolicyError(f"{len(policy)} bytes are too few for a policy; {_REMEDY}")
    magic, size, target, version = _HEADER.unpack_from(policy)
    if magic == MAGIC_MODULE:
        raise PolicyError("a policy module, not a kernel policy; link and expand it (semodule_link, semodule_expand)")
    if magic != MAGIC_KERNEL or size != len(TARGET) or target != TARGET:
        raise PolicyError(f"not a binary SELinux policy (magic {magic:#010x}); give one made by secilc or checkpolicy")
    return int(version)


class PolicyDb:
    """One policy read by libsepol. Raises PolicyError for what it refuses."""

    def __init__(self, policy: bytes) -> None:
        self._sepol = abi.libsepol()
        self._handle = self._sepol.sepol_handle_create()
        self._messages: list[str] = []
        self._callback = abi.MessageCallback(lambda _, __, text: self._messages.append((text or b"").decode("ascii")))
        self._sepol.sepol_msg_set_callback(self._handle, ctypes.cast(self._callback, ctypes.c_void_p), None)
        self.version = version_of(policy)
        newest = self._sepol.sepol_policy_kern_vers_max()
        if self.version > newest:
            raise PolicyError(f"has version {self.version}, libsepol reads up to {newest}; compile it for {newest}")
        self._db = ctypes.c_void_p()
        if self._sepol.sepol_policydb_create(ctypes.byref(self._db)):
            raise MemoryError("sepol_policydb_create")
        self._read(policy)

    def cil(self) -> str:
        """The whole policy as flattened CIL text."""
        text = abi.written(lambda stream: int(self._sepol.sepol_kernel_policydb_to_cil(stream, self._db)))
        if not text:
            raise PolicyError(f"libsepol cannot print it as CIL; {_REMEDY}")
        try:
            return text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise PolicyError(f"holds names that are no text; {_REMEDY}") from error

    def binary(self) -> bytes:
        """The policy with its booleans as they are now, in the version it was read in."""
        file = self._file()

        def write(stream: int) -> int:
            self._sepol.sepol_policy_file_set_fp(file, stream)
            return int(self._sepol.sepol_policydb_write(self._db, file))

        data = abi.written(write)
        self._sepol.sepol_policy_file_free(file)
        if not data:
            raise PolicyError(f"libsepol cannot write it; {_REMEDY}")
        return data

    def booleans(self) -> dict[str, bool]:
        """Name to present value."""
        found: dict[str, bool] = {}

        def note(boolean: int, _: int) -> int:
            name = self._sepol.sepol_bool_get_name(boolean).decode("utf-8", "replace")
            found[name] = bool(self._sepol.sepol_bool_get_value(boolean))
            return 0

        self._sepol.sepol_bool_iterate(self._handle, self._db, abi.BoolCallback(note), None)
        return found

    def set_booleans(self, values: Mapping[str, bool]) -> None:
        """Set all or none. Raises KeyError for a name that the policy does not have."""
        known = self.booleans()
        for name in values:
            if name not in known or encode_name(name) is None:
                raise KeyError(name)
        for name, value in values.items():
            self._set_boolean(name.encode("ascii"), value)

    def _set_boolean(self, name: bytes, value: bool) -> None:
        key, boolean = ctypes.c_void_p(), ctypes.c_void_p()
        if self._sepol.sepol_bool_key_create(self._handle, name, ctypes.byref(key)):
            raise MemoryError("sepol_bool_key_create")
        failed = self._sepol.sepol_bool_query(self._handle, self._db, key, ctypes.byref(boolean)) or not boolean.value
        if not failed:
            self._sepol.sepol_bool_set_value(boolean, int(value))
            failed = self._sepol.sepol_bool_set(self._handle, self._db, key, boolean)
            self._sepol.sepol_bool_free(boolean)
        self._sepol.sepol_bool_key_free(key)
        if failed:
            raise PolicyError(f"boolean {name.decode('ascii')} cannot be set; {_REMEDY}")

    def _read(self, policy: bytes) -> None:
        file = self._file()
        memory = ctypes.create_string_buffer(policy, len(policy))
        self._sepol.sepol_policy_file_set_mem(file, ctypes.addressof(memory), len(policy))
        failed = self._sepol.sepol_policydb_read(self._db, file)
        self._sepol.sepol_policy_file_free(file)
        if failed:
            self._sepol.sepol_policydb_free(self._db)
            raise PolicyError(f"libsepol refuses it: {self._complaint()}; {_REMEDY}")

    def _complaint(self) -> str:
        """The first thing that libsepol said, without what it would have named; of most damage it says nothing."""
        said = next((text.partition("%")[0].strip(" :'\"") for text in self._messages if text), "")
        return said or "damaged or truncated"

    def _file(self) -> ctypes.c_void_p:
        file = ctypes.c_void_p()
        if self._sepol.sepol_policy_file_create(ctypes.byref(file)):
            raise MemoryError("sepol_policy_file_create")
        self._sepol.sepol_policy_file_set_handle(file, self._handle)
        return file
