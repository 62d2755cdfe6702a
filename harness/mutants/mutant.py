"""What a planted bug is: a behaviour of one node changed for a while, and who has to notice."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from harness.clusters import Cluster


class Notice(NamedTuple):
    """A finding by which a bug is caught: the checker's name and the kind of its finding."""

    checker: str
    kind: str


class Mutant(Protocol):
    """One bug. Made without effect; `plant` changes the node of its field `node` through a seam, and nothing else."""

    @property
    def name(self) -> str:
        """Its name, the only one of that name in MUTANTS."""
        ...

    @property
    def ticket(self) -> str:
        """The real bug that it stands for: ticket, CVE or commit, and what went wrong there."""
        ...

    @property
    def rule(self) -> str:
        """The rule that it breaks, one sentence with its source."""
        ...

    @property
    def noticed_by(self) -> tuple[Notice, ...]:
        """The findings that catch it. All are of one checker: the others have nothing to say against it."""
        ...

    def available(self, cluster: Cluster) -> str | None:
        """None, or the sentence that says why it cannot be planted in this cluster."""
        ...

    def plant(self, cluster: Cluster) -> AbstractContextManager[None]:
        """The node has the bug inside the `with`, and behaves as before after it.

        LookupError where `available` gives a reason. No call may be under way as it begins and as it ends; a node
        that is restarted meanwhile comes back without the bug.
        """
        ...
