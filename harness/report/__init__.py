"""report.html: one run as one page that needs nothing else: no network, and nothing beside it.

In reading order:
    book      the values: what a test did, operation by operation
    reading   a cluster's history read into them
    failures  what is wrong, as sentences, with the steps that lead there
    picture   the space-time picture of some operations
    pack      details that are unpacked when somebody opens them
    page      which test shows what, and the room there is for it

The text around is in harness/templates. Everything is made from the recorded run (docs/report.md).
"""

from harness.report.page import Case, Gathered, again, by_suite, gather, render

__all__ = ["Case", "Gathered", "again", "by_suite", "gather", "render"]
