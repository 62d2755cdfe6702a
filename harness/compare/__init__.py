"""What a run did, in words that the next run of the same code uses too; and what two runs did differently.

In reading order:
    behaviour    the values: tests, operations, decisions, labels, rpcs, under stable names
    recorded     reading of a run's history what is compared, and no more;  repeated: decisions and replies, each once
    names        stable names: paths for FIDs, subjects for tasks, numbers begun afresh in each test
    races        operations whose outcome depends on who comes first, of which nothing is compared
    normal       a run's history -> Behaviour
    differences  two operations -> what is different, worst first
    known        deviations that somebody has a ticket for, until a date
    baseline     a Behaviour as a file that is committed, with its KNOWN entries
    load         what is named on the command line -> Baseline;  __main__: its second process
    diff         two runs or baselines -> Diff
    render       a Diff as text, JSON, or one offline page

Nothing here needs a cluster or libsepol: a run's folder or a baseline is enough, on whatever machine.
"""

from harness.compare.behaviour import Behaviour
from harness.compare.diff import Diff, compare
from harness.compare.differences import Difference
from harness.compare.normal import of_run

__all__ = ["Behaviour", "Diff", "Difference", "compare", "of_run"]
