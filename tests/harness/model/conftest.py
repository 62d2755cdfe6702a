"""A policy with one of everything that labels new objects."""

import pytest

import sepol
from harness.model.policy import Policy

CIL = """
(handleunknown allow) (mls true)
(class security (load_policy)) (class process (transition)) (class filesystem (associate))
(class file (read write create open)) (class dir (search add_name create)) (class lnk_file (read create))
(class fifo_file (create)) (class sock_file (create)) (class chr_file (create)) (class tcp_socket (create))
(classorder (security process filesystem file dir lnk_file fifo_file sock_file chr_file tcp_socket))
(sid kernel) (sid security) (sid unlabeled) (sid fs) (sid file) (sidorder (kernel security unlabeled fs file))
(sensitivity s0) (sensitivity s1) (sensitivity s2) (sensitivityorder (s0 s1 s2))
(sensitivityalias top) (sensitivityaliasactual top s2)
(category c0) (category c1) (category c2) (category c3) (category c4) (categoryorder (c0 c1 c2 c3 c4))
(sensitivitycategory s0 (range c0 c4)) (sensitivitycategory s1 (range c0 c4)) (sensitivitycategory s2 (range c0 c4))
(level low (s0)) (level mid (s1 (c2 c4))) (level high (s2 (range c0 c4)))
(user u) (user v) (role r) (role q) (role object_r)
(userrole u r) (userrole u q) (userrole u object_r) (userrole v r) (userrole v object_r)
(userlevel u low) (userrange u (low high)) (userlevel v low) (userrange v (low high))
(type kernel_t) (type security_t) (type unlabeled_t) (type fs_t) (type file_t) (type nfs_t)
(type app_t) (type loose_t) (typepermissive loose_t)
(type dir_t) (type plain_t) (type made_t) (type special_t) (type madedir_t) (type roled_t) (type cond_t) (type switch_t)
(typealias old_t) (typealiasactual old_t dir_t)
(typeattribute all_t) (typeattributeset all_t (all)) (roletype r all_t) (roletype q all_t) (roletype object_r all_t)
(sidcontext kernel (u r kernel_t (low high))) (sidcontext security (u object_r security_t (low low)))
(sidcontext unlabeled (u object_r unlabeled_t (low low))) (sidcontext fs (u object_r fs_t (low low)))
(sidcontext file (u object_r file_t (low low)))
(fsuse xattr lustre (u object_r fs_t (low low))) (genfscon nfs "/" (u object_r nfs_t (low low)))
(allow app_t plain_t (file (read)))
(typetransition app_t dir_t file made_t) (typetransition app_t dir_t dir madedir_t)
(typetransition app_t dir_t file "special.txt" special_t) (typetransition app_t dir_t lnk_file "a b" special_t)
(typetransition app_t plain_t process made_t)
(rangetransition app_t dir_t dir (mid mid))
(roletransition r roled_t dir q) (roleallow r q)
(boolean switch false) (boolean other true)
(booleanif (and switch (not other)) (true (typetransition app_t switch_t file cond_t))
  (false (typetransition app_t switch_t file made_t)))
(defaultuser fifo_file target) (defaultrole fifo_file target) (defaultrange fifo_file target low-high)
(defaulttype sock_file source) (defaultrange sock_file glblub) (defaultrange chr_file target high)
"""


@pytest.fixture(scope="session")
def policy():
    found = Policy(sepol.compile_cil({"model.cil": CIL}))
    yield found
    found.close()


@pytest.fixture(scope="session")
def model_cil():
    """The policy's text, for tests that want more of it."""
    return CIL
