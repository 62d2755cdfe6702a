"""A run of tests that break nodes, what it has made on this machine, and its end by kill -9 at a moment of chance."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from looking import eventually, in_use, marked, mounted, namespace, of, read

from harness.clusters import engine, reaper

RUNTIMES = ("netns", "docker", "processes")
VICTIMS = ("controller", "worker", "both")
PROGRAMS = ("pytest", "labelproof run")
WORKERS = 2
SPAN_S = 12.0
END_S_MAX = 180.0
TESTS = """\
import time
import pytest
from harness.faults import FAULTS

@pytest.mark.parametrize("n", range(12))
@pytest.mark.parametrize("clients", [pytest.param(c, marks=pytest.mark.labelproof(client=c)) for c in (1, 2)])
def test_broken(labelproof_client, labelproof_cluster, labelproof_dir, clients, n):
    task = labelproof_client.login("system_u:system_r:admin_t:s0-s0:c0.c15", uid=0, caps="all")
    task.mkdir(f"{labelproof_dir}/d")
    faults = [kind("oss0") for kind in FAULTS.values()]
    able = [fault for fault in faults if fault.available(labelproof_cluster) is None]
    with able[(n + 12 * clients) % len(able)].on(labelproof_cluster):
        time.sleep(1.0)  # to be killed in: 24 of them by two workers last as long as SPAN_S, boots not counted

def test_sound(labelproof_client, labelproof_dir):
    labelproof_client.login("system_u:system_r:admin_t:s0-s0:c0.c15", uid=0, caps="all").mkdir(f"{labelproof_dir}/d")
"""


@dataclass(frozen=True)
class Plan:
    """Where the clusters run, who runs them, whom the signal strikes, and when: so many seconds after the start."""

    runtime: str
    program: str
    victim: str
    after_s: float

    @classmethod
    def number(cls, number: int, seed: int) -> "Plan":
        """Each runtime in turn, each with every victim and program in turn."""
        turn = number // len(RUNTIMES)
        chance = random.Random(f"{seed} {number}")
        return cls(
            RUNTIMES[number % len(RUNTIMES)], PROGRAMS[(number + turn) % len(PROGRAMS)],
            VICTIMS[(number + turn) % len(VICTIMS)], chance.uniform(0.0, SPAN_S),
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.runtime}-{self.program}-{self.victim}-{self.after_s:.2f}s"


class Ground:
    """`folder` is the project's, with its store and its temporary folder; `mark` is in every environment."""

    def __init__(self, folder: Path, plan: Plan, mark: str) -> None:
        self.folder, self.plan = folder, plan
        self.mark = f"LABELPROOF_TEST_MARK={mark}"
        self.namespaces: set[str] = set()
        self.bridges: set[str] = set()
        self._name = f"run-{mark}"
        (folder / "t").mkdir()
        (folder / "test_user.py").write_text(TESTS)
        (folder / "labelproof.toml").write_text(f'store = "{folder / "store"}"\n')

    def killed(self) -> None:
        """Starts the run, strikes, and waits for its end; a worker alone is another's to replace."""
        controller = self._begin(self.plan.program, "test_user.py", "-n", str(WORKERS))
        self._until(time.monotonic() + self.plan.after_s, controller)
        self._note_engine()
        workers = self._workers(controller.pid)
        victims = {"controller": [controller.pid], "worker": workers[:1], "both": [*workers[:1], controller.pid]}
        for pid in victims[self.plan.victim] or [controller.pid]:
            os.kill(pid, signal.SIGKILL)
        self._until(time.monotonic() + END_S_MAX, controller)
        assert controller.poll() is not None, "a run whose worker was killed does not end"

    def cleaned(self) -> int:
        """`labelproof prune`, then the next run: its exit code."""
        self._done("labelproof prune")
        return self._done("labelproof run", "test_user.py", "-k", "sound", "--runtime", self.plan.runtime)

    def left(self) -> list[str]:
        """What there still is of all that was made here."""
        found = [f"process {pid} {read(f'/proc/{pid}/cmdline')!r}" for pid in marked(self.mark)]
        found += sorted(self.namespaces & in_use())
        found += mounted(self.folder)
        found += [f"folder {path}" for path in (self.folder / "t").glob("labelproof*")]
        found += [f"{kind} {name}" for kind, _, name in self._on_engine()]
        links = _said("ip", "-o", "link") + _said("tc", "qdisc") + _said("iptables-save")
        return found + [
            line for line in links.splitlines() if any(name in line for name in ("labelproof:", *self.bridges))
        ]

    def end(self) -> None:
        """Whatever went wrong."""
        for pid in marked(self.mark):
            os.kill(pid, signal.SIGKILL)

    def _until(self, deadline: float, controller: subprocess.Popen[bytes]) -> None:
        """Notes what is made until then, or until the run has ended."""
        own = {namespace(os.getpid())}
        while time.monotonic() < deadline and controller.poll() is None:
            self.namespaces |= {namespace(pid) for pid in marked(self.mark)} - own - {""}
            time.sleep(0.1)

    def _note_engine(self) -> None:
        """The namespaces of the containers that there are now, and what the kernel calls their networks."""
        for kind, ident, _ in self._on_engine():
            if kind == "network":
                self.bridges.add(f"br-{ident[:12]}")
            if kind == "container":
                self.namespaces |= {namespace(self._pid(ident))} - {namespace(os.getpid()), ""}

    def _on_engine(self) -> list[tuple[str, str, str]]:
        """Containers, networks and volumes of these runs: kind, id and name."""
        if self.plan.runtime != "docker":
            return []
        runs = [path.name for path in (self.folder / "store" / "runs").glob("*")] + [self._name]
        there = engine.connect()
        try:
            return [one for run in runs for one in reaper.found(there.api, f"{engine.RUN}={run}", bool)]
        finally:
            there.api.close()

    def _pid(self, container: str) -> int:
        told = _said("docker", "inspect", "-f", "{{.State.Pid}}", container)
        return int(told) if told.strip().isdecimal() else 0

    def _workers(self, controller: int) -> list[int]:
        return [pid for pid in of(Path(f"/proc/{controller}")) if b"execnet" in read(f"/proc/{pid}/cmdline")]

    def _begin(self, program: str, *words: str) -> subprocess.Popen[bytes]:
        commands = {"pytest": ["-m", "pytest", "-p", "no:cacheprovider", f"--labelproof-run-dir={self._name}"]}
        verb = program.partition(" ")[2]
        command = commands.get(program, ["-c", "from harness.cli import main; main()", verb])
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "LABELPROOF_"))}
        own = {"TMPDIR": str(self.folder / "t"), "LABELPROOF_RUNTIME": self.plan.runtime}
        with (self.folder / "out").open("ab") as out:
            return subprocess.Popen(
                [sys.executable, "-P", *command, *words], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, env=clean | own | dict([self.mark.split("=")]),
            )  # fmt: skip

    def _done(self, program: str, *words: str) -> int:
        return self._begin(program, *words).wait(END_S_MAX)


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def nothing_left(ground: Ground) -> list[str]:
    """What is left once what ends by itself has had its time."""
    eventually(lambda: not ground.left(), 15.0)
    return ground.left()
