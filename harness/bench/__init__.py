"""Measures what labels cost, each figure a ratio of two things that ran by turns in one run (docs/performance.md).

In reading order:
    command             `python -P -m harness.bench`: the options, and what is printed
    edge                what an error of a measuring command becomes
    plan, bench         the benchmarks by name; what one of them may use, and what it gives
    measure             turns of two or more systems; medians and their spread
    operations          create, stat, open, reads and writes: SELinux against capability only, and against a bare echo
    recording           the same with the history on and off
    avc                 the access vector cache and the Python security server, against libsepol
    modules             a mediated operation against the number of registered modules
    boot, clean         clusters of containers and namespaces: ready, and clean for the next test
    workers             all suites by two workers against one
    judging, tiles      events a second that the checkers judge, and histories of any length to judge
    clusters, driver    clusters whose client node drives load itself; that node's process
    work, tracing       the operations, as the driver runs them; the rpcs that one is made of
    echo, echoing       the process of the bare echo, and the driver's end of it
    machine, store      what it ran on; the files that results are kept in
    table               results for people

A benchmark is one file and one line in BENCHMARKS.
"""
