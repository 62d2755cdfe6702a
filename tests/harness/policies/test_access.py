"""Who may do what: type enforcement, roles, booleans and identity, as libsepol decides under both policies."""

import pytest

FILE_CLASSES = ("file", "dir", "lnk_file", "fifo_file", "sock_file", "chr_file", "blk_file")
RELABEL = {"relabelfrom", "relabelto"}


@pytest.mark.parametrize(
    ("type_", "has", "lacks"),
    [
        ("home_t", {"read", "write", "create", "unlink", *RELABEL}, {"entrypoint", "execmod"}),
        ("log_t", {"create", "append", "open", "getattr"}, {"read", "write", "unlink", *RELABEL}),
        ("ro_t", {"read", "open", "getattr"}, {"write", "append", "setattr"}),
        ("wo_t", {"write", "append", "open"}, {"read", "getattr"}),
        ("secret_t", set(), {"read", "write", "getattr", "open"}),
        ("noassoc_t", {"create", "read", "write", *RELABEL}, {"execmod"}),
        ("norelabelfrom_t", {"create", "read", "relabelto"}, {"relabelfrom"}),
        ("norelabelto_t", {"create", "read", "relabelfrom"}, {"relabelto"}),
    ],
)
def test_user_is_allowed_what_the_type_stands_for(judge, type_, has, lacks):
    """Each object type allows user_t exactly the half that its comment names."""
    allowed = judge.allowed(judge.subject("user_t"), judge.file(type_))

    assert has <= allowed
    assert not lacks & allowed


@pytest.mark.parametrize("domain", ["kernel_t", "mds_t", "oss_t", "admin_t"])
@pytest.mark.parametrize("tclass", FILE_CLASSES)
def test_servers_and_administrator_may_do_all_to_every_file_type(judge, domain, tclass):
    """No file type is out of their reach, at any level and under any user."""
    types = sorted(judge.types("file_type"))
    full = judge.allowed(judge.system("admin_t"), judge.file("home_t"), tclass)

    answers = [judge.allowed(judge.system(domain), judge.file(type_, "s0:c3"), tclass) for type_ in types]

    assert len(types) == 27
    assert {"create", "read", "write", *RELABEL} <= full
    assert set(answers) == {full}


def test_guest_only_reads(judge):
    """guest_t reads a user's files and changes nothing of them."""
    allowed = judge.allowed(judge.subject("guest_t"), judge.file("home_t"))

    assert {"read", "open", "getattr"} <= allowed
    assert not {"write", "append", "create", "setattr", "unlink", *RELABEL} & allowed


def test_everybody_finds_the_way_through_the_root(judge):
    """Every user domain searches the root directory and may add names to it."""
    domains = judge.types("user_domain")

    answers = [judge.allowed(judge.subject(domain), judge.file("root_t", user="system_u"), "dir") for domain in domains]

    assert domains == {"user_t", "nofscreate_t", "bounded_t", "guest_t", "job_t", "debug_t"}
    assert all({"search", "add_name", "write"} <= allowed for allowed in answers)


@pytest.mark.parametrize("tclass", [*FILE_CLASSES, "process", "key"])
@pytest.mark.parametrize("type_", ["home_t", "secret_t", "ro_t", "log_t", "root_t"])
def test_bounded_domain_stays_within_its_parent(judge, type_, tclass):
    """bounded_t is allowed nothing that user_t is not."""
    parent = judge.allowed(judge.subject("user_t"), judge.file(type_), tclass)

    child = judge.allowed(judge.subject("bounded_t"), judge.file(type_), tclass)

    assert child <= parent


def test_bounded_domain_is_less_than_its_parent_but_not_nothing(judge):
    """bounded_t writes a user's file and may not create one."""
    allowed = judge.allowed(judge.subject("bounded_t"), judge.file("home_t"))

    assert {"read", "write"} <= allowed
    assert "create" not in allowed


def test_setfscreate_is_what_nofscreate_lacks(judge):
    """nofscreate_t differs from user_t on itself by setfscreate alone."""
    user, other = judge.subject("user_t"), judge.subject("nofscreate_t")

    missing = judge.allowed(user, user, "process") - judge.allowed(other, other, "process")

    assert missing == {"setfscreate"}
    assert judge.allowed(user, judge.file("home_t")) == judge.allowed(other, judge.file("home_t"))


def test_permissive_domain_has_no_rule_of_its_own(judge):
    """debug_t is denied by the rules: it is the permissive flag that lets it through."""
    assert "(typepermissive debug_t)" in judge.cil
    assert not judge.allowed(judge.subject("debug_t"), judge.file("home_t"))


def test_dontaudit_hides_one_denial_and_not_another(judge):
    """Reading hush_t and reading secret_t are both denied; only the second is audited."""
    hushed = judge.answer(judge.subject("user_t"), judge.file("hush_t"))
    loud = judge.answer(judge.subject("user_t"), judge.file("secret_t"))

    assert "read" not in hushed.allowed | loud.allowed
    assert "read" not in hushed.auditdeny
    assert "read" in loud.auditdeny


def test_appending_to_a_log_is_on_record(judge):
    """The only permission of log_t that is allowed and audited is append."""
    answer = judge.answer(judge.subject("user_t"), judge.file("log_t"))

    assert answer.auditallow == {"append"}
    assert "append" in answer.allowed


def test_boolean_opens_and_closes_shared_files(judge, booleans):
    """user_write_shared lets users write and create in shared_t, and takes it back."""
    user, shared = judge.subject("user_t"), judge.file("shared_t")
    before = judge.allowed(user, shared)

    booleans.set_booleans({"user_write_shared": True})
    during = judge.allowed(user, shared)
    booleans.set_booleans({"user_write_shared": False})

    assert during - before == {"write", "append", "create", "setattr", "unlink", "rename", "link"}
    assert "read" in before
    assert judge.allowed(user, shared) == before


@pytest.mark.parametrize("type_", ["home_t", "newfile_t", "unlabeled_t", "root_t"])
def test_file_types_may_live_on_the_filesystem(judge, type_):
    """A file type associates with the superblock of lustre."""
    assert "associate" in judge.allowed(judge.file(type_), judge.file("lustre_fs_t", user="system_u"), "filesystem")


def test_one_type_may_not_live_on_the_filesystem(judge):
    """noassoc_t is denied associate, for type enforcement."""
    fs = judge.file("lustre_fs_t", user="system_u")

    assert judge.causes(judge.file("noassoc_t"), fs, "filesystem", "associate") == {"te"}


def test_users_mount_but_do_not_relabel_the_filesystem(judge):
    """mount, unmount and getattr are for users; relabelling a superblock is not."""
    fs = judge.file("lustre_fs_t", user="system_u")

    assert judge.allowed(judge.subject("user_t"), fs, "filesystem") == {"mount", "unmount", "getattr"}
    assert {"relabelfrom", "relabelto", "remount"} <= judge.allowed(judge.system("admin_t"), fs, "filesystem")


@pytest.mark.parametrize("tclass", ["file", "dir"])
@pytest.mark.parametrize("perm", ["create", "relabelto"])
def test_nobody_labels_in_another_users_name(judge, tclass, perm):
    """Creating or labelling a file as staff_u is denied to user_u by a constraint, and allowed to the administrator."""
    theirs = judge.file("home_t", user="staff_u")

    assert judge.causes(judge.subject("user_t"), theirs, tclass, perm) == {"constraint"}
    assert perm in judge.allowed(judge.subject("user_t"), judge.file("home_t"), tclass)
    assert perm in judge.allowed(judge.system("admin_t"), theirs, tclass)


@pytest.mark.parametrize(
    ("old", "new", "task", "valid"),
    [
        ("user_u:object_r:home_t:s0", "user_u:object_r:project_t:s0", "user_u:user_r:user_t:s0", True),
        ("staff_u:object_r:home_t:s0", "user_u:object_r:home_t:s0", "user_u:user_r:user_t:s0", False),
        ("staff_u:object_r:home_t:s0", "user_u:object_r:home_t:s0", "system_u:system_r:admin_t:s0", True),
        ("user_u:object_r:special_t:s0", "user_u:object_r:home_t:s0", "user_u:user_r:user_t:s0", False),
        ("user_u:object_r:special_t:s0", "user_u:object_r:special_t:s0", "user_u:user_r:user_t:s0", True),
        ("user_u:object_r:special_t:s0", "user_u:object_r:home_t:s0", "system_u:system_r:admin_t:s0", True),
    ],
)
def test_validatetrans_keeps_the_user_and_special_files(judge, old, new, task, valid):
    """A relabel keeps the file's user, and special_t stays special_t, unless the administrator does it."""
    assert judge.worker.validatetrans([(old, new, task, "file")]) == [valid]


def test_role_change_needs_a_role_rule(judge):
    """user_r may become staff_r on the way to job_t; the way back is denied for RBAC alone."""
    user, job = judge.subject("user_t"), judge.subject("job_t", role="staff_r")

    assert "transition" in judge.allowed(user, job, "process")
    assert judge.causes(job, user, "process", "transition") == {"rbac"}


def test_only_the_administrator_commands_the_security_server(judge):
    """load_policy, setenforce, setbool and mac_admin are for admin_t, and for kernel_t, which the servers are."""
    security = judge.file("security_t", user="system_u")
    power = {"load_policy", "setenforce", "setbool"}
    domains = sorted(judge.types("domain"))

    holders = {domain for domain in domains if power <= judge.allowed(judge.system(domain), security, "security")}
    mac_admin = {
        domain
        for domain in domains
        if "mac_admin" in judge.allowed(judge.system(domain), judge.system(domain), "capability2")
    }

    assert holders == {"admin_t", "kernel_t"}
    assert mac_admin == {"admin_t", "kernel_t"}


def test_user_has_the_capabilities_of_files(judge):
    """user_t may use the capabilities that file operations ask, guest_t none."""
    user, guest = judge.subject("user_t"), judge.subject("guest_t")

    assert judge.allowed(user, user, "capability") == {
        "chown",
        "fowner",
        "dac_override",
        "dac_read_search",
        "fsetid",
        "mknod",
        "linux_immutable",
        "sys_admin",
        "setfcap",
    }
    assert not judge.allowed(guest, guest, "capability")


def test_lustre_port_is_for_servers_and_the_client_daemon(judge):
    """Connecting to the port of lustre is denied to users, connecting elsewhere is not."""
    port, other = judge.file("lustre_port_t", user="system_u"), judge.file("port_t", user="system_u")

    assert "name_connect" in judge.allowed(judge.system("client_t"), port, "tcp_socket")
    assert "name_connect" not in judge.allowed(judge.subject("user_t"), port, "tcp_socket")
    assert "name_connect" in judge.allowed(judge.subject("user_t"), other, "tcp_socket")


def test_every_subject_uses_descriptors_of_every_other(judge):
    """fd use is never the reason of a denial."""
    domains = sorted(judge.types("domain"))
    pairs = [(judge.system(s), judge.system(t), "fd") for s in domains for t in domains]

    answers = judge.worker.decide(pairs)

    assert len(pairs) == 121
    assert all(answer is not None and answer.allowed == {"use"} for answer in answers)
