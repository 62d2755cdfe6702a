"""The same sequence of operations on a local filesystem and on a cluster, and what differs between the two.

In reading order:
  steps      a step: who does what; the four tasks
  generate   random sequences from a seed, weighted towards names that exist
  syscalls   a step done by real system calls
  child      a process of the reference: one task there, or the observer
  reference  the local filesystem: its processes, and its state as the observer sees it
  replica    the cluster: its tasks, and its state as the servers store it
  rules      what may differ, each rule with its reason
  compare    a sequence on both, up to the first difference
  shrink     the shortest sequence that still differs (delta debugging)

Nothing of a test's own.
"""
