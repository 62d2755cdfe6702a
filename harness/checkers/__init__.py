"""The judges: incremental checkers over a run's history, each with its own rule.

In reading order:
    verdict      Finding, Verdict, merge; Checker, what every judge below is
    judge        CHECKERS, the causal order, Judge for slices, judge() and summary() for whole histories
    propagation  labels: stored, copied, told; `promises` what an answer says is done
    mediation    decisions and hooks; `decisions` recomputes one, `about` says what it is really about,
                 `methods` which checks an rpc owes, `openers` who opened a descriptor, `earned` what an answer needs,
                 `privileges` what a capability makes up for
    identity     subjects and walk tickets
    audit        AVC lines
    counts       the numbers of what was judged

Imports `harness.model` and the standard library; nothing of the cluster's.
"""

from harness.checkers.judge import CHECKERS, Judge, causal, judge, summary
from harness.checkers.verdict import Checker, Finding, Verdict, merge

__all__ = ["CHECKERS", "Checker", "Finding", "Judge", "Verdict", "causal", "judge", "merge", "summary"]
