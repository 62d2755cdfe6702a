"""A tiny policy in flattened form, and a server made of it plus the statements a test adds."""

from collections.abc import Callable

import pytest

from lsm.modules.selinux.policy import Policy
from lsm.modules.selinux.server import SecurityServer

BASE = """\
(handleunknown deny)
(class process (fork transition dyntransition))
(class file (execute entrypoint))
(class dir (search))
(class tcp_socket (name_connect))
(class fifo_file ())
(class key (view))
(classorder (process file dir tcp_socket fifo_file key))
(classcommon file common_file)
(classcommon dir common_file)
(classcommon fifo_file common_file)
(common common_file (ioctl read write create))
(sid kernel)
(sid unlabeled)
(sid file)
(sidorder (kernel unlabeled file))
(mls true)
(sensitivityorder (s0 s1 s2))
(sensitivityalias secret)
(sensitivityaliasactual secret s1)
(categoryorder (c0 c1 c2 c3))
(categoryalias blue)
(categoryaliasactual blue c2)
(sensitivitycategory s0 ((range c0 c3)))
(sensitivitycategory s1 (c0 c1 c2))
(typeattribute domain)
(typeattribute data)
(type kernel_t)
(type unlabeled_t)
(type user_t)
(type child_t)
(type home_t)
(type tmp_t)
(type exec_t)
(typealias house_t)
(typealiasactual house_t home_t)
(typeattributeset domain (user_t child_t))
(typeattributeset data (home_t tmp_t))
(role object_r)
(role system_r)
(role user_r)
(role admin_r)
(roletype system_r kernel_t)
(roletype user_r user_t)
(roletype user_r child_t)
(roletype admin_r child_t)
(user system_u)
(user alice)
(userrole system_u system_r)
(userrole system_u object_r)
(userrole alice user_r)
(userrole alice admin_r)
(userrole alice object_r)
(userlevel system_u (s0))
(userlevel alice (s0))
(userrange system_u ((s0) (s1 ((range c0 c2)))))
(userrange alice ((s0) (s1 (c0 c1))))
(sidcontext kernel (system_u system_r kernel_t ((s0) (s1 ((range c0 c2))))))
(sidcontext unlabeled (system_u object_r unlabeled_t ((s0) (s0))))
(sidcontext file (system_u object_r unlabeled_t ((s0) (s0))))
"""

MakePolicy = Callable[..., Policy]
MakeServer = Callable[..., SecurityServer]


@pytest.fixture(scope="session")
def base() -> str:
    """The tiny policy's text."""
    return BASE


@pytest.fixture
def make_policy() -> MakePolicy:
    """A policy: the tiny one, with `without` taken out and the given statements added, one a line."""

    def make(*statements: str, without: str = "") -> Policy:
        text = BASE.replace(without, "") if without else BASE
        return Policy.parse("\n".join([text.rstrip("\n"), *statements]) + "\n")

    return make


@pytest.fixture
def make_server(make_policy: MakePolicy) -> MakeServer:
    """A security server under the tiny policy plus the given statements."""

    def make(*statements: str) -> SecurityServer:
        return SecurityServer(make_policy(*statements))

    return make
