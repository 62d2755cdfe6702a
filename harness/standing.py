"""A cluster that stays up between commands: a process of ours keeps it and answers on a Unix socket.

`up` starts the keeper, `python -P -m harness.standing`, in a session of its own; `ask` sends it one question. The
state file `.labelproof/clusters/<name>.json` (mode 0600) says where it listens; the socket lies in the cluster's own
temporary folder. No key ever leaves the keeper: it makes the system calls that `exec` asks for itself.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sepol
from harness import choices, clusters, owner, questions
from harness.clusters import Cluster, ClusterError
from harness.store import Run, Store

ELSEWHERE = "of another machine that uses this store, or of this one before it was started anew"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
ANSWER_S_MAX = 60.0
_BYTES_MAX = 64 << 20

Reply = dict[str, Any]


@dataclass(frozen=True, slots=True)
class State:
    """What the state file says. `start_time` is of the keeper, in clock ticks from boot: a pid may be given again.

    `place`: where its pid means something (owner.place), as a store may be shared.
    """

    name: str
    pid: int
    start_time: int
    socket: str
    run_dir: str
    runtime: str
    policy: str | None
    nodes: dict[str, str]
    place: str

    @property
    def here(self) -> bool:
        """Whether it is for this machine to say if it is alive."""
        return self.place == owner.place()

    @property
    def alive(self) -> bool:
        """Whether its keeper runs."""
        return self.here and owner.runs(self.pid, self.start_time)


def states(home: Store) -> list[State]:
    """Every cluster with a state file, by name; some may have ended."""
    return [_read(path) for path in sorted(home.clusters.glob("*.json"))]


def state(home: Store, name: str) -> State:
    """Raises LookupError where there is no such cluster, or no longer."""
    path = home.clusters / f"{name}.json"
    if not NAME.fullmatch(name) or not path.exists():
        raise LookupError(f"no cluster {name!r} is up; `labelproof cluster up {name}` starts one")
    found = _read(path)
    if not found.here:
        raise LookupError(f"cluster {name!r} is {ELSEWHERE}; ask there, or `labelproof cluster down {name}` forgets it")
    if not found.alive:
        raise LookupError(f"cluster {name!r} has ended by itself, see {found.run_dir}/logs; `labelproof cluster up`")
    return found


def up(home: Store, name: str, runtime: str, policy: str, lsm: str, seed: int, *, profile: str | None = None) -> State:
    """Starts a keeper and returns when its cluster serves.

    Raises FileExistsError where one of that name is up, ValueError for a bad name or setting, ClusterError.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"cluster name {name!r}: give letters, digits, hyphens and underscores, 63 at most")
    for known in states(home):
        if known.name == name and not known.here:
            raise FileExistsError(errno.EEXIST, f"cluster is {ELSEWHERE}; take another name", name)
        if known.name == name and known.alive:
            told = f"cluster is up already, as process {known.pid}; take it down first"
            raise FileExistsError(errno.EEXIST, told, name)
    run = home.create()
    wanted = {
        "name": name, "run_dir": str(run.path.absolute()), "root": str(home.root.absolute()), "runtime": runtime,
        "policy": policy, "profile": profile, "lsm": lsm, "seed": seed,
    }  # fmt: skip
    _ready(_keeper(run), wanted, run)
    return state(home, name)


def ask(found: State, **question: Any) -> Any:
    """The keeper's answer. Raises what it says went wrong: OSError of a system call, ValueError, LookupError."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWER_S_MAX)
        try:
            connection.connect(found.socket)
            connection.sendall(json.dumps(question).encode() + b"\n")
            reply = json.loads(_line(connection))
        except (OSError, ValueError) as error:
            raise ClusterError(f"cluster {found.name!r} does not answer ({error}); see {found.run_dir}/logs") from error
    return _result(reply)


def down(home: Store, name: str) -> Run:
    """Ends the cluster and returns its run, which stays. Raises LookupError where there is none."""
    path = home.clusters / f"{name}.json"
    found = state(home, name) if not path.exists() else _read(path)
    if found.alive:
        with _process(found.pid) as process:
            ask(found, do="down")
            process()
    path.unlink(missing_ok=True)
    return Run(Path(found.run_dir))


def serve(cluster: Cluster, name: str, home: Store, policy: str | None, ready: Callable[[], None]) -> None:
    """Answers questions until one says `down`, or a signal comes; the cluster is still up then."""
    folder = owner.make(name)
    path = home.clusters / f"{name}.json"
    address = folder / "socket"
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(address))
            address.chmod(0o600)
            listener.listen()
            nodes = {node: cluster.nodes[node].address for node in cluster.nodes}
            pid = os.getpid()
            found = State(
                name,
                pid,
                owner.start_time(pid),
                str(address),
                str(cluster.run_dir),
                cluster.runtime,
                policy,
                nodes,
                owner.place(),
            )
            _write(path, found)
            ready()
            while _answer(listener, cluster):
                """Until told to end."""
    finally:
        path.unlink(missing_ok=True)
        owner.remove(folder)


def main() -> None:
    """The keeper: its order on stdin's first line, one line on stdout when the cluster serves or why it cannot."""
    signal.signal(signal.SIGTERM, _interrupt)
    order = json.loads(sys.stdin.readline())
    try:
        cluster = _started(order)
    except Exception as error:  # noqa: BLE001  # whatever it is, who ordered the cluster is told, in one line
        _tell({"error": _named(error), "errno": getattr(error, "errno", None), "text": str(error)})
        return
    try:
        with contextlib.suppress(KeyboardInterrupt):
            policy = cluster.policy.name if cluster.policy else None
            serve(cluster, order["name"], Store(Path(order["root"])), policy, lambda: _tell({"result": "ready"}))
            cluster.heal()
            cluster.collect()
    finally:
        cluster.stop()


def _started(order: dict[str, Any]) -> Cluster:
    home = Store(Path(order["root"]))
    policy, who = None, None
    if order["lsm"] != "disabled":
        policy, who = choices.booted(order["policy"], order["profile"], home.cache)
    spec = choices.spec(policy, order["lsm"], order["seed"], who)
    return clusters.RUNTIMES[order["runtime"]]().start(spec, Path(order["run_dir"]))


def _answer(listener: socket.socket, cluster: Cluster) -> bool:
    """One question; whether more are to be answered."""
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(ANSWER_S_MAX)
        try:
            question = json.loads(_line(connection))
            reply = {"result": questions.answer(cluster, question)}
        except (OSError, ValueError, LookupError, TypeError, RuntimeError) as error:
            question, reply = {}, {"error": _named(error), "errno": getattr(error, "errno", None), "text": _text(error)}
        with contextlib.suppress(OSError):  # who asked has gone
            connection.sendall(json.dumps(reply).encode() + b"\n")
    return str(question.get("do")) != "down"


def _line(connection: socket.socket) -> bytes:
    """What comes up to a newline. ValueError where the other side ends without one, or says far too much."""
    data = bytearray()
    while not data.endswith(b"\n"):
        part = connection.recv(1 << 16)
        if not part or len(data) > _BYTES_MAX:
            raise ValueError("no whole line came")
        data += part
    return bytes(data)


def _keeper(run: Run) -> subprocess.Popen[bytes]:
    with (run.path / "logs" / "keeper.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "harness.standing"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            start_new_session=True,
        )  # fmt: skip


def _ready(process: subprocess.Popen[bytes], wanted: dict[str, Any], run: Run) -> None:
    """Gives the keeper its order and waits for its line; whatever goes wrong, Ctrl-C too, it is ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(wanted).encode() + b"\n")
        process.stdin.close()
        line = process.stdout.readline()
        if not line:
            raise ClusterError(f"the cluster's keeper ended at once; see {run.path / 'logs' / 'keeper.log'}")
        _result(json.loads(line))
    except BaseException:
        process.terminate()
        process.wait()
        raise
    finally:
        process.stdout.close()


def _tell(reply: Reply) -> None:
    sys.stdout.write(json.dumps(reply) + "\n")
    sys.stdout.flush()
    # Nobody reads any more: what comes later must find neither a closed pipe nor a terminal.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# The name of an error in an answer -> how it is raised again, from errno and text.
_ERRORS: dict[str, Callable[[int | None, str], Exception]] = {
    "os": OSError,
    "lookup": lambda _number, text: LookupError(text),
    "value": lambda _number, text: ValueError(text),
    "missing": lambda _number, text: sepol.Missing(text),
    "cluster": lambda _number, text: ClusterError(text),
}

_NAMES: tuple[tuple[type[Exception], str], ...] = (
    (OSError, "os"), (LookupError, "lookup"), (ValueError, "value"), (sepol.Missing, "missing"),
)  # fmt: skip


def _named(error: Exception) -> str:
    return next((name for kind, name in _NAMES if isinstance(error, kind)), "cluster")


def _text(error: Exception) -> str:
    if isinstance(error, OSError):
        return str(error.strerror or error)
    return str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)


def _result(reply: Reply) -> Any:
    if "error" in reply:
        raise _ERRORS[reply["error"]](reply.get("errno"), reply["text"])
    return reply["result"]


@contextlib.contextmanager
def _process(pid: int) -> Iterator[Callable[[], None]]:
    """Waits for the end of a process that is not a child: a pidfd is readable when it has ended (pidfd_open(2))."""
    descriptor = os.pidfd_open(pid)
    try:
        yield lambda: _ended(select.select([descriptor], [], [], ANSWER_S_MAX)[0], pid)
    finally:
        os.close(descriptor)


def _ended(readable: list[int], pid: int) -> None:
    if not readable:
        raise ClusterError(f"the cluster's keeper, process {pid}, does not end; kill {pid} ends it and its nodes")


def _write(path: Path, found: State) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(found), file, indent=1)
    draft.replace(path)


def _read(path: Path) -> State:
    try:
        return State(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} is not the state of a cluster ({error}); remove it") from error


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
