"""docker-compose.yml as a stack file."""

from pathlib import Path

import pytest
import yaml

from harness.cli import command
from harness.containers import stack

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def made() -> dict:
    return yaml.safe_load(stack.text(ROOT / "docker-compose.yml"))


def test_our_own(made) -> None:
    """Version 3, every node's service with its replicas, and no harness: that is no service of the cluster."""
    assert made["version"] == "3.8"
    assert list(made["services"]) == ["mds", "oss", "client"]
    assert [made["services"][name]["deploy"].get("replicas", 1) for name in made["services"]] == [1, 2, 2]


def test_what_a_stack_does_not_take(made) -> None:
    """Neither build nor depends_on nor profiles nor security_opt is left, and no anchors."""
    words = {key for service in made["services"].values() for key in service}

    assert not words & {"build", "depends_on", "profiles", "security_opt", "restart", "container_name"}
    assert "&id" not in stack.text(ROOT / "docker-compose.yml")


def test_names_stand_for_every_task(made) -> None:
    """Without IPVS a virtual address leads nowhere: names resolve to the tasks, and each knows its slot."""
    for name, service in made["services"].items():
        assert service["deploy"]["endpoint_mode"] == "dnsrr"
        assert service["environment"]["LABELPROOF_SLOT"] == "{{.Task.Slot}}"
        assert service["hostname"] == f"{name}{{{{.Task.Slot}}}}"


def test_networks_span_machines(made) -> None:
    """Overlay, open to a harness that is no service, and still without a way out."""
    assert made["networks"] == {"cluster": {"driver": "overlay", "attachable": True, "internal": True}}


def test_secrets_are_kept(made) -> None:
    """Those of the services that are kept; the harness's stays with whoever runs it. Volumes alike."""
    assert list(made["secrets"]) == ["mds", "oss", "client"]
    assert list(made["volumes"]) == ["mds", "oss", "client"]
    assert made["services"]["oss"]["secrets"] == [{"source": "oss", "target": "oss.json"}]


def test_a_project_of_somebody_elses() -> None:
    """Environments as lists, services without anything, and no networks or volumes at all."""
    project = {
        "services": {"a": {"image": "i", "environment": ["X=1=2", "Y"], "restart": "always"}, "b": {"image": "i"}},
    }  # fmt: skip

    found = stack.convert(project)

    assert found["services"]["a"]["environment"] == {"X": "1=2", "Y": "", "LABELPROOF_SLOT": "{{.Task.Slot}}"}
    assert found["networks"] == {}
    assert "secrets" not in found


@pytest.mark.parametrize(
    ("text", "why"), [("a: [", "is no YAML"), ("[]", "is no compose file"), ("services: 3", "is no compose file")]
)
def test_what_does_not_read(tmp_path, text, why) -> None:
    """The file is named."""
    (tmp_path / "c.yml").write_text(text)

    with pytest.raises(ValueError, match=rf"c\.yml {why}"):
        stack.text(tmp_path / "c.yml")


def test_the_command_prints_it(monkeypatch, tmp_path, capfd) -> None:
    """On standard output, with the commands that use it as its first lines; `-f` names another file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.yml").write_text("services: {mds: {image: i}, oss: {image: i}}\nnetworks: {lan: }\n")

    code = command.run(["compose", "--stack", "-f", "other.yml"])

    out, error = capfd.readouterr()
    assert (code, error) == (0, "")
    assert out.startswith("# Made from other.yml by `labelproof compose --stack`.\n")
    assert "--network NAME_lan" in out
    assert "mds:7000,oss:7000" in out
    assert set(yaml.safe_load(out)["services"]) == {"mds", "oss"}
