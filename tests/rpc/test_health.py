"""Who serves at an address, and whether it is well."""

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import rpc
from rpc import health, tls, transport_grpc


@pytest.fixture(scope="module")
def authority() -> tls.Ca:
    return tls.make_ca("lp")


def served(authority: tls.Ca, test: Callable[[str], Awaitable[Any]]) -> Any:
    """What `test` makes of the address of a server without services, which is mds0."""

    async def whole() -> Any:
        server = await transport_grpc.serve("127.0.0.1:0", authority.issue("mds", "mds0"), ())
        try:
            return await test(server.address)
        finally:
            await server.stop(0)

    return asyncio.run(whole())


def test_whoever_is_there(authority) -> None:
    """Its certificate says who; nobody has to know the name before."""
    harness = authority.issue("harness", "harness")

    assert served(authority, lambda address: health.whoever(address, harness)) == rpc.Peer("lp", "mds", "mds0")
    assert served(authority, lambda address: health.check(address, harness)) == rpc.Peer("lp", "mds", "mds0")


def test_another_cluster(authority) -> None:
    """Neither side believes the other; nothing of ours is sent."""
    stranger = tls.make_ca("lp").issue("harness", "harness")

    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        served(authority, lambda address: health.whoever(address, stranger))


def test_another_node_than_the_one_meant(authority) -> None:
    """Who asks for oss0 is not answered by mds0."""
    harness, meant = authority.issue("harness", "harness"), rpc.Peer("lp", "oss", "oss0")

    with pytest.raises(OSError, match="Verification"):
        served(authority, lambda address: health.check(address, harness, meant, timeout_s=2))


def test_nobody(authority) -> None:
    """A port without a listener is refused at once; one that says nothing is given up."""
    harness = authority.issue("harness", "harness")

    async def silent() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            await health.whoever(f"127.0.0.1:{listening.getsockname()[1]}", harness, timeout_s=0.2)

    with pytest.raises(ConnectionRefusedError):
        asyncio.run(health.whoever("127.0.0.1:1", harness))
    with pytest.raises(TimeoutError, match="nobody answers at") as raised:
        asyncio.run(silent())
    assert raised.value.errno == errno.ETIMEDOUT
