"""What the mediation suite does: a row for each operation on a class, how it is done and which row of the table it is.

    scenario.py    Scenario and Place: what a row says, and what it needs by harness/model/access.py
    opens.py       open with its flags, directories read, access(2)
    names.py       what is made, linked, moved and removed
    attributes.py  stat, chmod and their like; extended attributes, labels and lists
    held.py        what a descriptor is asked once its file has another label; watches
    subjects.py    the mount, the task's own attributes, capabilities that overrule DAC

Rows are generated, by class; no row says which permission is asked. A new operation is one row here.
"""

from __future__ import annotations

from harness.suites.scenarios import attributes, held, names, opens, subjects
from harness.suites.scenarios.scenario import DEVICES, FORMAT, LABEL, Place, Scenario

__all__ = ["DEVICES", "FORMAT", "LABEL", "Place", "Scenario", "scenarios"]


def scenarios() -> list[Scenario]:
    """Every scenario, in the order of the kernel's table; names are unique."""
    return [*subjects.rows(), *opens.rows(), *names.rows(), *attributes.rows(), *held.rows()]
