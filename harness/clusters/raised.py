"""A compose project of our own: brought up for a run, taken down after it, and gone too if the harness is killed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import yaml

from harness.clusters import docker_image, engine
from harness.clusters.errors import ClusterError
from harness.clusters.places import Project
from harness.clusters.reaper import Reaper
from harness.containers import project


class Raised(Project):
    """See places.Containers. Everything of it carries our labels, so that `labelproof prune` knows it."""

    def __init__(self, there: engine.Engine, run: str, data: Path, file: Path, secrets: Path) -> None:
        """Writes what it needs into `data`; nothing runs yet. `run` is what its labels say of whose it is.

        ClusterError where the engine cannot see our files: Compose hands secrets to containers as they are here.
        """
        if not there.local:
            raise ClusterError("the engine is on another machine, which has not got the secrets; use --runtime docker")
        self.id = f"labelproof-{os.urandom(4).hex()}"
        super().__init__(there, self.id)
        over = data / "labels.json"
        over.write_text(json.dumps(labelled(file, engine.labels(run, self.id))), encoding="utf-8")
        environment = {**project.environment(secrets), **there.environ}
        self.compose = project.Project(self.id, file, environment, (over,))
        self._logs = data
        self._reaper: Reaper | None = None

    def open(self, wanted: Mapping[str, int]) -> None:
        image = docker_image.ready(self._engine, self._logs)
        # Before anything is made: whatever happens from here on, the child removes it.
        self._reaper = Reaper(f"{engine.CLUSTER}={self.id}", self._engine.environ)
        environment = {**self.compose.environment, docker_image.VARIABLE: image}
        self.compose = replace(self.compose, environment=environment)
        self.compose.up(wanted)
        super().open(wanted)

    def close(self) -> None:
        if self._reaper is None:
            return
        self.compose.down()
        self._reaper.dismiss()
        self._reaper = None


def labelled(file: Path, labels: Mapping[str, str]) -> dict[str, object]:
    """A compose file to lay over `file`: our labels on all that it makes. We look for ourselves whether nodes serve.

    ClusterError if the file does not read.
    """
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
        more = {
            "services": {"labels": dict(labels), "healthcheck": {"disable": True}},
            "networks": {"labels": dict(labels)}, "volumes": {"labels": dict(labels)},
        }  # fmt: skip
        return {top: dict.fromkeys(found.get(top) or (), given) for top, given in more.items()}
    except (OSError, yaml.YAMLError, AttributeError) as error:
        raise ClusterError(f"{file} is no compose file: {error}") from error
