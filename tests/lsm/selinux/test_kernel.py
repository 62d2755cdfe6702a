"""What Linux 6.1 with SELinux did on ext4 (measured), as literal expectations."""

import pytest

from lsm.modules.selinux.policy import Policy
from lsm.modules.selinux.server import SecurityServer

POLICY = """\
(mls true)
(class file (read write relabelto))
(class dir (read write))
(class process (transition))
(class fifo_file (read))
(classorder (file dir process fifo_file))
(sensitivityorder (s0 s1 s2 s3))
(categoryorder (c0 c1 c2 c3 c4 c5 c6 c7 c8 c9))
(sensitivitycategory s0 ((range c0 c9)))
(sensitivitycategory s1 ((range c0 c9)))
(sensitivitycategory s3 ((range c0 c9)))
(type app_t)
(type trusted_t)
(type data_dir_t)
(type trans_dir_t)
(type newfile_t)
(type newdir_t)
(type special_t)
(type specialdir_t)
(type data_t)
(role object_r)
(role sysr)
(role altr)
(user sysu)
(user altu)
(userrole sysu sysr)
(userrole altu altr)
(userrange sysu ((s0) (s3 ((range c0 c9)))))
(userrange altu ((s0) (s3 ((range c0 c9)))))
(roletype sysr app_t)
(roletype sysr trusted_t)
(roletype altr app_t)
(sidcontext unlabeled (sysu object_r data_t ((s0) (s0))))
(typetransition app_t trans_dir_t file newfile_t)
(typetransition app_t trans_dir_t dir newdir_t)
(typetransition app_t trans_dir_t file "special.txt" special_t)
(typetransition app_t trans_dir_t dir "special.d" specialdir_t)
(rangetransition app_t trans_dir_t dir ((s1 (c2 c4)) (s1 (c2 c4))))
(mlsvalidatetrans file (or (eq l1 l2) (or (eq t3 trusted_t) (and (domby l1 l2) (eq t3 app_t)))))
(validatetrans file (or (neq t1 special_t) (eq t3 trusted_t)))
"""


@pytest.fixture(scope="module")
def server() -> SecurityServer:
    return SecurityServer(Policy.parse(POLICY))


@pytest.mark.parametrize(
    ("subject", "parent", "tclass", "name", "label"),
    [
        ("sysu:sysr:app_t:s0", "sysu:object_r:data_dir_t:s0", "file", "n", "sysu:object_r:data_dir_t:s0"),
        ("altu:altr:app_t:s0", "sysu:object_r:data_dir_t:s0", "file", "n", "altu:object_r:data_dir_t:s0"),
        ("sysu:sysr:app_t:s0", "sysu:object_r:trans_dir_t:s0", "file", "n", "sysu:object_r:newfile_t:s0"),
        ("sysu:sysr:app_t:s0-s3:c0.c9", "sysu:object_r:trans_dir_t:s0", "dir", "n", "sysu:object_r:newdir_t:s1:c2,c4"),
        (
            *("sysu:sysr:app_t:s0-s3:c0.c9", "sysu:object_r:trans_dir_t:s0", "dir", "special.d"),
            "sysu:object_r:specialdir_t:s1:c2,c4",
        ),
        (
            *("sysu:sysr:app_t:s1:c2-s1:c2.c4", "sysu:object_r:data_dir_t:s1:c2", "file", "n"),
            "sysu:object_r:data_dir_t:s1:c2",
        ),
    ],
)
def test_labels_of_created_objects(
    server: SecurityServer, subject: str, parent: str, tclass: str, name: str, label: str
) -> None:
    """Created objects have the labels that Linux 6.1 gave them on ext4."""
    sid = server.compute_create(server.context_to_sid(subject), server.context_to_sid(parent), tclass, name)

    assert server.sid_to_context(sid) == label


def test_relabel_reads_back_canonically(server: SecurityServer) -> None:
    """Linux 6.1 reads s0:c3,c1,c2 back as s0:c1.c3."""
    sid = server.context_to_sid("sysu:object_r:data_t:s0:c3,c1,c2")

    assert server.sid_to_context(sid) == "sysu:object_r:data_t:s0:c1.c3"


@pytest.mark.parametrize(("task", "allowed"), [("app_t", False), ("trusted_t", True)])
def test_validatetrans(server: SecurityServer, task: str, allowed: bool) -> None:
    """Linux 6.1 let only trusted_t relabel a special_t file to data_t (EPERM for app_t)."""
    old, new = (server.context_to_sid(f"sysu:object_r:{name}:s0") for name in ("special_t", "data_t"))

    assert server.validatetrans(old, new, server.context_to_sid(f"sysu:sysr:{task}:s0"), "file") is allowed
