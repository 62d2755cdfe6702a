"""Workers of one run that boot their clusters, and a cluster with its judge."""

import fcntl
import os
from pathlib import Path

import pytest

from harness import choices, pool, recheck
from harness.checkers.audit import Audit
from harness.checkers.counts import Counts
from harness.checkers.mediation import Mediation
from harness.clusters import RUNTIMES
from harness.model.policy import Stored

ADMIN = "staff_u:staff_r:admin_t:s0"


def may_boot(run_dir: Path) -> bool:
    """Whether another worker would have its turn now."""
    folder = os.open(run_dir, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(folder)
    return True


def test_one_boots_after_the_other_where_nodes_are_more_than_cores(tmp_path: Path) -> None:
    """The others wait until it is done, and only there; nothing is left in the run's folder."""
    with pool._turn(tmp_path, crowded=True):
        assert not may_boot(tmp_path)
    with pool._turn(tmp_path, crowded=False):
        assert may_boot(tmp_path)
    assert may_boot(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", [Mediation, Audit, Counts])
def test_ctrl_c_in_the_midst_of_an_event_loses_none(where: type, tmp_path: Path, monkeypatch) -> None:
    """Some checkers have had it and others not: the last word is on the whole history, and the same as without."""
    cluster = RUNTIMES["sim"]().start(choices.spec(choices.policy("targeted", tmp_path), "enforcing", 1), tmp_path)
    member = pool.Member(cluster, Stored(tmp_path))
    member.booted()
    admin = cluster.client().login(ADMIN, uid=0, caps="all")
    guest = cluster.client().login("user_u:user_r:guest_t:s0")
    admin.mkdir("/d")
    with pytest.raises(PermissionError):
        guest.mkdir("/d/e")

    with monkeypatch.context() as patch:
        patch.setattr(where, "feed", interrupted(where.feed))
        with pytest.raises(KeyboardInterrupt):
            member.judge()
    found = member.finish()

    assert {verdict.valid for verdict in found.verdicts} == {"valid"}, found.verdicts
    assert found.late == ()
    assert found.numbers == recheck.of_part(tmp_path).numbers


def interrupted(feed):
    """Like `feed`, but Ctrl-C comes with the first decision that is a denial."""

    def fed(self, event) -> None:
        if event["e"] == "avc" and event["denied"]:
            raise KeyboardInterrupt
        feed(self, event)

    return fed
