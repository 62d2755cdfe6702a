"""Removing by label what is ours on an engine; and a child that does so when its parent is gone, however that ended.

The child is this file, run as a script: until its stdin ends it has imported next to nothing, so it costs nothing to
have one for each cluster.
"""

from __future__ import annotations

import errno
import os
import select
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docker import APIClient

Wanted = Callable[[Mapping[str, str]], bool]

_DONE = b"done\n"
# A removal under way, or an endpoint that the engine has not let go of yet: asked again after that time.
_PATIENCE_S = 0.2
_ROUNDS = 25
# What was being made when the parent died is there only afterwards: so many looks that find nothing are believed.
_LOOKS = 3


class Reaper:
    """The child that removes what carries `label` once this process is gone."""

    def __init__(self, label: str, environ: Mapping[str, str]) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-P", __file__, label], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            start_new_session=True, env={**os.environ, **environ},
        )  # fmt: skip

    @property
    def pid(self) -> int:
        return self._child.pid

    def dismiss(self) -> None:
        """There is nothing left to remove; the child ends. May be called again."""
        if self._child.returncode is None:
            self._child.communicate(_DONE)


def remove(api: APIClient, label: str, wanted: Wanted = lambda labels: True) -> list[str]:
    """Removes containers, networks and volumes that carry `label` (NAME or NAME=VALUE) and whose labels are `wanted`.

    Returns their names, each with its kind. What somebody else removes meanwhile is as good as removed here.
    TimeoutError: the engine does not let go of something.
    """
    removed: list[str] = []
    for _ in range(_ROUNDS):
        there = found(api, label, wanted)
        if not there:
            return removed
        with ThreadPoolExecutor(8) as threads:
            for wave in _WAVES:
                list(threads.map(lambda one: _gone(api, *one), [one for one in there if one[0] in wave]))
        removed += [name for name in (f"{kind} {name}" for kind, _, name in there) if name not in removed]
        if not (there := found(api, label, wanted)):
            return removed
        select.select([], [], [], _PATIENCE_S)
    raise TimeoutError(errno.ETIMEDOUT, f"the engine does not remove {there[0][0]} {there[0][2]}")


def found(api: APIClient, label: str, wanted: Wanted) -> list[tuple[str, str, str]]:
    """What `remove` would remove: kind, id and name of each."""
    only: dict[str, Any] = {"label": label}
    there = [("container", one["Id"], one["Names"][0].lstrip("/"), one) for one in _containers(api, only)]
    there += [("network", one["Id"], one["Name"], one) for one in api.networks(filters=only)]
    there += [("volume", one["Name"], one["Name"], one) for one in api.volumes(filters=only)["Volumes"] or ()]
    return [(kind, ident, name) for kind, ident, name, one in there if wanted(one["Labels"] or {})]


def _containers(api: APIClient, only: dict[str, Any]) -> list[dict[str, Any]]:
    there: list[dict[str, Any]] = api.containers(all=True, filters=only)
    # One that is on its way out has no name any more.
    return [one for one in there if one["Names"]]


def _gone(api: APIClient, kind: str, ident: str, _name: str) -> None:
    import docker

    try:
        _KINDS[kind](api, ident)
    except docker.errors.APIError:
        """It is gone, or the engine is not ready to let it go: the next look tells."""


_KINDS: dict[str, Callable[[APIClient, str], None]] = {
    "container": lambda api, ident: api.remove_container(ident, force=True, v=True),
    "network": lambda api, ident: api.remove_network(ident),
    "volume": lambda api, ident: api.remove_volume(ident, force=True),
}

# A network is let go by those on it first, a volume by those that use it.
_WAVES = (("container",), ("network", "volume"))


def main(arguments: Sequence[str]) -> None:
    """Waits for the end of stdin; without the word before it that all is done, removes what carries the label."""
    heard = b""
    while data := os.read(sys.stdin.fileno(), 4096):
        heard += data
    if heard.endswith(_DONE):
        return
    import docker

    api = docker.from_env(timeout=60, max_pool_size=16).api
    quiet = 0
    while quiet < _LOOKS:
        quiet = 0 if remove(api, arguments[0]) else quiet + 1
        select.select([], [], [], _PATIENCE_S)


if __name__ == "__main__":
    main(sys.argv[1:])
