"""How new objects, filesystems and ports are labelled: statements that libsepol found in the compiled policies.

libsepol exports no transition function, so these look at its own print of the binary policy.
"""

import pytest

BOTH = (
    "(typetransition user_t project_dir_t file newfile_t)",
    "(typetransition user_t project_dir_t dir newdir_t)",
    "(typetransition user_t project_dir_t lnk_file newlnk_t)",
    "(typetransition user_t project_dir_t fifo_file newfifo_t)",
    "(typetransition user_t project_dir_t sock_file newsock_t)",
    "(typetransition user_t project_dir_t chr_file newchr_t)",
    "(typetransition user_t project_dir_t blk_file newblk_t)",
    '(typetransition user_t project_dir_t file "special.txt" special_t)',
    '(typetransition user_t project_dir_t dir "special.d" specialdir_t)',
    "(typetransition user_t root_t dir home_t)",
    "(typetransition user_t job_exec_t process job_t)",
    "(roletransition user_r staff_dir_t file staff_r)",
    "(roletransition user_r job_exec_t process staff_r)",
    "(roleallow user_r staff_r)",
    "(defaultuser fifo_file target)",
    "(defaultrange fifo_file target low-high)",
    "(defaultrole sock_file source)",
    "(typebounds user_t bounded_t)",
    "(handleunknown deny)",
    "(policycap open_perms)",
    "(policycap extended_socket_class)",
    "(policycap nnp_nosuid_transition)",
    "(fsuse xattr lustre (system_u object_r lustre_fs_t ((s0) (s0))))",
    "(fsuse trans tmpfs (system_u object_r tmpfs_t ((s0) (s0))))",
    '(genfscon proc "/fs/lustre" (system_u object_r lustre_param_t ((s0) (s0))))',
    "(portcon tcp 988 (system_u object_r lustre_port_t ((s0) (s0))))",
    "(sidcontext file (system_u object_r file_t ((s0) (s0))))",
    "(sidcontext unlabeled (system_u object_r unlabeled_t ((s0) (s0))))",
)


@pytest.mark.parametrize("statement", BOTH)
def test_statement_reaches_the_compiled_policy(judge, statement):
    """What the sources say about labels is in the binary that the servers load."""
    assert statement in judge.cil.splitlines()


def test_transition_of_shared_files_is_conditional(judge):
    """New files in shared_t become project_t only while both booleans are on."""
    _, _, rest = judge.cil.partition("(booleanif (and user_write_shared shared_is_project)\n")
    block = rest.partition("\n)\n")[0]

    assert "(typetransition user_t shared_t file project_t)" in block
    assert judge.cil.count("(typetransition user_t shared_t file project_t)") == 1


def test_ioctls_of_home_files_are_named(judge):
    """Of the ioctls, home_t has extended permissions for the driver of Lustre alone; no other type has any."""
    (rule,) = [line for line in judge.cil.splitlines() if line.startswith("(allowx ")]

    assert rule.startswith("(allowx rich_domain home_t (ioctl file ")
    assert "(range 0x6600 0x66ff)" in rule


@pytest.mark.parametrize("tclass", ["file", "dir", "lnk_file", "fifo_file", "sock_file", "chr_file", "blk_file"])
def test_everything_new_in_one_directory_has_a_level_of_its_own(mls, targeted, tclass):
    """The range transition of marked_dir_t is one of categories in targeted, and one of levels in mls."""
    for found, level in ((targeted, "(s0 (c2 c4))"), (mls, "(s1 (c2 c4))")):
        assert f"(rangetransition user_t marked_dir_t {tclass} ({level} {level}))" in found.cil.splitlines()


def test_only_mls_raises_new_directories(mls, targeted):
    """The range transition of project_dir_t is a rule of mls alone."""
    raised = "(rangetransition user_t project_dir_t dir ((s1 (c2 c4)) (s1 (c2 c4))))"

    assert raised in mls.cil.splitlines()
    assert "(rangetransition user_t project_dir_t" not in targeted.cil


@pytest.mark.parametrize(
    "context",
    [
        "user_u:object_r:newdir_t:s0",
        "user_u:staff_r:staff_dir_t:s0",  # the role transition
        "user_u:user_r:newsock_t:s0",  # the role that a socket takes from its creator
        "system_u:object_r:newfifo_t:s0",  # the user that a fifo takes from its directory
        "user_u:staff_r:job_t:s0",
    ],
)
def test_results_of_transitions_are_valid_contexts(judge, context):
    """No rule for new objects produces a context that the policy itself refuses."""
    assert judge.worker.check_contexts([context]) == [True]
