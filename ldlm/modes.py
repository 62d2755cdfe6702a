"""Lock modes, and which of them go together (lustre_idl.h; lustre_dlm.h, LCK_COMPAT_EX and its like)."""

from __future__ import annotations

from enum import Enum


class Mode(Enum):
    """A mode by the name that Lustre gives it; the VMS lock manager's six."""

    EX = "exclusive"
    PW = "protected write"
    PR = "protected read"
    CW = "concurrent write"
    CR = "concurrent read"
    NL = "null"


_NL = frozenset({Mode.NL})
_CR = _NL | {Mode.CR}
_COMPATIBLE: dict[Mode, frozenset[Mode]] = {
    Mode.EX: _NL,
    Mode.PW: _CR,
    Mode.PR: _CR | {Mode.PR},
    Mode.CW: _CR | {Mode.CW},
    Mode.CR: _CR | {Mode.CW, Mode.PR, Mode.PW},
    Mode.NL: frozenset(Mode),
}


def compatible(one: Mode, other: Mode) -> bool:
    """Whether locks of both modes may be granted at once on the same bits."""
    return other in _COMPATIBLE[one]


def covers(held: Mode, wanted: Mode) -> bool:
    """Whether `held` shuts out everything that `wanted` does, so that turning it into `wanted` needs nobody's leave."""
    return _COMPATIBLE[held] <= _COMPATIBLE[wanted]
