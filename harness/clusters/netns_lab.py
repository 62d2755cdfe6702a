"""Hosts in network namespaces, on one switch: each a holder process, which keeps its namespaces while we live.

The namespaces have no names, and a holder (`cat`) ends when its stdin does: after kill -9 of this process the kernel
takes holders, namespaces, links and volumes away, and there is nothing to prune.
"""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network
from pathlib import Path

from harness.clusters import netns_links
from harness.clusters.machine import Volume
from harness.clusters.netns_links import INTERFACE, SWITCH, Host

# Set aside for measuring networks (RFC 2544), and seen by nobody outside the namespaces.
NETWORK = IPv4Network("198.18.0.0/16")
# A volume's limit, not what it takes: it is memory, as far as it is filled.
VOLUME_BYTES = 128 << 20
_UP_S_MAX = 10.0

_SWITCH = ("unshare", "--net", "--", "cat")
# $1 is where the volume is mounted. `cat` echoes one line when all is in place.
_HOST = (
    "unshare", "--net", "--mount", "--", "sh", "-c",
    f'mount -t tmpfs -o size={VOLUME_BYTES},mode=700 labelproof "$1" && exec cat', "labelproof-host",
)  # fmt: skip


class Lab:
    """The hosts of one cluster. Made without effect; `raise_hosts` makes the switch with the first of them."""

    def __init__(self) -> None:
        self._switch: subprocess.Popen[bytes] | None = None
        self._holders: dict[str, subprocess.Popen[bytes]] = {}
        self._volumes: dict[str, Path] = {}
        self._ips: dict[str, str] = {}

    def raise_hosts(self, volumes: Mapping[str, Path]) -> None:
        """Makes those hosts that are not there yet; each volume is mounted at its path. OSError: nothing is left."""
        fresh = {name: path for name, path in volumes.items() if name not in self._holders}
        if not fresh:
            return
        try:
            self._raise(fresh)
        except BaseException:
            self.close()
            raise

    def pid(self, name: str) -> int:
        """Of a process in the host's namespaces, there as long as the lab; KeyError if there is no such host.

        Its working directory is the folder in which the host's volume is mounted.
        """
        return self._holders[name].pid

    def ip(self, name: str) -> str:
        return self._ips[name]

    def interface(self, name: str) -> str:
        self._holders[name]
        return INTERFACE

    def volume(self, name: str) -> Volume:
        return Volume(self.pid(name), self._volumes[name])

    def entering(self, name: str) -> list[str]:
        """The command in front of one that is to run on the host; it becomes that one, so the pid stays."""
        return ["nsenter", "-t", str(self.pid(name)), "-n", "-m", "--"]

    def close(self) -> None:
        """Ends the holders; what else runs on the hosts is ended before. May be called again."""
        holders = [*self._holders.values(), *([self._switch] if self._switch else [])]
        self._holders, self._switch = {}, None
        for holder in holders:
            holder.kill()
        for holder in holders:
            holder.communicate()

    def _raise(self, volumes: Mapping[str, Path]) -> None:
        first = self._switch is None
        if self._switch is None:
            self._switch = _hold(_SWITCH, Path("/"))
        for name, path in volumes.items():
            self._holders[name] = _hold([*_HOST, str(path)], path.parent)
            self._volumes[name] = path
        _await_up(SWITCH, self._switch)
        for name in volumes:
            _await_up(name, self._holders[name])
        if first:
            netns_links.make_switch(self._switch.pid)
        netns_links.plug(self._switch.pid, [self._host(name) for name in volumes])

    def _host(self, name: str) -> Host:
        number = len(self._ips)
        self._ips[name] = str(NETWORK[number + 2])
        return Host(self.pid(name), self._ips[name], NETWORK.prefixlen, f"port{number}")


def _hold(command: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
        start_new_session=True, cwd=folder,
    )  # fmt: skip


def _await_up(name: str, holder: subprocess.Popen[bytes]) -> None:
    assert holder.stdin is not None
    assert holder.stdout is not None
    try:
        holder.stdin.write(b"\n")
    except BrokenPipeError:
        """It has ended already; reading finds that, and why."""
    ready, _, _ = select.select([holder.stdout], [], [], _UP_S_MAX)
    if not ready or not os.read(holder.stdout.fileno(), 1):
        holder.kill()
        why = holder.communicate()[1].decode(errors="replace").strip()
        raise OSError(f"no namespaces for {name}: {why or f'nothing in {_UP_S_MAX:g} s'}")
