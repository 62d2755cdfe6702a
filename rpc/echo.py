"""A bare gRPC echo over the transport's own options and mutual TLS: what a call costs before any of it is ours.

Nothing is decoded, admitted, mediated or recorded: it is what a benchmark says of the cluster's calls beside.
"""

from __future__ import annotations

import grpc

from rpc.call import Peer
from rpc.identity import Identity
from rpc.transport_grpc import CHANNEL, SERVER

_PATH = "/labelproof.Echo/Echo"
# The first bytes of a request say how long the reply is to be.
_LENGTH_BYTES = 4
_ZEROS = bytes(8 << 20)


class EchoServer:
    """A listening echo; `address` says where."""

    def __init__(self, server: grpc.aio.Server, address: str) -> None:
        self.address = address
        self._server = server

    async def stop(self) -> None:
        await self._server.stop(None)


async def serve(identity: Identity, host: str = "127.0.0.1") -> EchoServer:
    """Serves the echo at a port that the kernel chooses."""
    server = grpc.aio.server(options=SERVER)
    server.add_generic_rpc_handlers((_Handlers(),))
    port = server.add_secure_port(f"{host}:0", identity.server_credentials())
    await server.start()
    return EchoServer(server, f"{host}:{port}")


class EchoChannel:
    """The way to an echo at `address`, where `peer` has to show its certificate."""

    def __init__(self, address: str, identity: Identity, peer: Peer) -> None:
        options = [*CHANNEL, ("grpc.ssl_target_name_override", peer.host)]
        self._channel = grpc.aio.secure_channel(address, identity.channel_credentials(), options=options)
        self._call = self._channel.unary_unary(_PATH)  # type: ignore[call-arg]  # bytes stay bytes

    async def exchange(self, request_bytes: int, reply_bytes: int) -> int:
        """One call with messages of these sizes (a request has at least 4 bytes); the size of the reply."""
        padding = max(request_bytes - _LENGTH_BYTES, 0)
        reply: bytes = await self._call(reply_bytes.to_bytes(_LENGTH_BYTES, "big") + _ZEROS[:padding])
        return len(reply)

    async def close(self) -> None:
        await self._channel.close(None)


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # the class takes no arguments at run time
    """The one method there is."""

    def __init__(self) -> None:
        self._handler = grpc.unary_unary_rpc_method_handler(_echo)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        return self._handler if handler_call_details.method == _PATH else None


async def _echo(body: bytes, rpc: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
    return _ZEROS[: int.from_bytes(body[:_LENGTH_BYTES], "big")]
