"""The local filesystem: its processes, and its state as the observer sees it."""

from __future__ import annotations

import pickle
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from posixdiff.state import Seen
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

    def send(self, command: str, argument: Any = None) -> None:
        assert self._popen.stdin is not None
        pickle.dump((command, argument), self._popen.stdin)
        self._popen.stdin.flush()

    def receive(self) -> Any:
        assert self._popen.stdout is not None
        return pickle.load(self._popen.stdout)

    def ask(self, command: str, argument: Any = None) -> Any:
        self.send(command, argument)
        return self.receive()

    def close(self) -> None:
        with self._popen as popen:
            assert popen.stdin is not None
            popen.stdin.close()
            popen.wait(10)


class Reference:
    """The four tasks and the observer, each a process with `folder` as its root."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o1777)
        with ExitStack() as stack:
            self._all = {OBSERVER: Process(folder, Who(0, 0))}
            self._all |= {name: Process(folder, who) for name, who in TASKS.items()}
            for process in self._all.values():
                stack.callback(process.close)
            self._stack = stack.pop_all()

    def close(self) -> None:
        self._stack.close()

    def reset(self) -> None:
        """Closes what is open, and empties the folder."""
        self._all[OBSERVER].ask("clear")
        for name in TASKS:
            self._all[name].ask("reset", UMASK)

    def begin(self, step: Step) -> None:
        """Starts a step; `outcome` waits for it."""
        self._all[step.task].send("do", (step.name, dict(step.args)))

    def outcome(self, step: Step) -> tuple[str, Any]:
        """("ok", value) or ("error", errno)."""
        found: tuple[str, Any] = self._all[step.task].receive()
        return found

    def begin_state(self, task: str) -> None:
        self._all[OBSERVER].send("snapshot")
        self._all[task].send("held")

    def state(self, task: str) -> dict[str, Seen]:
        """Every path, and what the task has open."""
        found: dict[str, Seen] = self._all[OBSERVER].receive()
        return found | self._all[task].receive()
