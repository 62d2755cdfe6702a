"""The handlers of the service Oss, by family.

In reading order:
  base     what a handler has: the OST
  session  connect
  data     read, write, fallocate: for a token
  server   set_label, setattr, punch, glimpse, destroy: from an MDS, which acts for somebody

Each takes its locks, then checks and writes in one step of the store, then waits for that to be durable.
"""

from oss.ops.data import Data
from oss.ops.server import FromMds
from oss.ops.session import Session


class Ops(Session, Data, FromMds):
    """All of them, as the service is bound."""
