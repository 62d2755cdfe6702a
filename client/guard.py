"""The client's own LSM on one call of a task: the same VFS steps as on the servers, asked before an rpc is sent.

It only ever adds a refusal: what the servers decide is theirs. On a mount without it, nothing here asks anything.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import Any

from client.entry import Entry, decoded
from labelproof.v1 import context_pb2, mds_pb2
from lsm import Mediator, Obj, dac, file_class, vfs
from lsm.hooks import Opened


class Guard:
    """The checks of one call. `modules` maps the xattr of each enabled module to the module's name.

    `opened_by`: the labels of who opened the file that the call is about, if that was somebody else.
    """

    def __init__(
        self, mediator: Mediator | None, modules: Mapping[str, str], fs: Obj | None,
        opened_by: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self._mediator = mediator
        self._modules = modules
        self._fs = fs
        self._opened_by = opened_by

    @property
    def on(self) -> bool:
        return self._mediator is not None

    def check(self, op: str, **p: Any) -> None:
        """The steps of `op` in lsm.vfs.OPS; an Entry becomes the object of its role. Raises as lsm.vfs.run."""
        if self._mediator is not None:
            objects = {role: self._obj(role, value) for role, value in p.items()}
            vfs.run(op, self._mediator, fs=self._fs, **objects)

    def named(self, op: str, parent: Entry, name: bytes, entry: Entry | None, **p: Any) -> None:
        """As check, on `object` by its name in `parent`; `entry` None: the name is free."""
        if self._mediator is not None:
            obj = entry.obj("object", self._modules, name) if entry else None
            self.check(op, parent=parent, object=obj, what=decoded(name), **p)

    def making(
        self, op: str, parent: Entry, name: bytes, mode: int, *, exists: bool, rdev: int = 0, role: str = "parent"
    ) -> mds_pb2.Claim | None:
        """The steps that make a new object in `parent`, and the label computed for it; None when off, or without."""
        if self._mediator is None:
            return None
        new = Obj("new", file_class(mode), mode=mode, name=decoded(name), rdev=rdev)
        self.check(op, **{role: parent}, new=new, exists=exists, what=decoded(name))
        labels = self._mediator.labels("inode_init_security", parent.obj(role, self._modules), new)
        return self._claim(labels)

    def opened_new(self, claim: mds_pb2.Claim | None, name: bytes, mode: int, flags: int) -> None:
        """file_open of what is about to be created, under the label claimed for it."""
        if self._mediator is not None:
            labels = {self._modules[claim.label.name]: claim.label.value.decode()} if claim else {}
            subject = self._mediator.subject
            new = Obj("object", file_class(mode), labels, 0, subject.uid, subject.gid, mode, None, decoded(name))
            self.check("open_new", object=new, mask=dac.file_mask(flags))

    def opening(self, parent: Entry, name: bytes, entry: Entry, flags: int) -> None:
        """The steps of opening what is there, O_TRUNC included."""
        # Whether a fifo has a reader only the server knows.
        self.named("open", parent, name, entry, flags=flags, mask=dac.file_mask(flags), readers=1)
        if self._mediator is not None and flags & os.O_TRUNC and stat.S_ISREG(entry.mode):
            attrs = frozenset({"size", "file", "open"})
            self._mediator.check("inode_setattr", self._obj("object", entry), attrs)

    def file(self, entry: Entry, mask: int, opened: Opened) -> None:
        """An access through an open file."""
        self.check("file", object=entry, mask=mask, opened=opened)

    def mapping(self, op: str, entry: Entry, flags: int, prot: int, *, shared: bool, dirtied: bool) -> None:
        """A mapping of an open file."""
        self.check(op, object=entry, prot=prot, shared=shared, dirtied=dirtied, mask=dac.file_mask(flags))

    def _obj(self, role: str, value: Any) -> Any:
        if not isinstance(value, Entry):
            return value
        obj = value.obj(role, self._modules)
        return obj if self._opened_by is None else obj._replace(opener=self._opened_by)

    def _claim(self, labels: Mapping[str, str]) -> mds_pb2.Claim | None:
        """The label of the first module that keeps one in an xattr."""
        for xattr, module in self._modules.items():
            if module in labels:
                return mds_pb2.Claim(label=context_pb2.Label(name=xattr, value=labels[module].encode()))
        return None
