"""Who a node is on the wire: its certificate and key, and what gRPC makes of them."""

from __future__ import annotations

from dataclasses import dataclass

import grpc


@dataclass(frozen=True, slots=True)
class Identity:
    """A node's certificate and key, and the CA that it trusts; PEM."""

    cert_pem: bytes
    key_pem: bytes
    ca_pem: bytes

    def server_credentials(self) -> grpc.ServerCredentials:
        """Credentials that demand a certificate of the cluster's CA from each client."""
        pair = [(self.key_pem, self.cert_pem)]
        return grpc.ssl_server_credentials(pair, root_certificates=self.ca_pem, require_client_auth=True)

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """Credentials that show this certificate, and trust servers of the cluster's CA only."""
        return grpc.ssl_channel_credentials(self.ca_pem, self.key_pem, self.cert_pem)
