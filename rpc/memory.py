"""The memory transport: the same tables and channels in one process, over a network whose delays are drawn from a seed.

Bytes go both ways, as over gRPC. Time is the running loop's, so in the simulator it is virtual. It knows no TLS: the
peer's identity is given at connect.
"""

from __future__ import annotations

import asyncio
import errno
import random
from collections.abc import Iterable

from rpc import status
from rpc.bind import Answer, Table
from rpc.call import Peer
from rpc.channel import TIMEOUT_S, Metadata, WireChannel
from rpc.record import Recorder


class Network:
    """Listening nodes by address. `delay_s`: bounds of the delay of one message one way, in seconds."""

    def __init__(self, rng: random.Random, delay_s: tuple[float, float] = (0.0, 0.0)) -> None:
        self._rng = rng
        self._delay_s = delay_s
        self._listening: dict[str, Listener] = {}
        self._ports = 0

    def listen(self, address: str, tables: Iterable[Table]) -> Listener:
        """Serves `tables` at `address`; port 0 is replaced by a free one. OSError EADDRINUSE if it is taken."""
        host, _, port = address.rpartition(":")
        if port == "0":
            self._ports += 1
            address = f"{host}:{self._ports}"
        if address in self._listening:
            raise OSError(errno.EADDRINUSE, f"{address} is in use; end what listens there, or choose another", address)
        listener = self._listening[address] = Listener(self, address, tables)
        return listener

    def connect(
        self, address: str, *, local: Peer, peer: Peer, recorder: Recorder, timeout_s: float = TIMEOUT_S
    ) -> WireChannel:
        """The channel of node `local` to the server `peer` at `address`, which need not listen yet."""
        return WireChannel(_MemoryWire(self, address, local), peer, recorder, timeout_s)

    def forget(self, address: str) -> None:
        self._listening.pop(address, None)

    def listener(self, address: str) -> Listener | None:
        return self._listening.get(address)

    async def travel(self, source: str, target: str) -> None:
        """One message's way from a node or address to another; the simulator gives each way delays of its own."""
        await asyncio.sleep(self._rng.uniform(*self._delay_s))

    async def turn(self, address: str, path: str) -> None:
        """Waits until the node at `address` has the time for a call: at once, unless a network says what calls cost."""


class Listener:
    """A node that serves; `address` says where."""

    def __init__(self, network: Network, address: str, tables: Iterable[Table]) -> None:
        self.address = address
        self.tables = tuple(tables)
        self._network = network
        self._by_path = {path: table for table in self.tables for path in table.bound}
        # Ordered, so that the simulator repeats itself.
        self._deliveries: dict[asyncio.Task[Answer], None] = {}

    def deliver(self, path: str, body: bytes, metadata: Metadata, peer: Peer) -> asyncio.Task[Answer]:
        """Brings a request in; the reply is the task's. It goes on when the caller gives up."""
        task = asyncio.get_running_loop().create_task(self._deliver(path, body, metadata, peer))
        self._deliveries[task] = None
        task.add_done_callback(self._deliveries.pop)
        return task

    async def stop(self, grace_s: float = 1.0) -> None:
        """Takes no new call, and lets those under way end for `grace_s`."""
        self._network.forget(self.address)
        if self._deliveries:
            await asyncio.wait(list(self._deliveries), timeout=grace_s)
        self.kill()

    def kill(self) -> None:
        """Ends as a killed node does: every call under way is lost."""
        self._network.forget(self.address)
        for task in list(self._deliveries):
            task.cancel()
        for table in self.tables:
            table.abort()

    async def _deliver(self, path: str, body: bytes, metadata: Metadata, peer: Peer) -> Answer:
        await self._network.travel(peer.node, self.address)
        table = self._by_path.get(path)
        if table is None:
            error = status.failure(errno.EOPNOTSUPP, f"{self.address} serves no {path}", sure=True)
            return Answer(b"", error, status.trailing(error))
        await self._network.turn(self.address, path)
        answer = await table.serve(path, body, metadata, peer)
        await self._network.travel(self.address, peer.node)
        return answer


class _MemoryWire:
    def __init__(self, network: Network, address: str, local: Peer) -> None:
        self._network = network
        self._address = address
        self._local = local
        self._closed = False

    async def exchange(self, path: str, body: bytes, metadata: Metadata, timeout_s: float) -> tuple[bytes, Metadata]:
        listener = self._network.listener(self._address)
        if listener is None or self._closed:
            raise status.failure(errno.ENOTCONN, f"failed to connect to {self._address}", sure=True)
        delivery = listener.deliver(path, body, metadata, self._local)
        done, _ = await asyncio.wait([delivery], timeout=timeout_s)
        if not done:
            raise status.failure(errno.ETIMEDOUT, f"no reply from {self._address} in {timeout_s:g} s", sure=False)
        if delivery.cancelled():
            raise status.failure(errno.ECONNRESET, f"lost the connection to {self._address}", sure=False)
        answer = delivery.result()
        return status.unpacked(answer.body, answer.trailing)

    async def close(self) -> None:
        self._closed = True
