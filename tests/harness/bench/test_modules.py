"""What the benchmark of modules and hooks compares is what it says it is."""

from __future__ import annotations

import re
from typing import cast

from harness.bench import modules
from harness.bench.bench import Bench
from harness.bench.clusters import Clusters
from harness.bench.measure import Effort
from lsm import Mediator, Subject


def test_each_operation_is_held_beside_more_modules_and_more_hooks():
    rows = list(modules.run(Bench(cast(Clusters, None), Effort(rounds=1, turn_s=0.001))))
    cases = [row.case for row in rows]
    for op in ("stat", "open", "create"):
        assert [re.sub(r"\d+ hooks", "N hooks", case) for case in cases if case.startswith(op)] == [
            f"{op}, SELinux", f"{op}, 1 more", f"{op}, 3 more", f"{op}, N hooks not called", f"{op}, 1 hook more",
            f"{op}, all hooks",
        ]  # fmt: skip
    assert all(row.ratios for row in rows)


def test_a_module_answers_the_hooks_that_it_registers_for_and_no_other():
    server = modules.security_server()
    steps = modules.operations(Mediator(modules.framework(server), Subject(0, 0)))["stat"]

    def decisions(*hooks: str) -> int:
        return sum(len(mediator.decisions) for mediator in modules.mediated(modules.framework(server, hooks), steps))

    assert decisions("inode_mkdir", "inode_rename") == decisions()
    assert decisions("inode_getattr") == decisions() + 1
    assert decisions("inode_permission") == decisions() + 2
