"""Cases that were run on a real kernel, run again on a cluster, and compared step by step.

In reading order:
    folder    a folder of cases: policy, cases, what the kernel did; families, which restrict a replay
    stage     what the cases' own administrator does: laying objects out, steps "by runner", the walk afterwards
    actor     who performs the steps: a task with what it has open
    files, attrs, owntask   the grammar of steps: op -> what a task of the cluster does for it
    grammar   those three as one table, and which ops no cluster has
    replay    every case on one cluster -> what was observed
    checks    decisions as the kernel's audit log tells them, and when two of them are the same
    compare   what was observed against what the kernel did -> differences
    known     rules that explain differences, from a file
    report    what a replay came to, as sentences and as JSON

The kernel's answer is the truth: a difference is the cluster's fault until a rule of a known file says otherwise.
"""
