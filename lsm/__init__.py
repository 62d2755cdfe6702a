"""The LSM framework: mediation of every operation, run by mds, oss, client and host alike.

In reading order:
  objects.py    the values: Subject, Obj, Decision, Denied
  hooks.py      the one table of hooks, by the kernel's families, each with its default
  ioctls.py     the numbers of ioctl(2), which hooks, servers and clients look at
  framework.py  which modules are on and in which order; calls a hook, settles its decisions
  dac.py        owner, mode bits, lists, and the capabilities that override them
  vfs/          the kernel's VFS steps (DAC, structure) and the table operation -> ordered steps
  avc.py        the access vector cache
  acl.py        POSIX access control lists, which DAC honours
  audit.py      a decision as the kernel's own AVC line
  modules/      MODULES in call order: capability, selinux

Pure: no asyncio, no grpc, no protobuf; libsepol only through modules/selinux.
"""

from lsm.framework import Framework, Mediator
from lsm.hooks import Hooks
from lsm.objects import Caps, Decision, Denied, Fid, Obj, Subject, file_class

__all__ = ["Caps", "Decision", "Denied", "Fid", "Framework", "Hooks", "Mediator", "Obj", "Subject", "file_class"]
