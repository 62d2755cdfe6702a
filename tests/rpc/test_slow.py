"""A machine with much to do: what takes long is waited for, as long as the caller waits."""

import asyncio
import contextlib

import rpc
from labelproof.v1 import mds_pb2
from rpc import transport_grpc

MDS = mds_pb2.DESCRIPTOR.services_by_name["Mds"]
HANDSHAKE_S = 0.5


async def _piped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
    writer.close()


class Relay:
    """Passes connections on to a server, each after a while in which nothing is heard of it."""

    def __init__(self, server: str) -> None:
        self._host, _, self._port = server.rpartition(":")
        self._pipes: list[asyncio.Future] = []

    async def start(self) -> str:
        self._listener = await asyncio.start_server(self._taken, "127.0.0.1", 0)
        return f"127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"

    async def _taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(HANDSHAKE_S)
        back, on = await asyncio.open_connection(self._host, int(self._port))
        self._pipes.append(asyncio.gather(_piped(reader, on), _piped(back, writer)))

    async def stop(self) -> None:
        self._listener.close()
        await asyncio.gather(*self._pipes)


def test_a_handshake_that_takes_long_is_no_failure(run_grpc, caller, lookup) -> None:
    """A server that is slow to answer the first bytes is connected to all the same."""

    async def test(cluster):
        relay = Relay(cluster.server.address)
        address, identity = await relay.start(), cluster.ca.issue("client", "c0")
        channel = transport_grpc.connect(
            address, identity=identity, peer=cluster.peer, recorder=cluster.recorder("c0"), timeout_s=5
        )
        reply = await rpc.Stub(MDS, channel).lookup(lookup, caller)
        await channel.close()
        await relay.stop()
        return reply

    assert run_grpc(test).ticket == b"f"
