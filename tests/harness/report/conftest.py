"""A headless Chromium, driven over a pipe by its DevTools protocol, and a recorded run made by hand."""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from harness import report
from harness.results import Checker, Judged, Results, Test
from harness.store import Run

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ANSWER_S_MAX = 30.0
# The protocol's pipe is file descriptors 3 and 4 of the browser.
LAUNCH = """
import fcntl, os, sys
for place, fd in enumerate([fcntl.fcntl(int(fd), fcntl.F_DUPFD, 10) for fd in sys.argv[1:3]], 3):
    os.dup2(fd, place)
os.execvp(sys.argv[3], sys.argv[3:])
"""
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27}


class Browser:
    """One process; `open` gives a page with its own list of what it said, threw and asked the network for."""

    def __init__(self, folder: Path) -> None:
        read, self._commands = os.pipe()
        self._answers, write = os.pipe()
        command = [
            CHROMIUM or "", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--remote-debugging-pipe", f"--user-data-dir={folder}", "--no-first-run", "--disable-extensions",
            "--disable-background-networking", "about:blank",
        ]  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, str(read), str(write), *command],
            pass_fds=(read, write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(read)
        os.close(write)
        self._ids, self._buffer, self.events = count(1), b"", []

    def ask(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """The answer to one command; what happens meanwhile is kept in `events`."""
        number = next(self._ids)
        message = {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != number:
            self.events.append(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def open(self, path: Path, *, dark: bool = False, script: bool = True) -> "Page":
        target = self.ask("Target.createTarget", url="about:blank", width=1280, height=1000, newWindow=True)["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.ask(f"{domain}.enable")
        page.ask("Emulation.setScriptExecutionDisabled", value=not script)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.ask("Emulation.setEmulatedMedia", features=[scheme])
        page.ask("Page.navigate", url=path.as_uri())
        page.until("document.readyState === 'complete' && location.protocol === 'file:'")
        return page

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        os.close(self._commands)
        os.close(self._answers)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            if not select.select([self._answers], [], [], ANSWER_S_MAX)[0]:
                raise TimeoutError("the browser does not answer")
            chunk = os.read(self._answers, 1 << 20)
            if not chunk:
                raise EOFError("the browser has gone")
            self._buffer += chunk
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)


class Page:
    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        return self._browser.ask(method, self._session, **params)

    def value(self, expression: str) -> Any:
        """What a JavaScript expression is, as JSON."""
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(str(found["exceptionDetails"]))
        return found["result"].get("value")

    def until(self, expression: str) -> None:
        """Waits until it is true."""
        end = time.monotonic() + ANSWER_S_MAX
        while not self.value(expression):
            if time.monotonic() > end:
                raise TimeoutError(f"never true: {expression}")

    def press(self, key: str) -> None:
        code = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key]}
        text = {"text": "\r"} if key == "Enter" else {}
        self.ask("Input.dispatchKeyEvent", type="keyDown", **code, **text)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **code)

    def type(self, text: str) -> None:
        self.ask("Input.insertText", text=text)

    def picture(self) -> bytes:
        return base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"])

    def said(self, *methods: str) -> list[dict[str, Any]]:
        """The parameters of the events of these kinds so far."""
        self.value("1")
        mine = (event for event in self._browser.events if event.get("sessionId") == self._session)
        return [event["params"] for event in mine if event["method"] in methods]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no chromium here; apt-get install chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        found = Browser(Path(folder))
        yield found
        found.close()


HOSTILE = "<script>alert(1)</script>\"'&\udcff"
USER, HOME, SECRET = "user_u:user_r:user_t:s0", "user_u:object_r:home_t:s0", "user_u:object_r:secret_t:s0"
DIR = "[0x200000400:0x1:0x0]"


class Recorder:
    """Writes the history of harness, client0 and mds0 as nodes do: an operation is a few lines."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, list[dict[str, Any]]] = {}
        self.clock = 0
        self.ops = 0
        for node, role in (("harness", "harness"), ("client0", "client"), ("mds0", "mds")):
            self.event(node, "run", schema=1, role=role)
            self.event(node, "subject", id="s1", labels={"selinux": USER})
        self.event("client0", "task", task="t1", phase="login", subject="s1")

    def event(self, node: str, kind: str, **fields: Any) -> dict[str, Any]:
        lines = self.files.setdefault(node, [])
        self.clock += 1
        event = {"e": kind, "n": node, "i": len(lines), "c": self.clock, "t": self.clock * 1000} | fields
        lines.append(event)
        return event

    def op(
        self,
        test: str,
        f: str,
        path: str,
        *,
        fid: str = DIR,
        denied: bool = False,
        lost: bool = False,
        decisions: int = 1,
    ) -> dict[str, Any]:
        """One operation with one rpc and its decisions; gives the last."""
        self.ops += 1
        op, rpc, end = f"op{self.ops}", f"client0:{self.ops}", 13 if denied else 0
        ends = {"op": op, "rpc": rpc, "from": "client0", "to": "mds0", "method": f"Mds/{f.title()}", "subject": "s1"}
        self.event("harness", "op", op=op, test=test, phase="invoke", client="client0", task="t1", f=f,
                   args={"path": path})  # fmt: skip
        self.event("client0", "rpc", phase="send", **ends)
        if lost:
            self.event("harness", "op", op=op, test=test, phase="info", errno=110, message="no answer")
            return {}
        self.event("mds0", "rpc", phase="recv", place={"parent": fid, "name": path.rpartition("/")[2]}, **ends)
        for _ in range(decisions):
            decision = self.event(
                "mds0", "avc", rpc=rpc, op=op, vantage="server", hook=f"inode_{f}", module="selinux", role="parent",
                object=fid, name="", requested=["search", "write"], denied=["write"] if denied else [], scontext=USER,
                tcontext=SECRET if denied else HOME, tclass="dir", allowed=not denied, reason="te" if denied else "",
                permissive=False,
            )  # fmt: skip
        self.event("mds0", "rpc", phase="reply", status=end, **ends)
        self.event("client0", "rpc", phase="done", status=end, **ends)
        self.event("harness", "op", op=op, test=test, phase="fail" if denied else "ok", errno=end, ret=None)
        return decision

    def label(self, fid: str, new: str, name: str = "d", parent: str | None = None) -> dict[str, Any]:
        return self.event("mds0", "label", object=fid, role="mdt", target="mds0", name="security.selinux", old=None,
                          new=new, version=1, why="inherit", parent=parent, rpc=None, **{"as": name})  # fmt: skip

    def write(self) -> Run:
        (self.folder / "history").mkdir(parents=True)
        for node, events in self.files.items():
            text = "".join(json.dumps(event) + "\n" for event in events)
            (self.folder / "history" / f"{node}.jsonl").write_text(text)
        return Run(self.folder)


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path / "20260101T000000Z-abcdef")


def results(*tests: Test, checkers: tuple[Checker, ...] = (), verdict: Any = "fail", reason: str = "why") -> Results:
    return Results(
        verdict=verdict, reason=reason, tests=tests, judged=Judged(operations=12345, denials_with_control=77),
        checkers=checkers, wall_s=12.0, ready_s=0.75, versions={"labelproof": "0.1.0", "libsepol": None}, policy=None,
        seed=99, runtime="processes", started="2026-01-01T00:00:00+00:00",
    )  # fmt: skip


@pytest.fixture(name="results")
def _results() -> Callable[..., Results]:
    return results


@pytest.fixture(scope="session")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Results]:
    """337 tests with 36 decisions each, as an ordinary run has; two of them fail, one about a hostile name."""
    recorder = Recorder(tmp_path_factory.mktemp("ordinary") / "20260101T000000Z-abcdef")
    names = [f"suite{number % 3}.py::test_operation[case-{number}]" for number in range(335)]
    recorder.label(DIR, HOME, "d")
    for number, name in enumerate(names):
        for place in range(8):
            path, hook = f"/d/{number}/{place}", "mkdir" if place % 2 and number % 3 else "stat"
            recorder.op(name, hook, path, denied=place % 5 == 0, decisions=4 + place % 2)
    broken = [f"bad.py::test_name[{HOSTILE[:-1]}]", "bad.py::test_assertion"]
    for name in broken:
        for place in range(4):
            culprit = recorder.op(name, "mkdir", f"/d/{HOSTILE}{place}", denied=place == 2)
    recorder.op(broken[1], "rename", "/d/lost", lost=True)
    told = Checker("mediation", "invalid", f"allowed <b>{HOSTILE}", ({"n": "mds0", "i": culprit["i"]},), HOME, SECRET)
    tests = [Test(name, name.partition(".")[0], "PASS", "", 0.1) for name in names]
    tests += [Test(name, "bad", "FAIL", f"mediation: <b>{HOSTILE}", 0.2) for name in broken]
    return recorder.write(), results(*tests, checkers=(told,), reason="mediation: <b> is not escaped")


@pytest.fixture(scope="session")
def ordinary_page(ordinary: tuple[Run, Results]) -> str:
    run, found = ordinary
    return report.render(found, run, "labelproof run --seed 99")
