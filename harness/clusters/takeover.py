"""A machine of nodes that run already: found by their certificates, begun anew for the run, left up after it."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import re
import socket
from collections import Counter
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from harness.clusters import loops, real
from harness.clusters.contacts import NOBODY
from harness.clusters.errors import ClusterError
from harness.clusters.mirror import Mirror
from harness.clusters.places import Containers, Place
from host.config import NodeConfig
from labelproof.v1 import standalone_pb2 as pb
from rpc import Channel, Clock, Peer, Recorder, Stub, SystemClock, health
from rpc.identity import Identity

T = TypeVar("T")

STANDALONE = pb.DESCRIPTOR.services_by_name["Standalone"]
READY_S_MAX = 60.0
REST_S_MAX = 5.0
_POLL_S = 0.1
_WHO_S_MAX = 2.0
# Of a node that ends what it was, or is not there yet.
_NOT_YET = frozenset({errno.ECONNRESET, errno.ENOTCONN, errno.ETIMEDOUT, errno.ECANCELED, errno.ESHUTDOWN})


class Takeover:
    """See machine.Machine. One harness at a time has the nodes of a cluster."""

    def __init__(self, place: Place, identity: Identity, run_dir: Path, roles: Mapping[str, str]) -> None:
        """`roles` of the nodes by name. ClusterError if another run on this machine has them."""
        self.clock: Clock = SystemClock()
        self._place = place
        self._identity = identity
        self._claim = _claimed(identity, place.name)
        self._run = f"{re.sub('[^A-Za-z0-9.-]', '-', run_dir.name)[:100].lstrip('.-')}-{os.urandom(4).hex()}"
        self._silent = Recorder("harness", None, self.clock)
        self._mirror = Mirror(run_dir, roles)
        self._roles = roles
        self._at: dict[str, str] = {}
        self._configs: dict[str, NodeConfig] = {}
        # Who was there when we last looked, by address.
        self._seen: dict[str, Peer | OSError] = {}
        self._channels: dict[str, tuple[str, Channel]] = {}

    @property
    def adopted(self) -> str:
        """See machine.Adopted."""
        return self._place.name

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return loops.shared().run(work)

    def start(self, configs: Sequence[NodeConfig]) -> dict[str, str]:
        """The first time all of them; after that, those that were stopped. Each begins anew for this run."""
        if not self._at:
            self._place.open(Counter(config.role for config in configs))
        self._configs |= {config.name: config for config in configs}
        self.run(self._taken(configs))
        return {config.name: self._at[config.name] for config in configs}

    def stop(self, names: Sequence[str]) -> None:
        """A node ends what it is when it begins again; so it does for the last time when all are to stop."""
        if self._at and self._roles.keys() <= set(names):
            self.run(self._at_rest())

    def fetch(self) -> None:
        """Brings the copies of the nodes' files up to date, as far as they answer."""
        self.run(self._fetched())

    def connect(self, address: str, peer: Peer, recorder: Recorder) -> Channel:
        return real.connect(self._identity, address, peer, recorder)

    def fallen(self) -> str | None:
        return self._place.fallen()

    def close(self) -> None:
        channels, self._channels = self._channels, {}
        for _, channel in channels.values():
            self.run(channel.close())
        try:
            self._place.close()
        finally:
            self._claim.close()

    async def _at_rest(self) -> None:
        """Has the nodes end what is under way: what they wrote is whole then. A node that does not answer is left."""
        with suppress(TimeoutError):
            async with asyncio.timeout(REST_S_MAX):
                work = (self._begun(config) for name, config in self._configs.items() if self._answers(name))
                await asyncio.gather(*work, return_exceptions=True)
        await self._fetched()

    async def _fetched(self) -> None:
        await self._mirror.fetch({name: await self._channel(name) for name in self._at if self._answers(name)})

    def _answers(self, name: str) -> bool:
        return name in self._at

    async def _channel(self, name: str) -> Channel:
        """A channel of our own, of which no history tells."""
        address = self._at[name]
        if name in self._channels and self._channels[name][0] == address:
            return self._channels[name][1]
        if name in self._channels:
            await self._channels.pop(name)[1].close()
        peer = Peer("", self._roles[name], name)
        channel = self.connect(address, peer, self._silent)
        self._channels[name] = address, channel
        return channel

    async def _taken(self, configs: Sequence[NodeConfig]) -> None:
        try:
            async with asyncio.timeout(READY_S_MAX):
                self._at |= await self._located([config.name for config in configs])
                await asyncio.gather(*(self._begun(config) for config in configs))
        except TimeoutError:
            why = self._missing([config.name for config in configs])
            raise ClusterError(f"{self._place.name} did not come up in {READY_S_MAX:g} s: {why}") from None

    async def _found_again(self, names: Sequence[str]) -> None:
        with suppress(TimeoutError):  # a node that does not come back keeps what it wrote last
            async with asyncio.timeout(READY_S_MAX):
                self._at |= await self._located(names)

    async def _located(self, names: Sequence[str]) -> dict[str, str]:
        """Where these nodes are; waits until all of them are somewhere."""
        while True:
            addresses = await asyncio.to_thread(self._place.candidates)
            self._seen = dict(zip(addresses, await asyncio.gather(*map(self._who, addresses)), strict=True))
            found = {who.node: address for address, who in self._seen.items() if isinstance(who, Peer)}
            if strange := sorted(found.keys() - self._roles.keys()):
                remedy = "run as many nodes as the cluster is to have, from number 0 (up -d --force-recreate)"
                raise ClusterError(f"{self._place.name} runs {', '.join(strange)} besides; {remedy}")
            if found.keys() >= set(names):
                return {name: found[name] for name in names}
            await asyncio.sleep(_POLL_S)

    async def _who(self, address: str) -> Peer | OSError:
        try:
            return await health.whoever(address, self._identity, _WHO_S_MAX)
        except OSError as error:
            return error

    async def _begun(self, config: NodeConfig) -> None:
        """Has the node begin, and waits until it has. OSError of a node that refuses."""
        request = pb.BeginRequest(run=self._run, token=os.urandom(8).hex(), config=config.to_json())
        while True:
            stub = Stub(STANDALONE, await self._channel(config.name))
            try:
                reply = await stub.begin(request, NOBODY, timeout_s=_WHO_S_MAX)
            except OSError as error:
                if error.errno not in _NOT_YET:
                    raise
            else:
                if reply.token == request.token:
                    return
            await asyncio.sleep(_POLL_S / 4)

    def _missing(self, names: Sequence[str]) -> str:
        found = {who.node for who in self._seen.values() if isinstance(who, Peer)}
        lost = ", ".join(name for name in names if name not in found)
        said = [f"{address}: {who.node if isinstance(who, Peer) else who}" for address, who in self._seen.items()]
        return f"no {lost or 'answer'}; found {'; '.join(said) or 'nobody: is it up?'}"


class Controlled(Takeover):
    """With the engine's help: machine.Kill and machine.Pause too, and a node that is stopped is down."""

    def __init__(self, place: Containers, identity: Identity, run_dir: Path, roles: Mapping[str, str]) -> None:
        super().__init__(place, identity, run_dir, roles)
        self._containers = place
        self._logs = run_dir / "logs"
        self._since_s = self.clock.wall_ns() / 1e9
        self._down: dict[str, str] = {}
        self._frozen: set[str] = set()

    def start(self, configs: Sequence[NodeConfig]) -> dict[str, str]:
        for config in configs:
            if config.name in self._down:
                self._containers.begin(self._down.pop(config.name))
        return super().start(configs)

    def stop(self, names: Sequence[str]) -> None:
        if self._roles.keys() <= set(names):
            self._restored()
            super().stop(names)
            self._save_logs()
        else:
            for name in set(names) - self._down.keys():
                self._end(name)

    def kill(self, name: str) -> None:
        """See machine.Kill."""
        if name in self._down:
            raise KeyError(name)
        self._end(name, kill=True)

    def pause(self, name: str) -> None:
        """See machine.Pause."""
        if name in self._down:
            raise KeyError(name)
        self._containers.pause(self._at[name])
        self._frozen.add(name)

    def resume(self, name: str) -> None:
        """See machine.Pause."""
        if name in self._frozen:
            self._containers.resume(self._at[name])
            self._frozen.discard(name)

    def paused(self, name: str) -> bool:
        """See machine.Pause."""
        return name in self._frozen

    def _end(self, name: str, *, kill: bool = False) -> None:
        self._down[name] = self._containers.end(self._at[name], kill=kill)
        self._frozen.discard(name)

    def _answers(self, name: str) -> bool:
        return super()._answers(name) and name not in self._down and name not in self._frozen

    def _restored(self) -> None:
        """At the end what we ended or paused runs again, and can be asked for what it wrote."""
        down, self._down, self._frozen = list(self._down), {}, set()
        self._containers.restore()
        if down:
            self.run(self._found_again(down))

    def _save_logs(self) -> None:
        for name, address in self._at.items():
            with suppress(ClusterError):  # an engine need not keep what containers print
                (self._logs / f"{name}.log").write_bytes(self._containers.log(address, self._since_s))


def _claimed(identity: Identity, name: str) -> socket.socket:
    """Held until it is closed, or this process ends: a name among abstract sockets (unix(7)) leaves nothing behind."""
    cluster = hashlib.sha256(identity.ca_pem).hexdigest()[:32]
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0labelproof-{cluster}")
    except OSError:
        claim.close()
        raise ClusterError(f"another run has the nodes of {name}; a cluster serves one run at a time") from None
    return claim
