"""What every op of the OSS works with: the store, the object files, and the history's label event."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping

from host.node import Node
from host.store import Store, Txn
from host.stripes import OBJECT_BYTES_MAX
from lsm import Obj
from oss import objects
from oss.files import Files
from oss.objects import Object
from rpc import Call


def check_end(end: int) -> None:
    """OSError(EFBIG) for bytes beyond what an object may hold."""
    if end > OBJECT_BYTES_MAX:
        raise OSError(errno.EFBIG, f"{os.strerror(errno.EFBIG)}: an object ends at {OBJECT_BYTES_MAX}")


class Ost:
    """The state of one object-storage target."""

    def __init__(self, node: Node, store: Store, files: Files) -> None:
        self.node = node
        self.store = store
        self.files = files
        self.fs = Obj("fs", "filesystem")
        store.before_commit(files.sync)

    @property
    def modules(self) -> Mapping[str, str]:
        """The xattrs of labels -> the modules that keep them there, in call order."""
        return self.node.framework.kept

    def policy_changed(self) -> None:
        """The superblock's label is the policy's to give."""
        self.fs = self.node.superblock()

    def object_or(self, txn: Txn, told: Object) -> tuple[Object, bool]:
        """The object as stored, else as `told`, which may know a later mode and owner; whether it is stored."""
        found = objects.get(txn, told.fid, told.stripe)
        return (told, False) if found is None else (found.told(told), True)

    def record_labels(self, call: Call, o: Object, old: Mapping[str, bytes], why: str) -> None:
        """A `label` event for each label that the object has now; inside the step, whose transno is the next one."""
        for name, value in o.labels.items():
            call.batch.label(
                o.fid, role="ost", target=self.node.name, name=name, old=old.get(name), new=value,
                version=o.label_version, why=why, tclass="file", mode=o.mode, subject=call.behalf or call.subject,
                rpc=call.rpc, transno=self.store.transno + 1, stripe=o.stripe,
            )  # fmt: skip


def check(call: Call, hook: str, *args: object) -> None:
    """Asks for the calling server itself, then for whom it acts."""
    call.lsm.check(hook, *args)
    if call.lsm_behalf is not None:
        call.lsm_behalf.check(hook, *args)
