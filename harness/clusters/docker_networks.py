"""The networks of a cluster of containers: internal, each with a small subnet of its own that nobody else uses.

An engine's own pools are exhausted by about thirty networks, so subnets are chosen here. What two harnesses choose at
the same moment the engine gives to one of them, and the other chooses again.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from itertools import islice
from pathlib import Path
from typing import Any

from harness.clusters.engine import Engine
from harness.clusters.errors import ClusterError

# Half of what is set aside for measuring networks (RFC 2544): no network that people use has such addresses.
RANGE = IPv4Network("198.19.0.0/16")
# Addresses that no node can have: the network's, the gateway's and the one of all.
_RESERVED = 3
_PREFIX_MAX = 27
_TRIES = 64
_TAKEN = re.compile(r"[Pp]ool overlaps|overlaps with (?:other|existing)|conflicts with network")


@dataclass(frozen=True, slots=True)
class Network:
    """One network on an engine."""

    id: str
    name: str
    subnet: IPv4Network

    def address(self, number: int) -> str:
        """Of the node with that number, from 0; the gateway has the subnet's first."""
        return str(self.subnet[number + 2])


def make(engine: Engine, name: str, labels: Mapping[str, str], nodes: int, *, internal: bool = True) -> Network:
    """A new network with room for so many nodes. ClusterError: no subnet is free."""
    import docker

    for subnet in _candidates(engine, _prefix(nodes)):
        try:
            made = engine.api.create_network(
                name, driver="bridge", internal=internal, labels=dict(labels), check_duplicate=True,
                ipam=docker.types.IPAMConfig(pool_configs=[docker.types.IPAMPool(subnet=str(subnet))]),
            )  # fmt: skip
        except docker.errors.APIError as error:
            if _TAKEN.search(str(error.explanation)):
                continue
            raise
        return Network(made["Id"], name, subnet)
    raise ClusterError(f"no subnet of {RANGE} is free on the engine; `labelproof prune` removes what is left over")


def _prefix(nodes: int) -> int:
    """Of the smallest subnet for so many nodes, but /27 at least."""
    return min(_PREFIX_MAX, 32 - (nodes + _RESERVED - 1).bit_length())


def room(engine: Engine) -> int:
    """How many networks of few nodes there can be more."""
    used = _used(engine)
    return sum(_free(subnet, used) for subnet in RANGE.subnets(new_prefix=_PREFIX_MAX))


def _candidates(engine: Engine, prefix: int) -> Iterator[IPv4Network]:
    """Some that are free, from anywhere, so that harnesses seldom choose the same."""
    used, size = _used(engine), 1 << (32 - prefix)
    numbers = random.SystemRandom().sample(range(RANGE.num_addresses // size), k=RANGE.num_addresses // size)
    every = (IPv4Network((int(RANGE[number * size]), prefix)) for number in numbers)
    return islice((subnet for subnet in every if _free(subnet, used)), _TRIES)


def _free(subnet: IPv4Network, used: Sequence[IPv4Network]) -> bool:
    return not any(map(subnet.overlaps, used))


def _used(engine: Engine) -> list[IPv4Network]:
    """What of the range is not to be had."""
    found = [*_on_engine(engine), *(_routes() if engine.local else ())]
    return [other for other in found if other.overlaps(RANGE)]


def _on_engine(engine: Engine) -> list[IPv4Network]:
    found: Sequence[dict[str, Any]] = engine.api.networks()
    configs = [config for network in found for config in network["IPAM"]["Config"] or ()]
    # One network of IPv6 beside ours overlaps with nothing.
    return [IPv4Network(config["Subnet"]) for config in configs if ":" not in config.get("Subnet", ":")]


def _routes() -> list[IPv4Network]:
    """Where this machine sends packets to by more than the default route (proc(5), /proc/net/route)."""
    found = []
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        fields = line.split()
        address, mask = (int.from_bytes(bytes.fromhex(fields[at])[::-1]) for at in (1, 7))
        if mask:
            found.append(IPv4Network((address & mask, str(IPv4Address(mask)))))
    return found
