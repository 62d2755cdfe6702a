"""Remote calls between the nodes: the only place that knows gRPC.

In reading order:
    channel, bind, served, eager    the two ends of a call: Stub and Caller; handlers bound from a descriptor, one call
                                    on its way to its handler and back, begun at once
    call, mediation                 what a handler sees, and what it must have asked before it replies
    context, admission, nodemap     what travels beside a request, and who may come in with it
    seal, replies                   tickets, tokens and receipts; the reply cache
    status                          the one table of errors, definite or not
    clock, record                   time, and the node's history
    methods, bulk                   the rpcs as the descriptors say them, and large data in their messages
    memory, transport_grpc          the two transports
    echo                            a bare gRPC echo with the second's options, to measure ours against
    health                          who serves at an address, and whether it is well
    identity, tls                   what the second needs: a node's certificate, and the authority that makes them
"""

from rpc.admission import Admission
from rpc.bind import Table, bind, declared
from rpc.call import Call, Peer
from rpc.channel import Caller, Channel, Stub
from rpc.clock import Clock, SystemClock
from rpc.context import fid_message, fid_of
from rpc.mediation import MediationError
from rpc.nodemap import Nodemap
from rpc.record import Batch, Recorder
from rpc.replies import ReplyCache
from rpc.seal import Seal
from rpc.status import definite

__all__ = [
    "Admission",
    "Batch",
    "Call",
    "Caller",
    "Channel",
    "Clock",
    "MediationError",
    "Nodemap",
    "Peer",
    "Recorder",
    "ReplyCache",
    "Seal",
    "Stub",
    "SystemClock",
    "Table",
    "bind",
    "declared",
    "definite",
    "fid_message",
    "fid_of",
]
