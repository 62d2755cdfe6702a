"""Delay, jitter and loss where the kernel has no netem: packets wait in an NFQUEUE until this program lets them go on.

Run in the node's network namespace, by its path, with the standard library only: it says "ready" when the queue is
bound, and ends with its stdin. Only the packets' ids come here (NFQNL_COPY_META), the packets stay in the kernel.
Should it die, `--queue-bypass` of the rule lets traffic pass (include/uapi/linux/netfilter/nfnetlink_queue.h).
"""

from __future__ import annotations

import argparse
import heapq
import os
import random
import select
import socket
import struct
import sys
import time
from collections.abc import Iterator

# linux/netlink.h, linux/netfilter/nfnetlink.h, linux/netfilter/nfnetlink_queue.h
NETLINK_NETFILTER = 12
NFNL_SUBSYS_QUEUE = 3
NFQNL_MSG_PACKET, NFQNL_MSG_VERDICT, NFQNL_MSG_CONFIG = 0, 1, 2
NFQA_PACKET_HDR, NFQA_VERDICT_HDR = 1, 2
NFQA_CFG_CMD, NFQA_CFG_PARAMS, NFQA_CFG_QUEUE_MAXLEN = 1, 2, 3
NFQNL_CFG_CMD_BIND = 1
NFQNL_COPY_META = 1
NLM_F_REQUEST, NLM_F_ACK = 1, 4
NF_DROP, NF_ACCEPT = 0, 1
SOL_NETLINK, NETLINK_NO_ENOBUFS = 270, 5
SO_RCVBUFFORCE = 33

RECEIVE_BYTES = 1 << 20
WAITING_MAX = 65536

_now_s = time.monotonic  # noqa: TID251  # packets wait in real time


class Queue:
    """One NFQUEUE of the network namespace that this process is in; OSError if it is somebody else's."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self.socket.bind((0, 0))
        for level, option, value in (
            (socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20),
            (SOL_NETLINK, NETLINK_NO_ENOBUFS, 1),
        ):
            try:
                self.socket.setsockopt(level, option, value)
            except OSError:
                """Without them a burst may be lost, which netem might do too."""
        self._configure(_attribute(NFQA_CFG_CMD, struct.pack("=BBH", NFQNL_CFG_CMD_BIND, 0, 0)))
        self._configure(_attribute(NFQA_CFG_PARAMS, struct.pack(">IB", 0, NFQNL_COPY_META)))
        self._configure(_attribute(NFQA_CFG_QUEUE_MAXLEN, struct.pack(">I", WAITING_MAX)))

    def packets(self) -> Iterator[int]:
        """The ids of the packets that came; reads once."""
        data = self.socket.recv(RECEIVE_BYTES)
        for kind, body in _pieces(data, "=IH", 16):
            if kind == (NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_PACKET:
                for name, value in _pieces(body[4:], "=HH", 4):
                    if name & 0x7FFF == NFQA_PACKET_HDR:
                        yield struct.unpack_from(">I", value)[0]

    def decide(self, packet: int, verdict: int) -> None:
        self._send(NFQNL_MSG_VERDICT, _attribute(NFQA_VERDICT_HDR, struct.pack(">II", verdict, packet)), NLM_F_REQUEST)

    def _configure(self, attributes: bytes) -> None:
        self._send(NFQNL_MSG_CONFIG, attributes, NLM_F_REQUEST | NLM_F_ACK)
        number = struct.unpack_from("=i", self.socket.recv(RECEIVE_BYTES), 16)[0]
        if number:
            raise OSError(-number, f"queue {self._number}: {os.strerror(-number)}")

    def _send(self, kind: int, attributes: bytes, flags: int) -> None:
        body = struct.pack("=BBH", socket.AF_UNSPEC, 0, socket.htons(self._number)) + attributes
        self.socket.send(struct.pack("=IHHII", 16 + len(body), (NFNL_SUBSYS_QUEUE << 8) | kind, flags, 0, 0) + body)


class Shaper:
    """Which packets are lost, and when the others go on: seconds of delay, give or take jitter; chances from 0 to 1."""

    def __init__(self, delay_s: float, jitter_s: float, loss: float, chance: random.Random) -> None:
        self._delay_s, self._jitter_s, self._loss, self._chance = delay_s, jitter_s, loss, chance
        self._waiting: list[tuple[float, int]] = []

    def came(self, packet: int, now_s: float) -> bool:
        """Whether the packet is to go on some time; False: it is lost."""
        if self._chance.random() < self._loss:
            return False
        delay_s = self._delay_s + self._chance.uniform(-1, 1) * self._jitter_s
        heapq.heappush(self._waiting, (now_s + max(0.0, delay_s), packet))
        return True

    def due(self, now_s: float) -> Iterator[int]:
        """The packets whose time has come."""
        while self._waiting and self._waiting[0][0] <= now_s:
            yield heapq.heappop(self._waiting)[1]

    def next_s(self, now_s: float) -> float | None:
        """How long nothing is due; None: until another packet comes."""
        return max(0.0, self._waiting[0][0] - now_s) if self._waiting else None


def main() -> None:
    parser = argparse.ArgumentParser(description="Delays and loses the packets of one NFQUEUE.")
    parser.add_argument("--queue", type=int, required=True)
    parser.add_argument("--delay-ms", type=float, default=0.0)
    parser.add_argument("--jitter-ms", type=float, default=0.0)
    parser.add_argument("--loss", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    shaper = Shaper(options.delay_ms / 1e3, options.jitter_ms / 1e3, options.loss, random.Random(options.seed))  # noqa: S311  # repeats by design
    queue = Queue(options.queue)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    _serve(queue, shaper)


def _serve(queue: Queue, shaper: Shaper) -> None:
    while True:
        packets = queue.socket.fileno()
        readable, _, _ = select.select([packets, 0], [], [], shaper.next_s(_now_s()))
        if 0 in readable and not os.read(0, 1):
            return
        if packets in readable:
            now = _now_s()
            for packet in queue.packets():
                if not shaper.came(packet, now):
                    queue.decide(packet, NF_DROP)
        for packet in shaper.due(_now_s()):
            queue.decide(packet, NF_ACCEPT)


def _attribute(kind: int, payload: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(payload), kind) + payload + b"\0" * (-len(payload) % 4)


def _pieces(data: bytes, head: str, head_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Messages or attributes of netlink: a length that counts its head, and a kind; each begins at a multiple of 4."""
    at = 0
    while at + head_bytes <= len(data):
        length, kind = struct.unpack_from(head, data, at)
        yield kind, data[at + head_bytes : at + length]
        at += (max(length, head_bytes) + 3) & ~3


if __name__ == "__main__":
    main()
