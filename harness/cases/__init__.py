"""Label tests in YAML, `*.labels.yaml`: who does what to which object, and what labels and decisions come of it.

In reading order:
    values      what a file says: Case, Subject, Object, Step and what is expected
    operations  the system calls that a step may make, each with its arguments, read off the task's own methods
    nodes       a place in a YAML file, so that everything wrong can be told with its line
    words       what a word of the file stands for: contexts and their names, numbers, paths
    read        a file -> a Case; steps: the part of it that acts and expects
    runner      a Case on a cluster, in a directory of its own
    layout      logging subjects in, making the objects
    looking     labels as the clients see them and as the servers store them
    deciding    decisions: those expected, those that were made, and the one that denied
    item        the file as a pytest module, which `labelproof.plugin` hands over
    schema      the JSON Schema for editors

docs/cases.md explains the files to those who write them.
"""
