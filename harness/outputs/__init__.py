"""A recorded run in the forms that CI systems read. Nothing is judged here: all is told of what a run leaves.

In reading order:
    told      what is wrong in a run, each thing with its place, and what led there
    way       what led there, step by step: operation, rpc, decision, label
    text      names and labels from the wire, made harmless for each form
    sarif     SARIF 2.1.0, with the way as a code flow
    markdown  a summary for people; mermaid: the way as a sequence diagram in it
    github    annotations and the step summary of a GitHub workflow
    junit     JUnit XML, one test suite a suite
    formats   the forms by name

docs/ci.md shows how to use them.
"""
