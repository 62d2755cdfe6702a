"""The lives of a node that nobody starts anew: each run that takes it begins it with a store and history of its own.

On the data volume, which the replicas of a service share:
    names/<node>         held, by a lock, by the process that is this node
    names/<node>.json    the life that the node has now, so that it comes back to it after a restart
    lives/<run>/<node>/  the store of that life; history/<node>.jsonl and audit/<node>.log beside it
"""

from __future__ import annotations

import errno
import json
import re
import shutil
from asyncio import Event
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from host import policy
from host.config import NodeConfig
from labelproof.v1 import standalone_pb2 as pb
from rpc.call import Call

# What a node begins with before any run has taken it.
FIRST = "first"
KEPT_MAX = 3
_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class Life:
    """What a run wants of the node: `config` is NodeConfig's JSON, without keys. The first life has none of these."""

    run: str = FIRST
    token: str = ""
    config: str = ""


class Lives:
    """The lives of the node whose own configuration is `own`: its name, keys and address, whatever a run wants."""

    def __init__(self, own: NodeConfig, data: Path) -> None:
        """Takes up the life that the node had. ValueError if what is written of it does not read."""
        self._own = own
        self._data = data
        self._file = data / "names" / f"{own.name}.json"
        self.life = self._written()

    def config(self) -> NodeConfig:
        """What the node runs with now; its folders are made. ValueError if they cannot be, or the life is none."""
        own, life = self._own, self.life
        wanted = NodeConfig.from_json(life.config) if life.config else own
        if (wanted.name, wanted.role) != (own.name, own.role):
            raise ValueError(f"this is {own.role} {own.name}, not {wanted.role} {wanted.name}")
        policy.framework(wanted.lsm, None)
        folder = self._data / "lives" / life.run
        return replace(
            wanted, cluster=own.cluster, key=own.key, identity=own.identity, listen=own.listen, control=own.control,
            runtime=own.runtime, clock_domain=own.clock_domain, ephemeral=False, data_dir=folder / own.name,
            history=wanted.history and made(folder / "history") / f"{own.name}.jsonl",
            audit=wanted.audit and made(folder / "audit") / f"{own.name}.log",
        )  # fmt: skip

    def begin(self, life: Life) -> None:
        """The next life is this one; the oldest stores are removed. ValueError if the node cannot be that."""
        if not _RUN.fullmatch(life.run):
            raise ValueError(f"a run is named by letters, digits, dots and hyphens, not {life.run!r}")
        before, self.life = self.life, life
        try:
            self.config()
        except ValueError:
            self.life = before
            raise
        draft = self._file.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(life)), encoding="utf-8")
        draft.replace(self._file)
        self._prune()

    def _written(self) -> Life:
        try:
            return Life(**json.loads(self._file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return Life()
        except (OSError, TypeError, ValueError) as error:
            raise ValueError(f"{self._file} does not tell the node's life ({error}); remove it") from None

    def _prune(self) -> None:
        """Keeps the node's newest stores, the one in use among them."""
        name = self._own.name
        stores = sorted((self._data / "lives").glob(f"*/{name}"), key=lambda path: path.stat().st_mtime_ns)
        for store in [path for path in stores if path.parent.name != self.life.run][: -KEPT_MAX + 1]:
            shutil.rmtree(store, ignore_errors=True)
            for file in (store.parent / "history" / f"{name}.jsonl", store.parent / "audit" / f"{name}.log"):
                file.unlink(missing_ok=True)
            for folder in (store.parent / "history", store.parent / "audit", store.parent):
                with suppress(OSError):  # others of the run may have theirs in it
                    folder.rmdir()


class StandaloneOps:
    """Handlers of the service Standalone, for one life. `over` is set when another one is to begin."""

    def __init__(self, lives: Lives, over: Event) -> None:
        self._lives = lives
        self._over = over
        self._token = lives.life.token

    async def begin(self, call: Call, req: pb.BeginRequest) -> pb.BeginReply:
        """See the proto. EINVAL for a configuration that this node cannot run with."""
        if req.token != self._token:
            try:
                self._lives.begin(Life(req.run, req.token, req.config))
            except ValueError as error:
                raise OSError(errno.EINVAL, str(error)) from None
            self._over.set()
        return pb.BeginReply(token=self._token)


def made(folder: Path) -> Path:
    """The folder, which is there then; ValueError says why it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"the data volume cannot be written: {folder}: {error.strerror}") from None
    return folder
