"""The local filesystem: its processes, and its state as the observer sees it."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from posixdiff.state import After
from posixdiff.steps import TASKS, UMASK, Step, Who

OBSERVER = "observer"


class Process:
    """One child, and the frames to and from it."""

    def __init__(self, folder: Path, who: Who) -> None:
        groups = ",".join(map(str, who.groups))
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "posixdiff.child", str(folder), str(who.uid), str(who.gid), groups, str(UMASK)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/",
            env={"PYTHONPATH": str(Path(__file__).parent.parent), "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip

    def ask(self, command: str, argument: Any = None) -> Any:
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        pickle.dump((command, argument), self._popen.stdin)
        self._popen.stdin.flush()
        return pickle.load(self._popen.stdout)

    def close(self) -> None:
        with self._popen as popen:
            assert popen.stdin is not None
            popen.stdin.close()
            popen.wait(10)


class Reference:
    """The four tasks and the observer, each a process with `folder` as its root."""

    def __init__(self, folder: Path) -> None:
        with ExitStack() as stack:
            self._all = {OBSERVER: Process(folder, Who(0, 0))}
            self._all |= {name: Process(folder, who) for name, who in TASKS.items()}
            for process in self._all.values():
                stack.callback(process.close)
            self._stack = stack.pop_all()

    def close(self) -> None:
        self._stack.close()

    def run(self, steps: Sequence[Step]) -> list[After]:
        """The state at the beginning, with nothing in the folder, and what came of each step."""
        self._all[OBSERVER].ask("clear")
        for name in TASKS:
            self._all[name].ask("reset", UMASK)
        begin = After(("ok", None), self._all[OBSERVER].ask("snapshot"))
        return [begin, *map(self._after, steps)]

    def _after(self, step: Step) -> After:
        outcome, held = self._all[step.task].ask("do", (step.name, dict(step.args)))
        return After(outcome, self._all[OBSERVER].ask("snapshot") | held)
