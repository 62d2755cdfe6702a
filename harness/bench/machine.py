"""What the figures were taken on. Two runs are only worth comparing where this is the same."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

import sepol


def facts() -> dict[str, str]:
    """Machine, system and libraries, by name."""
    return {
        "cpu": _cpu(),
        "cores": str(len(os.sched_getaffinity(0))),
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "grpc": metadata.version("grpcio"),
        "protobuf": metadata.version("protobuf"),
        "libsepol": sepol.available() or str(sepol.library()),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
