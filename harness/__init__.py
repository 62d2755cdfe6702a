"""Boots a labelled cluster, runs suites and faults against it, and judges every label and decision."""
