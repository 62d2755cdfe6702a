"""What ought to be: expectations written from the kernel's rules, never from the servers' code.

In reading order:
    context     SELinux contexts and MLS levels as values: parsing, canonical text
    cil         the few statements of a flattened policy that libsepol exports no function for
    xperms      extended permissions: the commands of ioctl that rules allow, tell and hush
    policy      a policy: decisions by libsepol, transitions and defaults from the CIL text, the state of a node
    labels      the label that a new object, a relabelled one, or one without a label has
    table       the table: operation -> ordered checks, by family
    access      what one operation asks, by the table and its parameters
    descriptors what each task has open, and who opened it
    fs          the tree as the acknowledged operations made it
    truth       the true label of every object, by version
    world       all that a history has told so far: subjects, tasks, ops, rpcs, policies, labels, the tree

Imports `sepol` and the standard library; nothing of the cluster's.
"""
