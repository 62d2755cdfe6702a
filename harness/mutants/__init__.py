"""Planted bugs, each one a real bug of a labelled filesystem: what the judges have to catch, and by name.

In reading order:
    mutant   Mutant, what every bug is; Notice, the finding that catches one
    seams    where bugs are planted in a node, and how they are taken out again
    skip_hook, check_after_act, wrong_subject, stale_label,
    no_validatetrans, any_command, forget_opener                mediation
    trust_claim, parent_label, keep_old_label, ost_label        propagation
    foreign_ticket, lost_groups                                 identity
    lost_dontaudit                                              audit

A bug is one file and one line in MUTANTS. Production code knows nothing of them.
"""

from harness.mutants.any_command import AnyCommand
from harness.mutants.check_after_act import CheckAfterAct
from harness.mutants.foreign_ticket import ForeignTicket
from harness.mutants.forget_opener import ForgetOpener
from harness.mutants.keep_old_label import KeepOldLabel
from harness.mutants.lost_dontaudit import LostDontaudit
from harness.mutants.lost_groups import LostGroups
from harness.mutants.mutant import Mutant, Notice
from harness.mutants.no_validatetrans import NoValidatetrans
from harness.mutants.ost_label import OstLabel
from harness.mutants.parent_label import ParentLabel
from harness.mutants.skip_hook import SkipHook
from harness.mutants.stale_label import StaleLabel
from harness.mutants.trust_claim import TrustClaim
from harness.mutants.wrong_subject import WrongSubject

__all__ = ["MUTANTS", "Mutant", "Notice"]

MUTANTS: tuple[Mutant, ...] = (
    SkipHook(),
    SkipHook(counted=False),
    CheckAfterAct(),
    WrongSubject(),
    StaleLabel(),
    NoValidatetrans(),
    AnyCommand(),
    ForgetOpener(),
    TrustClaim(),
    ParentLabel(),
    KeepOldLabel(),
    OstLabel(),
    OstLabel("system_u:object_r:file_t:s0"),
    ForeignTicket(),
    LostGroups(),
    LostDontaudit(),
)
