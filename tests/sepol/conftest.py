"""Small policies of the tests' own, compiled once."""

import pytest

import sepol

# One class, two subjects, MLS with two sensitivities, and one of each thing that libsepol decides.
TINY = """
(handleunknown deny) (mls true)
(common common_file (read write getattr relabelto))
(class file (entrypoint)) (classcommon file common_file)
(class dir (search)) (class process (transition fork))
(classorder (file dir process))
(sid kernel) (sidorder (kernel)) (sidcontext kernel (sys_u sys_r kernel_t ((s0) (s1 (c0 c1)))))
(sensitivity s0) (sensitivity s1) (sensitivityorder (s0 s1))
(category c0) (category c1) (categoryorder (c0 c1))
(sensitivitycategory s0 (c0 c1)) (sensitivitycategory s1 (c0 c1))
(user sys_u) (user joe_u) (role object_r) (role sys_r) (role joe_r) (role adm_r)
(userrole sys_u sys_r) (userrole sys_u object_r) (userrole joe_u joe_r) (userrole joe_u adm_r) (userrole joe_u object_r)
(userlevel sys_u (s0)) (userrange sys_u ((s0) (s1 (c0 c1))))
(userlevel joe_u (s0)) (userrange joe_u ((s0) (s1 (c0 c1))))
(type kernel_t) (type user_t) (type child_t) (type data_t) (type log_t) (type named_t)
(typeattribute all_types) (typeattributeset all_types (all))
(roletype object_r all_types) (roletype sys_r kernel_t) (roletype joe_r user_t) (roletype joe_r child_t)
(roletype adm_r user_t) (typebounds user_t child_t)
(allow user_t data_t (file (read write getattr))) (allow child_t data_t (file (read)))
(allow user_t user_t (process (transition fork)))
(auditallow user_t data_t (file (write))) (dontaudit user_t log_t (file (read getattr)))
(boolean may_log false) (boolean spare true)
(booleanif may_log (true (allow user_t log_t (file (write)))) (false (allow user_t log_t (file (getattr)))))
(typetransition user_t data_t file "a name" named_t)
(mlsconstrain (file (read getattr)) (dom l1 l2)) (mlsconstrain (file (write)) (eq l1 l2))
(mlsvalidatetrans file (or (eq l1 l2) (eq t3 kernel_t)))
"""

# Enough for libsepol, and another answer to the same question.
OTHER = """
(class dir (search)) (class file (append read)) (classorder (dir file)) (mls false)
(sid kernel) (sidorder (kernel)) (sidcontext kernel (joe_u joe_r user_t ((s0) (s0))))
(sensitivity s0) (sensitivityorder (s0)) (user joe_u) (role joe_r) (role object_r)
(userrole joe_u joe_r) (userrole joe_u object_r) (userlevel joe_u (s0)) (userrange joe_u ((s0) (s0)))
(type user_t) (type data_t) (roletype joe_r user_t) (roletype object_r data_t)
(allow user_t data_t (file (append)))
"""


@pytest.fixture(scope="session")
def tiny_cil():
    """The source of `tiny`."""
    return TINY


@pytest.fixture(scope="session")
def tiny():
    """A binary policy with one of each kind of rule."""
    return sepol.compile_cil({"tiny.cil": TINY}, name="tiny")


@pytest.fixture(scope="session")
def other():
    """A binary policy without MLS that allows joe only `append`."""
    return sepol.compile_cil({"other.cil": OTHER}, name="other")


@pytest.fixture(scope="session")
def worker(tiny):
    """A worker for `tiny`, shared: only ask it."""
    with sepol.Worker(tiny, name="tiny") as worker:
        yield worker


@pytest.fixture
def own_worker(tiny):
    """A worker for `tiny` that may be changed and killed."""
    with sepol.Worker(tiny, name="tiny") as worker:
        yield worker


@pytest.fixture(scope="session")
def joe():
    """The subject of the tests."""
    return "joe_u:joe_r:user_t:s0"


@pytest.fixture(scope="session")
def data():
    """An object at the level of joe."""
    return "sys_u:object_r:data_t:s0"
