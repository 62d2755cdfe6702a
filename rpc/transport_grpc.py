"""The gRPC transport: tables behind a grpc.aio server with mutual TLS, and the channels to it.

Bytes pass through untouched; gRPC's own limits on metadata lie above ours, so that *we* refuse, with EPROTO.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health  # type: ignore[attr-defined]

from rpc import status
from rpc.bind import Table
from rpc.call import Peer
from rpc.channel import TIMEOUT_S, Metadata, WireChannel
from rpc.identity import Identity
from rpc.record import Recorder

MESSAGE_BYTES_MAX = 8 * 1024 * 1024
GRPC_METADATA_BYTES_MAX = 64 * 1024

Options = list[tuple[str, int | str]]

_COMMON: Options = [
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_metadata_size", GRPC_METADATA_BYTES_MAX),
    ("grpc.absolute_max_metadata_size", GRPC_METADATA_BYTES_MAX),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
]
SERVER: Options = [*_COMMON, ("grpc.so_reuseport", 0), ("grpc.http2.min_ping_interval_without_data_ms", 10_000)]
CHANNEL: Options = [
    *_COMMON,
    # A resend is the caller's decision, with the same xid.
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    # Channels of one process share nothing, so that closing one ends its connection.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    # gRPC's name for how long one attempt to connect may take, TLS included: on a busy machine that is no 100 ms.
    ("grpc.min_reconnect_backoff_ms", 2_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
]


class Server:
    """A listening node; `address` says where, with the port that the kernel chose."""

    def __init__(self, server: grpc.aio.Server, address: str, tables: tuple[Table, ...]) -> None:
        self.address = address
        self._server = server
        self._tables = tables

    async def stop(self, grace_s: float = 1.0) -> None:
        """Takes no new call, lets those under way end for `grace_s`, and has their history written."""
        await self._server.stop(grace_s)
        await asyncio.gather(*(table.drain(grace_s) for table in self._tables))

    async def wait(self) -> None:
        """Returns when the server has stopped."""
        await self._server.wait_for_termination()


async def serve(address: str, identity: Identity, tables: Iterable[Table], control: str = "") -> Server:
    """Serves `tables`, and grpc.health.v1, at "host:port"; port 0 lets the kernel choose. At `control` too, if given.

    OSError naming the address if it cannot be had: EADDRINUSE, or what the kernel says.
    """
    tables = tuple(tables)
    _claim(address)
    server = grpc.aio.server(options=SERVER)
    server.add_generic_rpc_handlers((_Handlers(tables),))
    checks = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    port = _bound(server, address, identity)
    if control:
        _bound(server, control, identity)
    await server.start()
    await checks.set("", health_pb2.HealthCheckResponse.SERVING)
    return Server(server, f"{address.rpartition(':')[0]}:{port}", tables)


def _bound(server: grpc.aio.Server, address: str, identity: Identity) -> int:
    """The port, which is some number not 0 for a `unix:` address."""
    try:
        port: int = server.add_secure_port(address, identity.server_credentials())
    except RuntimeError:
        port = 0
    if port == 0:
        raise _unavailable(address, errno.EADDRINUSE)
    return port


def _claim(address: str) -> None:
    """Binds the address for a moment: the kernel says why it cannot be had, gRPC does not."""
    host, _, port = address.rpartition(":")
    bare = host.strip("[]")
    try:
        socket.create_server((bare, int(port)), family=socket.AF_INET6 if ":" in bare else socket.AF_INET).close()
    except OSError as error:
        raise _unavailable(address, error.errno or errno.EADDRINUSE) from None


def _unavailable(address: str, number: int) -> OSError:
    return OSError(number, f"cannot listen at {address} ({os.strerror(number)}); choose another address", address)


def connect(
    address: str, *, identity: Identity, peer: Peer, recorder: Recorder, timeout_s: float = TIMEOUT_S
) -> WireChannel:
    """The channel to the server `peer` at `address`, which need not listen yet; another server there is refused."""
    options = [*CHANNEL, ("grpc.ssl_target_name_override", peer.host)]
    channel = grpc.aio.secure_channel(address, identity.channel_credentials(), options=options)
    return WireChannel(_GrpcWire(channel, peer.node), peer, recorder, timeout_s)


def peer_of(auth_context: Mapping[str, Iterable[bytes]]) -> Peer:
    """The identity in a verified certificate: its one labelproof URI SAN. EACCES if it has not exactly one."""
    return _peer(tuple(auth_context.get("peer_uri", ())))


@lru_cache(maxsize=1024)
def _peer(uris: tuple[bytes, ...]) -> Peer:
    try:
        (uri,) = uris
        return Peer.parse(uri.decode("ascii"))
    except ValueError:
        raise OSError(errno.EACCES, f"the peer's certificate does not say who it is: URI SANs {uris!r}") from None


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # the class takes no arguments at run time
    """Finds the table of a path."""

    def __init__(self, tables: tuple[Table, ...]) -> None:
        self._handlers = {
            path: grpc.unary_unary_rpc_method_handler(_handler(table, path)) for table in tables for path in table.bound
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        return self._handlers.get(handler_call_details.method)


def _handler(table: Table, path: str) -> Any:
    async def handle(body: bytes, rpc: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        try:
            peer = peer_of(rpc.auth_context())
        except OSError as refusal:
            await rpc.abort(status.code(errno.EACCES), status.message(refusal), status.trailing(refusal))
        answer = await table.serve(path, body, rpc.invocation_metadata() or (), peer)
        if answer.error is not None:
            await rpc.abort(status.code(answer.error.errno or 0), status.message(answer.error), answer.trailing)
        rpc.set_trailing_metadata(answer.trailing)
        return answer.body

    return handle


class _GrpcWire:
    def __init__(self, channel: grpc.aio.Channel, server: str) -> None:
        self._channel = channel
        self._server = server
        self._calls: dict[str, Any] = {}

    async def exchange(self, path: str, body: bytes, metadata: Metadata, timeout_s: float) -> tuple[bytes, Metadata]:
        method = self._calls.get(path)
        if method is None:
            method = self._calls[path] = self._channel.unary_unary(path)  # type: ignore[call-arg]  # bytes stay bytes
        call = method(body, metadata=metadata, timeout=timeout_s)
        try:
            reply: bytes = await call
        except grpc.aio.AioRpcError as error:
            status.unpacked(b"", _bytes(error.trailing_metadata()))
            raise self._failure(error, path, timeout_s) from None
        return reply, _bytes(await call.trailing_metadata())

    async def close(self) -> None:
        await self._channel.close(None)

    def _failure(self, error: grpc.aio.AioRpcError, path: str, timeout_s: float) -> OSError:
        """What gRPC itself made of the call; it does not say of whom it speaks."""
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            return status.from_transport(error.code(), f"no reply to {path} in {timeout_s:g} s", self._server)
        return status.from_transport(error.code(), error.details() or "", self._server)


def _bytes(metadata: Any) -> Metadata:
    """The binary entries; ours all are."""
    return tuple((key, value) for key, value in metadata or () if isinstance(value, bytes))
