"""What a failed test carries: each node's log since the test began, the judges' word so far, how to run it again."""

from __future__ import annotations

import os
import shlex

import pytest

from harness import suites
from harness.pool import Member

Section = tuple[str, str]
Property = tuple[str, str]


class Autopsy:
    """One test on one cluster. `again` is the command that runs it again."""

    def __init__(self, member: Member, seed: str, again: str) -> None:
        self._member = member
        self._again = again
        cluster = member.cluster
        policy = cluster.policy
        self._facts = {
            "runtime": cluster.runtime,
            "policy": policy.digest if policy else "none",
            "seed": seed,
            "run": str(cluster.run_dir),
            "decisions": str(member.decisions),
            "verdict": member.verdict.valid,
        }

    def properties(self) -> list[Property]:
        """`labelproof.runtime`, `.policy` (its digest), `.seed`, `.run` (the folder), `.decisions`, `.verdict`."""
        return [(f"labelproof.{name}", value) for name, value in self._facts.items()]

    def sections(self) -> list[Section]:
        """Under titles that begin with `labelproof`, first the cluster, then each node that has said something."""
        logs = ((f"labelproof: log of {name}", text) for name, text in self._member.logs.since())
        return [("labelproof", self._cluster()), *logs]

    def _cluster(self) -> str:
        facts, verdict = self._facts, self._member.verdict
        return "\n".join((
            f"cluster  {facts['runtime']}, policy {facts['policy'][:12]}, seed {facts['seed']}",
            f"judged   {facts['decisions']} decisions of this test",
            f"verdict  {verdict.valid}: {verdict.because}",
            f"history  {facts['run']}",
            f"again    {self._again}",
        ))  # fmt: skip


def again(command: str, item: pytest.Item) -> str:
    """The command with the test in the place of `{}`, as it is named in the working directory: a suite by its name."""
    name = item.path.stem if item.path.parent == suites.FOLDER else os.path.relpath(item.path)
    return command.replace("{}", shlex.quote("::".join([name, *item.nodeid.split("::")[1:]])))
