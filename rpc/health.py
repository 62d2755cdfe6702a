"""Who serves at an address, and whether it is well: what can be asked of a node before anybody knows its name."""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from rpc import status, transport_grpc
from rpc.call import Peer
from rpc.identity import Identity

TIMEOUT_S = 3.0


async def check(address: str, identity: Identity, peer: Peer | None = None, timeout_s: float = TIMEOUT_S) -> Peer:
    """The node that serves there and says of itself that it serves (grpc.health.v1). OSError: it does not, or why not.

    `peer` is who it has to be; None takes whoever is of the cluster.
    """
    who = peer or await whoever(address, identity, timeout_s)
    options = [*transport_grpc.CHANNEL, ("grpc.ssl_target_name_override", who.host)]
    async with grpc.aio.secure_channel(address, identity.channel_credentials(), options=options) as channel:
        try:
            reply = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            raise status.from_transport(error.code(), error.details() or "", address) from None
    if reply.status != health_pb2.HealthCheckResponse.SERVING:
        raise OSError(errno.EAGAIN, f"{who.node} at {address} does not serve yet")
    return who


async def whoever(address: str, identity: Identity, timeout_s: float = TIMEOUT_S) -> Peer:
    """The node that the certificate at "host:port" names, if the cluster's CA signed it. OSError: none answers so."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port), ssl=_context(identity))
    except TimeoutError:
        raise TimeoutError(errno.ETIMEDOUT, f"nobody answers at {address} within {timeout_s:g} s") from None
    try:
        names = writer.get_extra_info("peercert").get("subjectAltName", ())
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    return transport_grpc.peer_of({"peer_uri": [value.encode() for kind, value in names if kind == "URI"]})


def _context(identity: Identity) -> ssl.SSLContext:
    """TLS that shows our certificate and trusts the cluster's CA, but does not care who of the cluster is there."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.set_alpn_protocols(["h2"])
    context.load_verify_locations(cadata=identity.ca_pem.decode())
    with _in_memory(identity.cert_pem + identity.key_pem) as path:
        context.load_cert_chain(path)
    return context


@contextmanager
def _in_memory(data: bytes) -> Iterator[str]:
    """The path of a file that no disk ever sees: ssl takes keys by path only."""
    fd = os.memfd_create("identity")
    try:
        os.write(fd, data)
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)
