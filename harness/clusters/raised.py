"""A compose project of our own: brought up for a run, taken down after it, and gone too if the harness is killed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import yaml

from harness.clusters import docker_image, engine
from harness.clusters.errors import ClusterError
from harness.clusters.places import Project
from harness.clusters.reaper import Reaper
from harness.containers import certs, project
from harness.spec import ClusterSpec


class Raised(Project):
    """See places.Containers. Everything of it carries our labels, so that `labelproof prune` knows it."""

    def __init__(self, there: engine.Engine, spec: ClusterSpec, run_dir: Path, data: Path, file: Path) -> None:
        """Makes the project's secrets in `data`; nothing runs yet."""
        self._id = f"labelproof-{os.urandom(4).hex()}"
        super().__init__(there, self._id)
        self._labels = engine.labels(run_dir.name, self._id)
        self._run_dir = run_dir
        self.secrets = data / "secrets"
        certs.make(self.secrets, spec.name, {"mds": spec.mds, "oss": spec.oss, "client": spec.client})
        over = data / "labels.json"
        over.write_text(json.dumps(labelled(file, self._labels)), encoding="utf-8")
        self._compose = project.Project(self._id, file, project.environment(self.secrets), (over,))
        self._reaper: Reaper | None = None

    def open(self, wanted: Mapping[str, int]) -> None:
        image = docker_image.ready(self._engine, self._run_dir / "logs")
        # Before anything is made: whatever happens from here on, the child removes it.
        self._reaper = Reaper(f"{engine.CLUSTER}={self._id}", self._engine.environ)
        environment = {**self._compose.environment, **self._engine.environ, docker_image.VARIABLE: image}
        self._compose = project.Project(self._id, self._compose.file, environment, self._compose.overrides)
        self._compose.up(wanted)
        super().open(wanted)

    def close(self) -> None:
        if self._reaper is None:
            return
        self._compose.down()
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
