"""The modules, in call order.

  capability.py  what security/commoncap.c overrides, no more; always on, always first
  selinux/       SELinux over the flattened rules of a compiled policy

A module is one subclass of lsm.hooks.Hooks and one line in MODULES.
"""

from lsm.hooks import Hooks
from lsm.modules.capability import Capability
from lsm.modules.selinux.module import Selinux

MODULES: tuple[type[Hooks], ...] = (Capability, Selinux)
