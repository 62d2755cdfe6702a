"""doctor: each problem is found, with its remedy and what it keeps from."""

import os
from pathlib import Path

import pytest

from harness import clusters, doctor, owner, store
from harness.clusters import ClusterError, engine
from harness.results import Exit
from harness.store import Store


def named(findings: list[doctor.Finding], name: str) -> doctor.Finding:
    return next(finding for finding in findings if finding.name == name)


def test_every_problem_has_a_remedy(tmp_path: Path) -> None:
    """And what is well has none."""
    findings = doctor.examine(Store(tmp_path))

    assert all(bool(finding.remedy) == (finding.state != "ok") for finding in findings)
    assert {"python", "grpc", "protobuf", "libsepol", "runtime processes", "store"} <= {f.name for f in findings}


def test_without_libsepol_a_run_is_inconclusive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second engine is missing, and the line says what to install."""
    monkeypatch.setenv("LABELPROOF_LIBSEPOL", str(tmp_path / "nonesuch.so"))

    findings = doctor.examine(Store(tmp_path))

    assert named(findings, "libsepol").state == "missing"
    assert "LABELPROOF_LIBSEPOL" in named(findings, "libsepol").remedy
    assert doctor.verdict(findings) == Exit.INCONCLUSIVE


def test_a_runtime_that_cannot_run_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default one keeps from a run; another is only a warning."""

    class Broken:
        def available(self) -> str:
            return "no such thing here"

    monkeypatch.setattr(clusters, "RUNTIMES", {"processes": Broken, "other": Broken})

    findings = list(doctor.runtimes(Store(tmp_path)))

    assert [(f.name, f.state, f.exit) for f in findings] == [
        ("runtime processes", "missing", Exit.UNAVAILABLE),
        ("runtime other", "warning", Exit.PASSED),
    ]


def test_a_store_that_is_a_file_cannot_be_written(tmp_path: Path) -> None:
    """The remedy is another folder."""
    (tmp_path / "file").write_text("")

    finding = next(doctor.folders(Store(tmp_path / "file")))

    assert (finding.state, finding.exit) == ("missing", Exit.UNAVAILABLE)
    assert "--store" in finding.remedy


def test_a_full_disk_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a run finds it half way."""
    monkeypatch.setattr(store, "shortage", lambda path, _needed: f"{path} is full")

    finding = next(doctor.folders(Store(tmp_path)))

    assert (finding.state, finding.exit) == ("missing", Exit.UNAVAILABLE)


def test_an_engine_that_cannot_be_used_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it answers a ping and nothing else: what is wrong with it is told like everything else."""

    def connect() -> None:
        raise ClusterError("no container engine answers at tcp://lab:2376 (wrong keys); start one")

    monkeypatch.setattr(engine, "problem", lambda: None)
    monkeypatch.setattr(engine, "connect", connect)

    (finding,) = doctor.container_engine(Store(tmp_path))

    assert (finding.state, finding.remedy) == ("warning", "start one")
    assert "wrong keys" in finding.detail


def test_leftovers_of_the_dead_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder whose owner lives is none."""
    monkeypatch.setattr(doctor.tempfile, "gettempdir", lambda: str(tmp_path))
    owner.make("living", tmp_path)
    (tmp_path / f"labelproof-dead.{owner.place()}.{os.getpid()}.1.abc").mkdir()

    (finding,) = doctor.leftovers(Store(tmp_path))

    assert finding.state == "warning"
    assert finding.detail.startswith("1 folders")
    assert finding.remedy == "labelproof prune"


def test_what_network_faults_lack_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tools by name, and what to install; the default run needs none of them."""
    monkeypatch.setenv("PATH", "/nowhere")

    (finding,) = doctor.network_faults(Store(tmp_path))

    assert (finding.state, finding.exit) == ("warning", Exit.PASSED)
    assert finding.detail == "nsenter, ip, tc, iptables not found"
    assert "install" in finding.remedy
