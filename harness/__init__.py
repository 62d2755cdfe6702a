"""Boots a labelled cluster, runs suites against it, and judges every label and decision.

In reading order:
    spec, policy, policies, profile, subjects, choices   what cluster is wanted, under which policy, who is who in it
    clusters, sim                                        the runtimes, and the simulator beneath one of them
    faults                                               what goes wrong on purpose: started, verified, healed
    containers                                           what compose projects and stacks need: keys, files, the tools
    nodes, tasks, values, calls                          what a test acts on, and system calls as typed by a person
    bench, scale                                         what labels and the history cost; many clients, simulated
    model, checkers                                      the judges, who know nothing of the cluster's code
    mutants                                              planted bugs, each of which a judge has to catch
    history, bulk, judgement, pool                       reading what was recorded; clusters with their judges
    asked, subtree, watch, autopsy, logs                 in pytest: a test's cluster and folder, what goes on around it
    workers                                              how many processes may share the tests
    suites, collector, runner                            the tests, what pytest says of them, one run of all
    cases                                                tests in YAML, for those who write no Python
    results, report, store, recheck                      what a run leaves, where, and judging it again
    outputs                                              a run as SARIF, annotations, Markdown, JUnit: for CI
    compare, why                                         what two runs did differently; denials and labels explained
    oracle                                               cases that a real kernel has run, on a cluster
    policytools                                          policies checked, compared, unit-tested; profiles proposed
    owner                                                folders in the temporary folder, each with a living owner
    settings, doctor, standing, questions, cli           settings, the machine, a cluster that stays and is asked

Nobody imports harness. `model` and `checkers` import of the rest of the tree only sepol; only `clusters` imports roles,
and of them only their apps.
"""
