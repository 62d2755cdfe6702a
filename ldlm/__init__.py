"""The lock manager: which locks of which clients may stand side by side, and who must be told to let go.

In reading order:
  modes.py      the six modes and Lustre's matrix of which go together
  bits.py       the inode bits: what of an inode a lock covers
  namespace.py  the locks of one server: enqueue, cancel, convert, evict -> grants made and callbacks owed

Sans-io: nothing here waits, sends or knows the time; whoever drives it delivers the Grants and sends the Callbacks.
It imports nothing of ours.
"""

from ldlm.bits import Bits
from ldlm.modes import Mode, compatible
from ldlm.namespace import Callback, Grant, Lock, Namespace, Outcome

__all__ = ["Bits", "Callback", "Grant", "Lock", "Mode", "Namespace", "Outcome", "compatible"]
