"""Keys and certificates of a cluster: one CA, and for each node a certificate that says who it is.

The URI SAN `labelproof://<cluster>/<role>/<node>` is the identity that servers read; the DNS SAN
`<node>.<role>.labelproof` lets a client pin the server it means (RFC 5280, section 4.2.1.6). EC P-256, TLS both ways.
Whoever makes keys needs this; a node is given its own (identity.py), and starts faster for not loading it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from rpc.call import Peer
from rpc.identity import Identity

VALID_DAYS = 365


@dataclass(frozen=True, slots=True)
class Ca:
    """A cluster's certificate authority."""

    cluster: str
    cert: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def issue(self, role: str, node: str) -> Identity:
        """The identity of one node; ValueError for a role or name that cannot stand in a certificate."""
        peer = Peer.parse(Peer(self.cluster, role, node).uri)
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.UniformResourceIdentifier(peer.uri), x509.DNSName(peer.host)]
        usage = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        cert = (
            _builder(peer.host, self.cert.subject, key)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usage), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return Identity(_pem(cert), _key_pem(key), _pem(self.cert))


def make_ca(cluster: str) -> Ca:
    """A new authority; its key stays in memory."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"labelproof {cluster}")
    cert = (
        _builder(f"labelproof {cluster}", name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Ca(cluster, cert, key)


def _builder(common: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=_name(common),
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        # Machines of one cluster need not agree on the hour.
        not_valid_before=now - dt.timedelta(days=1),
        not_valid_after=now + dt.timedelta(days=VALID_DAYS),
    )


def _name(common: str) -> x509.Name:
    # RFC 5280 gives a common name 64 characters; nobody reads this one.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common[:64])])


def _pem(cert: x509.Certificate) -> bytes:
    return cert.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
