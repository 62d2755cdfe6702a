"""Which row of the table each rpc is, recomputed from what the operation asked for; a reply's own claim is not used.

asked       Way, Asked: what is known of an rpc, and the ways that it may have gone
names       rpcs on names
opened      rpcs that open files, and those on open files
attributes  rpcs on attributes, extended attributes and ACLs, and watches
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.checkers.methods import attributes, names, opened
from harness.checkers.methods.asked import Asked, Method, Way, one
from harness.checkers.methods.attributes import ACLS, SEEKING
from harness.checkers.openers import moved, stranger
from harness.model import access
from harness.model.world import Rpc, World

__all__ = ["ACLS", "SEEKING", "Way", "ways"]


def ways(world: World, rpc: Rpc) -> list[Way]:
    """Every way that the rpc may have gone, given what was asked; none for methods that are not mediated."""
    method = _METHODS.get(rpc.recv["method"])
    return list(dict.fromkeys(method(_asked(world, rpc)))) if method else []


def _asked(world: World, rpc: Rpc) -> Asked:
    op = world.ops.get(rpc.recv.get("op") or "")
    place = rpc.recv.get("place") or {}
    named = place.get("parent") is not None
    fid = world.tree.child(place["parent"], place["name"]) if named else place.get("fid") or (op.about if op else None)
    inode = world.tree.inodes.get(fid or "")
    f, args = (op.invoke["f"], op.invoke.get("args") or {}) if op else ("", {})
    return Asked(f, args, inode.tclass if inode else None, named, rpc, stranger(world, rpc.recv), moved(world, rpc))


def _load(asked: Asked) -> Iterator[Way]:
    yield Way("reload", access.expected("policy_load", "reload"))
    yield Way("boot", ())


_METHODS: dict[str, Method] = {
    **names.METHODS,
    **opened.METHODS,
    **attributes.METHODS,
    "Mds/GetRoot": one("getroot", "mount", walks=False),
    "Mds/Statfs": one("statfs", "statfs", walks=False),
    "Oss/SetLabel": one("ost_setlabel", "relabel", walks=False),
    "Oss/Setattr": one("ost_setattr", "attr", walks=False),
    "Oss/Punch": one("ost_punch", "size", walks=False),
    "Oss/Glimpse": one("ost_glimpse", "size", walks=False),
    "Oss/Destroy": one("ost_destroy", "destroy", walks=False),
    "Admin/LoadPolicy": _load,
    "Admin/SetEnforce": one("setenforce", "set", walks=False),
    "Admin/SetBooleans": one("setbool", "set", walks=False),
}
