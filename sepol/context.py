"""Strict shape of a security context, checked before libsepol sees the text.

libsepol (3.4 to 3.11) crashes on ``<<none>>``, stops at an embedded NUL and accepts a trailing dash. The kernel's
parser (security/selinux/ss/services.c, string_to_context_struct; ss/mls.c, mls_context_to_sid) refuses all three.
"""

import re

CONTEXT_BYTES_MAX = 4096
_NAME = r"[^\s:\x00-\x1f\x7f]+"
_CATEGORIES = r"[^\s:,\x00-\x1f\x7f-]+"
_LEVEL = rf"[^\s:,\x00-\x1f\x7f-]+(?::{_CATEGORIES}(?:,{_CATEGORIES})*)?"
_CONTEXT = re.compile(rf"{_NAME}:{_NAME}:{_NAME}(?::{_LEVEL}(?:-{_LEVEL})?)?")
_IDENTIFIER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.$-]*")


def encode(context: str) -> bytes | None:
    """The bytes of ``user:role:type[:range]``, or None where the text has not that shape. Names are not looked up."""
    if not context.isascii() or len(context) > CONTEXT_BYTES_MAX or not _CONTEXT.fullmatch(context):
        return None
    return context.encode("ascii")


def encode_name(name: str) -> bytes | None:
    """The bytes of a class, permission or boolean name, or None where the text cannot be one."""
    return name.encode("ascii") if name.isascii() and _IDENTIFIER.fullmatch(name) else None
