"""Links of network namespaces: a switch (a bridge in a namespace of its own), and for each host a cable to it.

Everything is made inside the namespaces, nothing in the one that this process runs in: when the last process of a
namespace ends, the kernel takes its links away, and with a cable's one end its other end.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")

SWITCH = "switch"
INTERFACE = "eth0"
_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Host:
    """One end of a cable: a process in the host's namespace, its address there, and the name of the switch's end."""

    pid: int
    ip: str
    prefix: int
    port: str


def inside(pid: int, work: Callable[[], T]) -> T:
    """The result of `work`, done in the network namespace of process `pid`; its sockets stay in that namespace.

    In a thread of its own, since setns(2) moves a thread, and this one is to stay where it is.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def go() -> None:
        try:
            _enter(pid)
            results.append(work())
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=go, name=f"labelproof-netns-{pid}")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def make_switch(pid: int) -> None:
    """A bridge in the namespace of `pid`. OSError as the kernel gives it."""
    inside(pid, lambda: _routing(_add_bridge))


def plug(switch: int, hosts: Sequence[Host]) -> None:
    """A cable from the switch in the namespace of process `switch` to each host, up, with the host's address on it."""
    inside(switch, lambda: _routing(lambda ip: _add_cables(ip, hosts)))
    for host in hosts:
        inside(host.pid, partial(_routing, partial(_address, host)))


def _enter(pid: int) -> None:
    fd = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _LIBC.setns(fd, _CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"setns to the network of process {pid}: {os.strerror(number)}")
    finally:
        os.close(fd)


def _routing(work: Callable[[Any], object]) -> None:
    """Does `work` with rtnetlink; its refusals become plain OSErrors."""
    # Imported when a first network is made: it takes as long as a node's whole start.
    from pyroute2 import IPRoute, NetlinkError  # type: ignore[import-untyped]  # it carries no types

    try:
        with IPRoute() as ip:
            work(ip)
    except NetlinkError as error:
        raise OSError(error.code, f"the kernel makes no network of namespaces: {error}") from error


def _add_bridge(ip: Any) -> None:
    ip.link("add", ifname=SWITCH, kind="bridge")
    ip.link("set", index=_index(ip, SWITCH), state="up")


def _add_cables(ip: Any, hosts: Sequence[Host]) -> None:
    for host in hosts:
        ip.link("add", ifname=host.port, kind="veth", peer={"ifname": INTERFACE, "net_ns_pid": host.pid})
        ip.link("set", index=_index(ip, host.port), master=_index(ip, SWITCH), state="up")


def _address(host: Host, ip: Any) -> None:
    index = _index(ip, INTERFACE)
    ip.addr("add", index=index, address=host.ip, prefixlen=host.prefix)
    ip.link("set", index=index, state="up")
    ip.link("set", index=_index(ip, "lo"), state="up")


def _index(ip: Any, name: str) -> int:
    index: int = ip.link_lookup(ifname=name)[0]
    return index
