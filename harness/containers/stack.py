"""docker-compose.yml as a stack file: the older schema (version 3.8) that `docker stack deploy` takes.

Rules: Docker's "Compose file version 3 reference" (what a stack ignores or refuses); and that a service's virtual
address needs IPVS in the kernel, while a name that stands for every task (dnsrr) needs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

VERSION = "3.8"
# What a stack refuses or ignores of a service. Whoever starts late is waited for, and swarm starts again what ended.
_DROPPED = frozenset({
    "build", "container_name", "cpus", "depends_on", "devices", "extends", "mem_limit", "pids_limit", "privileged",
    "profiles", "pull_policy", "restart", "scale", "security_opt",
})  # fmt: skip
_HEADER = """\
# Made from {source} by `labelproof compose --stack`.
#   docker stack deploy --resolve-image never -c THIS NAME
#   docker run --rm --network NAME_{network} -v SECRETS:/run/secrets:ro -v RESULTS:/results --entrypoint labelproof \\
#     -e LABELPROOF_RUNTIME=compose -e LABELPROOF_CLUSTER={addresses} \\
#     -e LABELPROOF_SECRETS=/run/secrets IMAGE --store /results run
"""
_PORT = 7000


def text(source: Path) -> str:
    """The stack file, with the commands that use it. Raises OSError, ValueError naming what does not read."""
    try:
        found = yaml.safe_load(source.read_text(encoding="utf-8"))
        stack = convert(found)
    except yaml.YAMLError as error:
        raise ValueError(f"{source} is no YAML: {error}; correct it") from error
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{source} is no compose file: {type(error).__name__}: {error}; correct it") from error
    addresses = ",".join(f"{name}:{_PORT}" for name in stack["services"])
    header = _HEADER.format(
        source=source.name, addresses=addresses, network=next(iter(stack.get("networks") or {"?": 0}))
    )
    return header + yaml.dump(stack, Dumper=_Plain, sort_keys=False, width=120)


def convert(project: Mapping[str, Any]) -> dict[str, Any]:
    """The stack of a compose project; services with a profile are left out, as `up` leaves them."""
    services = {name: service for name, service in project["services"].items() if not service.get("profiles")}
    named = {top: project[top] for top in ("volumes", "secrets", "configs") if project.get(top)}
    networks = {name: _network(given or {}) for name, given in (project.get("networks") or {}).items()}
    found = {name: _service(name, service) for name, service in services.items()}
    return {"version": VERSION, "services": found, "networks": networks, **_used(named, found)}


class _Plain(yaml.SafeDumper):
    """Writes what several services share out in each."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _service(name: str, service: Mapping[str, Any]) -> dict[str, Any]:
    """The service; its tasks know their slot, by which each finds its own name."""
    kept = {key: value for key, value in service.items() if key not in _DROPPED}
    kept["hostname"] = f"{name}{{{{.Task.Slot}}}}"
    kept["environment"] = {**_pairs(service.get("environment") or {}), "LABELPROOF_SLOT": "{{.Task.Slot}}"}
    kept["deploy"] = {**(service.get("deploy") or {}), "endpoint_mode": "dnsrr"}
    return kept


def _network(given: Mapping[str, Any]) -> dict[str, Any]:
    """Over all machines of the swarm, and open to the harness, which is no service of it."""
    kept = {key: value for key, value in given.items() if key in ("internal", "labels", "name")}
    return {"driver": "overlay", "attachable": True, **kept}


def _pairs(environment: Mapping[str, Any] | list[str]) -> dict[str, Any]:
    if isinstance(environment, Mapping):
        return dict(environment)
    return dict(item.partition("=")[::2] for item in environment)


def _used(named: Mapping[str, Mapping[str, Any]], services: Mapping[str, Any]) -> dict[str, Any]:
    """Of volumes, secrets and configs those that a service of the stack speaks of."""
    spoken = {top: {_source(item) for service in services.values() for item in service.get(top) or ()} for top in named}
    kept = {top: {name: value for name, value in given.items() if name in spoken[top]} for top, given in named.items()}
    return {top: given for top, given in kept.items() if given}


def _source(item: Mapping[str, Any] | str) -> str:
    return str(item.get("source")) if isinstance(item, Mapping) else item.partition(":")[0]
