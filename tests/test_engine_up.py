"""tools/engine-up with stand-ins for what it calls: what it starts, makes and stops, and what it leaves alone."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

SCRIPT = Path(__file__).parents[1] / "tools" / "engine-up"
# The engine answers while the file `up` is there; `images` holds its images, `calls` what was asked of whom.
DOCKER = """
case "$1 $2" in
"version "*) [ -e up ] && echo answered ;;
"compose version") true ;;
"context inspect") echo unix:///run/default.sock ;;
"image inspect") grep -qxF "$3" images ;;
"image rm") sed -i "/^$3$/d" images ;;
"import "*) cat >/dev/null; echo sha256:made >>images; echo sha256:made ;;
"tag "*) echo "$3" >>images ;;
*) exit 9 ;;
esac
"""
DOCKERD = """
while [ $# -gt 0 ]; do case "$1" in --pidfile) pid=$2 ;; esac; shift; done
echo $$ >"$pid"
[ -e broken ] && { echo no iptables; exit 1; }
touch up
trap 'rm -f up; exit 0' TERM
while :; do sleep 0.05; done
"""
MMDEBSTRAP = "[ -e broken ] && exit 25; echo system"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[SimpleNamespace]:
    """A machine with no engine and no image; `run` runs the script on it."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, text in (("docker", DOCKER), ("dockerd", DOCKERD), ("mmdebstrap", MMDEBSTRAP), ("id", "echo 0")):
        tool = tools / name
        tool.write_text(f'#!/bin/bash\ncd {tmp_path}\necho "{name} $*" >>calls\n{text}')
        tool.chmod(0o755)
    (tmp_path / "images").touch()
    environ = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "LABELPROOF_ENGINE_ROOT": str(tmp_path / "root")}
    environ.pop("DOCKER_HOST", None)

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "calls").write_text("")
        command = ["bash", str(_short(tmp_path)), *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environ | more, timeout=30, check=False)

    yield SimpleNamespace(
        run=run, folder=tmp_path, calls=(tmp_path / "calls").read_text,
        images=lambda: (tmp_path / "images").read_text().split(),
    )  # fmt: skip
    run("--down")


def _short(folder: Path) -> Path:
    """The script with shorter patience, and a Debian around it whatever this machine is."""
    text = SCRIPT.read_text().replace("start_s_max=30", "start_s_max=1")
    text = text.replace("/etc/os-release", str(folder / "os-release"))
    text = text.replace("/etc/apt/sources.list.d/debian.sources", str(folder / "debian.sources"))
    copy = folder / "engine-up"
    copy.write_text(text)
    return copy


@pytest.fixture
def debian(lab: SimpleNamespace) -> None:
    """Its packages come from somewhere."""
    (lab.folder / "os-release").write_text("ID=debian\n")
    (lab.folder / "debian.sources").write_text("Types: deb\nURIs: http://packages.test/debian\nSuites: bookworm\n")


@pytest.mark.usefixtures("debian")
def test_engine_and_image_are_made_once(lab: SimpleNamespace) -> None:
    """The second time finds both, and starts and makes nothing."""
    first = lab.run()
    made = lab.calls()
    second = lab.run()

    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert "python:3.11-slim-bookworm" in lab.images()
    assert "dockerd --host unix:///run/default.sock" in made
    assert "mmdebstrap" in made
    assert "bookworm - http://packages.test/debian" in made
    assert "dockerd" not in lab.calls()
    assert "mmdebstrap" not in lab.calls()


@pytest.mark.usefixtures("debian")
def test_down_stops_what_it_started(lab: SimpleNamespace) -> None:
    """And a second time there is nothing to stop, which is no error."""
    lab.run()
    pid = (lab.folder / "root" / "pid").read_text().strip()

    first, second = lab.run("--down"), lab.run("--down")

    assert (first.returncode, second.returncode) == (0, 0)
    assert not (lab.folder / "up").exists()
    assert not Path(f"/proc/{pid}").exists()
    assert "no engine of this script" in second.stderr


def test_another_engine_is_used_and_never_stopped(lab: SimpleNamespace) -> None:
    """Neither when it is nobody's of ours, nor when its pid stands where that of ours would."""
    (lab.folder / "up").touch()
    (lab.folder / "images").write_text("python:3.11-slim-bookworm\n")
    other = subprocess.Popen(["sleep", "60"])
    (lab.folder / "root").mkdir()
    (lab.folder / "root" / "pid").write_text(f"{other.pid}\n")

    used, kept = lab.run(), lab.run("--down")

    try:
        assert (used.returncode, kept.returncode) == (0, 0)
        assert other.poll() is None
        assert (lab.folder / "up").exists()
    finally:
        other.kill()
        other.wait()


@pytest.mark.usefixtures("debian")
def test_an_image_that_is_not_whole_gets_no_name(lab: SimpleNamespace) -> None:
    """What a failing mmdebstrap wrote is removed from the engine again."""
    (lab.folder / "up").touch()
    (lab.folder / "broken").touch()

    failed = lab.run()

    assert failed.returncode == 1
    assert "could not be made" in failed.stderr
    assert lab.images() == []


def test_where_no_image_can_be_made_it_is_to_be_pulled(lab: SimpleNamespace) -> None:
    """A machine that is no Debian has other means."""
    (lab.folder / "up").touch()

    failed = lab.run()

    assert failed.returncode == 1
    assert "docker pull python:3.11-slim-bookworm" in failed.stderr


def test_an_engine_that_does_not_come_up_is_told(lab: SimpleNamespace) -> None:
    """With the end of its log."""
    (lab.folder / "broken").touch()

    failed = lab.run()

    assert failed.returncode == 1
    assert "no iptables" in failed.stderr
    assert "does not come up" in failed.stderr


def test_an_engine_elsewhere_is_not_started_from_here(lab: SimpleNamespace) -> None:
    """It says so instead of starting another."""
    failed = lab.run(DOCKER_HOST="tcp://lab:2375")

    assert failed.returncode == 1
    assert "tcp://lab:2375" in failed.stderr
    assert "dockerd" not in lab.calls()


def test_what_it_does_not_know_is_usage(lab: SimpleNamespace) -> None:
    """The words of its head, and nothing done."""
    failed = lab.run("--restart")

    assert failed.returncode == 2
    assert "tools/engine-up --down" in failed.stderr
    assert lab.calls() == ""
