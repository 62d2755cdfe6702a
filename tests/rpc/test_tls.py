"""Mutual TLS: who is not of the cluster does not get a word in, and a certificate says exactly one name."""

import dataclasses
import errno

import pytest

import rpc
from labelproof.v1 import mds_pb2
from rpc import tls, transport_grpc


def _connected(cluster, identity: tls.Identity, peer: rpc.Peer | None = None) -> rpc.Stub:
    channel = transport_grpc.connect(
        cluster.server.address, identity=identity, peer=peer or cluster.peer, recorder=cluster.recorder("c0")
    )
    cluster.channels.append(channel)
    return rpc.Stub(mds_pb2.DESCRIPTOR.services_by_name["Mds"], channel)


def no_certificate(ca: tls.Ca) -> tls.Identity:
    return tls.Identity(None, None, ca.issue("client", "c0").ca_pem)


def foreign_client(ca: tls.Ca) -> tls.Identity:
    return dataclasses.replace(tls.make_ca("lp").issue("client", "c0"), ca_pem=ca.issue("client", "c0").ca_pem)


def foreign_server(ca: tls.Ca) -> tls.Identity:
    return dataclasses.replace(ca.issue("client", "c0"), ca_pem=tls.make_ca("lp").issue("client", "c0").ca_pem)


@pytest.mark.parametrize("identity", [no_certificate, foreign_client, foreign_server])
def test_who_is_not_of_the_cluster(run_grpc, caller, lookup, identity) -> None:
    """No certificate, another CA's, or a server of another CA: the call never arrives."""

    async def test(cluster):
        try:
            await _connected(cluster, identity(cluster.ca)).lookup(lookup, caller, timeout_s=5)
        except OSError as error:
            return error, cluster.ops.seen

    error, seen = run_grpc(test)

    assert error.errno in (errno.ENOTCONN, errno.ECONNRESET)
    assert seen == []


@pytest.mark.parametrize("peer", [rpc.Peer("lp", "mds", "mds1"), rpc.Peer("lp", "oss", "mds0")])
def test_a_client_pins_its_server(run_grpc, caller, lookup, peer) -> None:
    """A server of the cluster that is not the one meant is refused, and learns no subject."""

    async def test(cluster):
        try:
            await _connected(cluster, cluster.ca.issue("client", "c0"), peer).lookup(lookup, caller, timeout_s=5)
        except OSError as error:
            return error, cluster.ops.seen

    error, seen = run_grpc(test)

    assert (error.errno, rpc.definite(error), seen) == (errno.ENOTCONN, True, [])


@pytest.mark.parametrize(
    "uris",
    [
        (), (b"labelproof://lp/client/c0", b"labelproof://lp/client/c1"), (b"labelproof://lp/root/c0",),
        (b"labelproof://lp/client/c0/x",), (b"labelproof://lp/client/",), (b"https://lp/client/c0",),
        (b"labelproof://lp/client/c0\n",), (b"labelproof://LP/client/c0",), (b"\xff",),
    ],
)  # fmt: skip
def test_a_certificate_says_exactly_one_name(uris) -> None:
    """No URI, two, or one that is not strictly ours: EACCES."""
    with pytest.raises(PermissionError, match="does not say who it is"):
        transport_grpc.peer_of({"peer_uri": uris})


def test_a_certificates_name_is_read() -> None:
    """The one URI SAN is the peer."""
    peer = transport_grpc.peer_of({"peer_uri": [b"labelproof://lp/oss/oss-1"]})

    assert (peer, peer.host) == (rpc.Peer("lp", "oss", "oss-1"), "oss-1.oss.labelproof")


@pytest.mark.parametrize(("role", "node"), [("root", "c0"), ("client", "c 0"), ("client", ""), ("client", "c0/x")])
def test_no_certificate_for_a_bad_name(role, node) -> None:
    """A role that is none and a node that cannot stand in a URI are refused before they are signed."""
    with pytest.raises(ValueError, match="labelproof://"):
        tls.make_ca("lp").issue(role, node)


def test_metadata_beyond_grpcs_own_limit(run_grpc) -> None:
    """Above 64 KiB gRPC refuses before we can, and it is an error all the same."""

    async def test(cluster):
        await cluster.raw([("x-bin", b"x" * 100_000)])

    with pytest.raises(OSError):
        run_grpc(test)


@pytest.mark.parametrize("port", [0, 5000])
def test_an_address_of_another_machine(run_grpc, port) -> None:
    """Listening at an address that this machine does not have says so, and not that it is in use."""

    async def test(cluster):
        await transport_grpc.serve(f"192.0.2.1:{port}", cluster.ca.issue("mds", "mds1"), [cluster.table])

    with pytest.raises(OSError, match=r"192\.0\.2\.1") as raised:
        run_grpc(test)

    assert raised.value.errno == errno.EADDRNOTAVAIL


def test_the_server_says_that_it_serves(run_grpc) -> None:
    """grpc.health.v1 answers SERVING to any node of the cluster."""
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    async def test(cluster):
        identity = cluster.ca.issue("client", "c0")
        options = [("grpc.ssl_target_name_override", cluster.peer.host)]
        credentials = identity.channel_credentials()
        async with grpc.aio.secure_channel(cluster.server.address, credentials, options=options) as channel:
            return await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())

    assert run_grpc(test).status == 1


def test_a_second_address_leads_to_the_same_server(run_grpc, caller, lookup, tmp_path) -> None:
    """With the same certificates: a socket in the file system is no way round them."""
    control = f"unix:{tmp_path}/control"

    async def test(cluster):
        identity = cluster.ca.issue("mds", "mds0")
        server = await transport_grpc.serve("127.0.0.1:0", identity, [cluster.table], control)
        channels = [
            transport_grpc.connect(control, identity=who, peer=cluster.peer, recorder=cluster.recorder("c0"))
            for who in (cluster.ca.issue("client", "c0"), foreign_client(cluster.ca))
        ]
        known, stranger = (rpc.Stub(mds_pb2.DESCRIPTOR.services_by_name["Mds"], channel) for channel in channels)
        await known.lookup(lookup, caller, timeout_s=5)
        try:
            await stranger.lookup(lookup, caller, timeout_s=5)
        except OSError as error:
            return error, len(cluster.ops.seen)
        finally:
            for channel in channels:
                await channel.close()
            await server.stop(0)

    error, seen = run_grpc(test)

    assert error.errno in (errno.ENOTCONN, errno.ECONNRESET)
    assert seen == 1
