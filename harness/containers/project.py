"""A compose project: its file, and the tool that runs it, docker-compose (v1) or docker compose (v2)."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.clusters import docker_sources
from harness.clusters.errors import ClusterError
from harness.containers import certs

FILE = "docker-compose.yml"
PROFILE = "harness"
# A file other than the one found; another tool than the one found.
FILE_VARIABLE, TOOL_VARIABLE = "LABELPROOF_COMPOSE_FILE", "LABELPROOF_COMPOSE"

_QUIET_S = 300.0
_STOP_S = 10


@dataclass(frozen=True, slots=True)
class Project:
    """One project. `environment` is what its file asks for (LABELPROOF_...), `overrides` are files over the first."""

    name: str
    file: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    overrides: tuple[Path, ...] = ()

    def up(self, scale: Mapping[str, int] | None = None, *, build: bool = False) -> None:
        """Starts every service without a profile; ClusterError says in the tool's words why not."""
        wanted = [word for service, count in (scale or {}).items() for word in ("--scale", f"{service}={count}")]
        self._do("up", "-d", "--build" if build else "--no-build", *wanted)

    def begin(
        self, container: str, service: str, words: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Runs a service once, in a container of that name, which stays for its files. Ctrl-C does not reach it."""
        more = [word for name, value in (environment or {}).items() for word in ("-e", f"{name}={value}")]
        command = self._command("run", "-T", "--no-deps", *more, "--name", container, service, *words)
        return subprocess.Popen(command, env=self._environ(), stdin=subprocess.DEVNULL, start_new_session=True)

    def down(self) -> None:
        """Removes its containers, networks and volumes. ClusterError says what stays."""
        # A volume that only a service of a profile has, Compose v2 forgets without the profile.
        self._do("down", "--volumes", "--remove-orphans", "--timeout", str(_STOP_S), profile=PROFILE)

    def _do(self, *words: str, profile: str = "") -> None:
        chosen = ["--profile", profile] if profile else []
        try:
            done = subprocess.run(
                self._command(*chosen, *words), env=self._environ(), capture_output=True, text=True, check=False,
                timeout=_QUIET_S, errors="replace",
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise ClusterError(f"{words[0]} of project {self.name} takes more than {_QUIET_S:g} s") from None
        if done.returncode:
            told = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
            raise ClusterError(f"{words[0]} of project {self.name}: {' '.join(told[-3:]) or 'failed without a word'}")

    def _command(self, *words: str) -> list[str]:
        files = [word for file in (self.file, *self.overrides) for word in ("-f", str(file))]
        return [*tool(), *files, "-p", self.name, *words]

    def _environ(self) -> dict[str, str]:
        return {**os.environ, **self.environment}


def tool() -> list[str]:
    """The command; ClusterError where there is none."""
    if given := os.environ.get(TOOL_VARIABLE):
        return given.split()
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    if shutil.which("docker") and _answers(["docker", "compose", "version"]):
        return ["docker", "compose"]
    raise ClusterError("there is neither docker-compose nor `docker compose` here; install one of them")


def file(given: str = "") -> Path:
    """The compose file: the one given, that of the environment, the one here, or that of our own sources.

    ClusterError where there is none.
    """
    named = given or os.environ.get(FILE_VARIABLE, "")
    own = [docker_sources.ROOT / FILE, docker_sources.ROOT / docker_sources.BESIDES / FILE]
    candidates = [Path(named)] if named else [Path(FILE), *own]
    for path in candidates:
        if path.is_file():
            return path.absolute()
    raise ClusterError(f"there is no {candidates[0]}; run from the sources, or say where it is: {FILE_VARIABLE}")


def environment(secrets: Path) -> dict[str, str]:
    """What docker-compose.yml asks for: where the secrets are, and who may read them."""
    owner = (secrets / certs.CA).stat().st_uid
    return {"LABELPROOF_SECRETS": str(secrets.absolute()), "LABELPROOF_UID": str(owner or certs.IMAGE_USER)}


def _answers(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
