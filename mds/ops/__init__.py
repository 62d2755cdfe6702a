"""The handlers of the service Mds, by family.

In reading order:
  base       what a handler has: the MDT
  session    connect, get_root, statfs
  namespace  lookup, mkdir, mknod, symlink, readlink, link, unlink, rmdir
  rename     rename
  attr       getattr, setattr
  xattr      getxattr, setxattr, removexattr, listxattr
  label      setxattr of a label: prepare, tell the OSTs, check again and store
  open       open
  close      close
  readdir    readdir
  fcntl      fcntl
  ioctl      ioctl
  file       lock, mmap, watch

Each takes its locks, then checks and writes in one step of the store, then waits for that to be durable.
"""

from mds.ops.attr import Attr
from mds.ops.close import Close
from mds.ops.file import File
from mds.ops.namespace import Namespace
from mds.ops.readdir import Readdir
from mds.ops.rename import Rename
from mds.ops.session import Session
from mds.ops.xattr import Xattr


class Ops(Session, Namespace, Rename, Attr, Xattr, File, Close, Readdir):
    """All of them, as the service is bound."""
