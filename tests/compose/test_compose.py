"""docker-compose.yml under every version of Compose: accepted, up, taken over by runs, down."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness import choices
from harness.clusters import ClusterError
from harness.clusters.compose import Compose
from harness.containers import certs
from harness.containers.labels import PROJECT, SERVICE
from harness.policy import Policy
from harness.profile import PROFILES

FILE = Path(__file__).parents[2] / "docker-compose.yml"
HEALTHY_S_MAX = 40


def started(spec, folder: Path):
    folder.mkdir()
    return Compose().start(spec, folder)


def test_the_file_is_accepted(tool, environ) -> None:
    """Without a warning, and without secrets being there."""
    done = subprocess.run([*tool, "-f", FILE, "config", "-q"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_profile_is_accepted(tool, environ) -> None:
    """The harness's service too, which `up` leaves out."""
    done = subprocess.run(
        [*tool, "-f", FILE, "--profile", "harness", "config"], capture_output=True, text=True, check=True
    )

    assert "LABELPROOF_CLUSTER: mds:7000,oss:7000,client:7000" in done.stdout


def test_runs_take_a_project_over(up, tmp_path, monkeypatch, there) -> None:
    """One run after the other; a killed, a paused and a restarted node in between; the project is up as it was."""
    project = up()
    monkeypatch.setenv("LABELPROOF_CLUSTER", project.name)
    monkeypatch.setenv("LABELPROOF_SECRETS", project.environment["LABELPROOF_SECRETS"])
    policy = Policy.own("targeted", cache=tmp_path / "cache")
    spec, who = choices.spec(policy, "enforcing", 1), PROFILES["targeted"]
    names = []

    for run in ("run1", "run2"):
        cluster = started(spec, tmp_path / run)
        try:
            task = cluster.client().login(who.admin, uid=0, caps="all")
            names.append([entry.name for entry in task.readdir("/")])
            task.mkdir("/d")
            cluster.node("mds0").kill()
            cluster.node("mds0").restart()
            cluster.node("oss0").restart()
            cluster.pause("client1")
            assert cluster.machine.paused("client1")
            cluster.resume("client1")
            cluster.node("oss1").kill()
            names.append([entry.name for entry in task.readdir("/")])
        finally:
            cluster.stop()

    assert names == [[], ["d"]] * 2
    states = there.api.containers(all=True, filters={"label": f"{PROJECT}={project.name}"})
    assert [one["State"] for one in states] == ["running"] * 5
    assert (tmp_path / "run1" / "history" / "oss1.jsonl").stat().st_size > 0


def test_what_a_killed_run_left_goes_on(up, tmp_path, monkeypatch, there) -> None:
    """A node that it had paused, and one that it had killed: the next run finds the cluster whole."""
    project = up(oss=1, client=1)
    monkeypatch.setenv("LABELPROOF_CLUSTER", project.name)
    monkeypatch.setenv("LABELPROOF_SECRETS", project.environment["LABELPROOF_SECRETS"])
    monkeypatch.setenv("LABELPROOF_NODES", "oss=1,client=1")
    label = {"label": f"{PROJECT}={project.name}"}
    by_service = {one["Labels"][SERVICE]: one["Id"] for one in there.api.containers(filters=label)}
    there.api.pause(by_service["oss"])
    there.api.kill(by_service["client"])

    cluster = started(choices.spec(None, "disabled", 1), tmp_path / "run1")
    cluster.client().login(None, uid=0, caps="all").mkdir("/d")
    cluster.stop()

    assert [one["State"] for one in there.api.containers(all=True, filters=label)] == ["running"] * 3


def test_a_project_of_another_size(up, tmp_path, monkeypatch) -> None:
    """Three object-storage servers where two are wanted: said at once; taken by who wants three."""
    project = up(oss=3)
    monkeypatch.setenv("LABELPROOF_CLUSTER", project.name)
    monkeypatch.setenv("LABELPROOF_SECRETS", project.environment["LABELPROOF_SECRETS"])

    with pytest.raises(ClusterError, match=r"runs 3 oss and 2 are wanted; .* --scale oss=2"):
        started(choices.spec(None, "disabled", 1), tmp_path / "run1")
    monkeypatch.setenv("LABELPROOF_NODES", "oss=3")
    cluster = started(choices.spec(None, "disabled", 1), tmp_path / "run2")
    cluster.stop()

    assert list(cluster.nodes) == ["mds0", "oss0", "oss1", "oss2", "client0", "client1"]


def test_the_harness_leaves_the_scale_alone(up, there, tool, image) -> None:
    """Compose v2 starts what a service depends on, as many as the file says: a third oss was gone, with its data."""
    project = up(oss=3, client=1)
    environ = {**os.environ, **project.environment, "LABELPROOF_IMAGE": image}
    listing = [*tool, "-f", FILE, "-p", project.name, "run", "-T", "--rm", "harness", "list", "suites"]

    done = subprocess.run(listing, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)

    assert "create_labels" in done.stdout
    states = there.api.containers(all=True, filters={"label": [f"{PROJECT}={project.name}", f"{SERVICE}=oss"]})
    assert [one["State"] for one in states] == ["running"] * 3


def test_nodes_become_healthy(up, there) -> None:
    """By the image's health check, before any run has taken them."""
    project = up(oss=1, client=1)
    label = {"label": f"{PROJECT}={project.name}"}
    deadline = time.monotonic() + HEALTHY_S_MAX

    while True:
        states = [
            there.api.inspect_container(one["Id"])["State"]["Health"] for one in there.api.containers(filters=label)
        ]
        if all(state["Status"] == "healthy" for state in states) or time.monotonic() > deadline:
            break
        time.sleep(0.5)

    assert [state["Status"] for state in states] == ["healthy"] * 3
    assert {state["Log"][-1]["Output"] for state in states} == {"mds0 serves\n", "oss0 serves\n", "client0 serves\n"}


def test_no_project_of_that_name(there, tmp_path, monkeypatch, environ) -> None:
    """Both ways out are named: starting it, and leaving it to the run."""
    monkeypatch.setenv("LABELPROOF_CLUSTER", "nonesuch")
    monkeypatch.setenv("LABELPROOF_SECRETS", str(tmp_path / "secrets"))
    certs.make(tmp_path / "secrets", "lab", {"mds": 1, "oss": 1, "client": 1})

    with pytest.raises(ClusterError, match=r"project nonesuch does not run .*`docker-compose up -d`.*brought up"):
        started(choices.spec(None, "disabled", 1), tmp_path / "run")


def test_a_project_for_one_run(environ, tmp_path, left, monkeypatch) -> None:
    """Without a name one is brought up, whatever the folder, and is gone afterwards."""
    monkeypatch.chdir(tmp_path)

    cluster = started(choices.spec(None, "disabled", 1), tmp_path / "run")
    during = left()
    cluster.client().login(None, uid=0, caps="all").mkdir("/d")
    cluster.stop()

    assert sum(name.startswith("/") for name in during) == 5
    assert left() == []


def test_it_goes_with_a_killed_harness(environ, tmp_path, left) -> None:
    """kill -9 of the process that brought it up: its child removes what carries our label."""
    script = (
        "import os, signal, sys; from pathlib import Path; from harness import choices\n"
        "from harness.clusters.compose import Compose\n"
        "Compose().start(choices.spec(None, 'disabled', 1), Path(sys.argv[1]))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    (tmp_path / "run").mkdir()

    done = subprocess.run([sys.executable, "-P", "-c", script, tmp_path / "run"], check=False, timeout=90)
    deadline = time.monotonic() + HEALTHY_S_MAX
    while left() and time.monotonic() < deadline:
        time.sleep(0.2)

    assert done.returncode == -9
    assert left() == []
    assert list((tmp_path / "run" / "history").iterdir()) != []
