"""Compiling, validating and flattening a policy, each call in a limited child of its own."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from sepol import frames
from sepol.errors import PolicyError, label
from sepol.process import Child, Died, result_of

# include/sepol/policydb/policydb.h, POLICYDB_VERSION_CONSTRAINT_NAMES, and what kernel_to_cil.c prints without names.
_NAMES_FROM, _NO_NAMES = 29, b" NO_IDENTIFIER"
_BARE_FILE_NAME = re.compile(r'^\(typetransition (\S+) (\S+) (\S+) ([^"\n].*) (\S+)\)$', re.M)


@dataclass(frozen=True, slots=True)
class Flattened:
    """A binary policy as flattened CIL text; ``digest`` is the SHA-256 of the binary in hex, ``size`` its bytes."""

    cil: str
    digest: str
    version: int
    size: int


def compile_cil(files: Mapping[str, str], *, name: str = "policy") -> bytes:
    """File name to CIL text in, binary policy of version 33 out. Raises PolicyError with file and line, Missing."""
    _, policy = _once({"op": "compile", "files": dict(files)}, b"", name)
    return policy


def flatten(policy: bytes, *, name: str = "policy") -> Flattened:
    """Validate a binary policy and print it. Raises PolicyError for what libsepol refuses, dies of, hangs on; Missing.

    File names in type transitions are quoted, which libsepol does only from 3.5 on. Before version 29 a constraint that
    names types keeps the expanded sets only, and libsepol prints none of them: such a policy is refused.
    """
    version, text = _once({"op": "flatten"}, policy, name)
    if isinstance(version, int) and version < _NAMES_FROM and _NO_NAMES in text:
        raise PolicyError(
            f"{label(name)} has version {version}, whose constraints cannot be read back: the names in them are lost;"
            f" compile it from its source for version {_NAMES_FROM} or newer"
        )
    cil = _BARE_FILE_NAME.sub(r'(typetransition \1 \2 \3 "\4" \5)', text.decode("utf-8"))
    assert isinstance(version, int)
    return Flattened(cil, hashlib.sha256(policy).hexdigest(), version, len(policy))


def _once(head: frames.Head, body: bytes, name: str) -> tuple[object, bytes]:
    with Child() as child:
        try:
            reply, data = child.ask(head, body)
        except Died as death:
            raise PolicyError(f"{label(name)}: libsepol {death}; the policy is damaged or far too large") from death
    return result_of(reply, name), data
