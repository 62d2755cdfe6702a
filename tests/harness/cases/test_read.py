"""Reading a case: what is in it, and what is wrong with it, by line; the JSON Schema says the same."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml
from jsonschema import Draft202012Validator

from client.ops import SYSCALLS
from harness import profile
from harness.cases.operations import OPERATIONS
from harness.cases.read import read
from harness.cases.schema import schema

TARGETED = profile.of("targeted")
GOOD = """\
name: Everything that a case may hold
cluster: {oss: 3, client: 3, mode: permissive, lsm: [capability, selinux], stripe_size: 65536, rpc_timeout_s: 2.5}
names:
  home: user_u:object_r:home_t:s0
subjects:
  alice: {context: user_u:user_r:user_t:s0, uid: 1001, gid: 0x10, groups: [4, 5], caps: [chown], umask: 0027}
  bob: {context: "user_u:user_r:user_t:s0", caps: all, fscreate: home, comm: cat}
  carol: user_u:user_r:user_t:s0
objects:
  - {path: d, kind: directory, label: home, mode: 0755, owner: alice}
  - {path: d/f, kind: file, content: {hex: 00ff}, owner: "5:6"}
  - {path: d/l, kind: symlink, target: ../f}
  - {path: d/p, kind: fifo}
steps:
  - {as: alice, on: client2, open: {path: d/f, flags: O_RDWR|O_CREAT, mode: 0640}, keep: f}
  - {as: alice, on: client2, pwrite: {fd: f, data: 12, offset: 0}}
  - {as: alice, on: client2, lsm: true, fstat: {fd: f}, expect: {value: {mode: 0640, size: 2}}}
  - {as: bob, setfscreate: {context: none}, expect: ok}
  - {as: bob, getfscreate: {}, expect: {value: none}}
  - {as: carol, mkdir: {path: d/x}, expect: EACCES, denied: [carol home:dir write, carol dir {add_name search}]}
  - {as: admin, readdir: {path: d}, expect: {value: [f, l]}, allowed: admin dir read, labels: {d: home}}
labels:
  d/f: {clients: home, mds: home, oss: home, client1: home}
decisions:
  allowed: alice dir search
  in-order:
    - allowed: alice dir search
    - denied: [carol dir write]
""".replace(
    "[carol home:dir write, carol dir {add_name search}]", '[carol home:dir write, "carol dir {add_name search}"]'
)


class Editor(yaml.SafeLoader):
    """Reads as editors do, by YAML 1.2: `on` is no boolean."""

    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, shape) for tag, shape in resolvers if not tag.endswith(":bool") or first in "tTfF"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def documents(text: str) -> Any:
    return yaml.load(text, Loader=Editor)


def test_every_operation_of_a_client_is_one_of_a_step() -> None:
    """The table that steps go by lacks nothing that a client node can do."""
    assert set(SYSCALLS) <= set(OPERATIONS)


def test_a_case_is_read(write: Callable[[str], Path]) -> None:
    """Names, octal numbers, constants, owners and bytes are what they stand for; each part knows its line."""
    case = read(write(GOOD), TARGETED)

    assert case.subjects["alice"].spec.gid == 16
    assert case.subjects["alice"].umask == 0o027
    assert case.subjects["bob"].spec.fscreate == "user_u:object_r:home_t:s0"
    assert case.objects[0].owner == (1001, 16)
    assert (case.objects[1].content, case.objects[1].owner) == (b"\0\xff", (5, 6))
    assert case.steps[0].args == {"path": "d/f", "flags": 0o102, "mode": 0o640}
    assert [step.line for step in case.steps] == list(range(15, 22))
    assert case.steps[5].decisions[1].perms == ("add_name", "search")
    assert case.cluster["oss"] == 3


def test_the_schema_accepts_what_reads(examples: list[Path], documented: Path) -> None:
    """Every example that can be copied, and each part of a file."""
    validator = Draft202012Validator(schema())

    Draft202012Validator.check_schema(schema())
    for text in (GOOD, *(path.read_text() for path in (*examples, documented))):
        assert [error.message for error in validator.iter_errors(documents(text))] == []


# (what stands in GOOD, what stands there instead, the sentence): refused by the reader and by the schema.
BROKEN = [
    ("name: Everything that a case may hold", "name: ' '", "1: the name is empty"),
    ("name: Everything", "nom: Everything", "1: 'nom' is not known here; is it name?"),
    ("names:", "nams:", "3: 'nams' is not known here; is it names or name?"),
    ("uid: 1001", "uuid: 1001", "6: 'uuid' is not known here; is it uid"),
    ("uid: 1001", "uid: many!", "6: 'many!' is no number"),
    ("user_t:s0, uid", "user_t:s0 s1, uid", "6: 'user_u:user_r:user_t:s0 s1' is neither a context"),
    ("  home: user_u:object_r:home_t:s0", "  home: home_t", "4: 'home_t' is no context; give user:role:type:level"),
    ("kind: fifo", "kind: pipe", "13: 'pipe' is not known here; there are directory"),
    ("target: ../f", "content: f", "12: only a file has a content"),
    ("{path: d/l, kind: symlink, target: ../f}", "{path: d/l, kind: symlink}", "12: a symlink needs a target"),
    ("{path: d/p, kind: fifo}", "{kind: fifo}", "13: path is missing"),
    ("{path: d/p, kind: fifo}", "{path: d/p, kind: fifo, target: x}", "13: only a symlink has a target"),
    ("mkdir: {path: d/x}", "mkdirs: {path: d/x}", "20: 'mkdirs' is not known here; is it mkdir"),
    ("mkdir: {path: d/x}", "mkdir: {paths: d/x}", "20: mkdir takes no 'paths'; it takes path [mode]"),
    ("mkdir: {path: d/x}", "mkdir: {mode: 1}", "20: mkdir lacks path; it takes path [mode]"),
    ("mkdir: {path: d/x}", "mkdir: {path: d/x}, rmdir: {path: d/x}", "20: mkdir and rmdir are two calls"),
    ("mkdir: {path: d/x}, ", "", "20: a step makes no call"),
    ("{as: carol, mkdir", "{mkdir", "20: nobody does this; give `as`, one of admin, user, alice"),
    ("expect: EACCES", "expect: EACCESS", "20: 'EACCESS' is neither ok nor an errno"),
    ("expect: {value: none}", "expect: {valeu: none}", "19: 'valeu' is not known here; is it value?"),
    ("lsm: true", "lsm: maybe", "17: 'maybe' is neither true nor false"),
    ("on: client2, open", "on: server2, open", "15: 'server2' is not known here"),
    ("carol home:dir write", "carol dir", "20: 'carol dir' is no decision"),
    ("allowed: admin dir read", "allowed: 'admin dir { }'", "21: 'admin dir { }' names no permission"),
    ("mds: home", "mdt: home", "23: 'mdt' is not known here; is it mds"),
    ("{clients: home, mds: home, oss: home, client1: home}", "{}", "23: nothing is expected of d/f"),
    ("in-order:", "inorder:", "26: 'inorder' is not known here; is it in-order?"),
    ("mode: permissive", "mode: disabled", "2: without SELinux there are no labels"),
    ("rpc_timeout_s: 2.5", "rpc_timeout_s: long", "2: 'long' is no number; give seconds"),
    ("oss: 3", "osses: 3", "2: 'osses' is not known here; is it oss"),
    ("{hex: 00ff}", "{hexx: 00ff}", "11: 'hexx' is not known here; is it hex?"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "sentence"), BROKEN)
def test_what_is_wrong_is_told_by_line(write: Callable[[str], Path], old: str, new: str, sentence: str) -> None:
    """Reader and schema refuse it; the reader says the line and the remedy."""
    assert old in GOOD
    text = GOOD.replace(old, new, 1)

    with pytest.raises(ValueError) as error:
        read(write(text), TARGETED)

    assert str(error.value).startswith(f"case.labels.yaml:{sentence}")
    assert list(Draft202012Validator(schema()).iter_errors(documents(text))) != []


# What only the reader knows.
REFUSED = [
    ("as: carol, mkdir", "as: caro, mkdir", "20: 'caro' is not known here; is it carol?"),
    ("path: d/x", "path: d/../../x", "20: 'd/../../x' leads out of the case's own directory"),
    ("label: home", "label: hom", "10: 'hom' is neither a context"),
    ("fd: f, data", "fd: g, data", "16: alice on client2 has open f, not 'g'"),
    ("on: client2, pwrite", "on: client1, pwrite", "16: alice on client1 has open none, not 'f'"),
    ("on: client2, open", "on: client3, open", "15: 'client3' is not known here; is it client2"),
    ("{as: bob, getfscreate: {}", "{as: bob, keep: x, getfscreate: {}", "19: this call opens nothing"),
    ("expect: ok", "expect: {value: 1}", "18: this call answers nothing; expect ok, or an errno"),
    ("uid: 1001", "uid: 4294967295", "6: '4294967295' is no user or group id"),
    ("offset: 0}", "offset: 0x8000000000000000}", "16: '0x8000000000000000' has more than 64 bits"),
    ("O_RDWR|O_CREAT", "O_RDWR|O_KREAT", "15: 'O_KREAT' is no constant"),
    ("caps: [chown]", "caps: [chow]", "6: no capability 'chow'"),
    ("oss: 3", "oss: 0", "2: cluster spec: oss is 0"),
    ("names:\n", "profile: site.toml\nnames:\n", "3: a profile belongs to a policy"),
    ("names:\n", "policy: nonesuch\nnames:\n", "3: no policy 'nonesuch'; give targeted, mls"),
    ("names:\n", "names:\n  home: a:b:c:d\n", "5: 'home' stands here twice"),
    ("rpc_timeout_s: 2.5}", "rpc_timeout_s: 2.5", "3: this is no YAML"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "sentence"), REFUSED)
def test_what_refers_to_nothing_is_told_by_line(
    write: Callable[[str], Path], old: str, new: str, sentence: str
) -> None:
    """Names, nodes, descriptors and files that are not there, and what no cluster can be."""
    assert old in GOOD

    with pytest.raises(ValueError) as error:
        read(write(GOOD.replace(old, new, 1)), TARGETED)

    assert str(error.value).startswith(f"case.labels.yaml:{sentence}")


VACUOUS = [
    "name: nothing\n",
    "name: nothing\nobjects: [{path: d, kind: directory}]\n",
    "name: nothing\nsteps: [{as: user, mkdir: {path: d}}]\n",
    "name: nothing\nlabels: {}\n",
    "name: nothing\ndecisions: {in-order: []}\n",
]


@pytest.mark.parametrize("text", VACUOUS)
def test_a_file_that_expects_nothing_is_refused(write: Callable[[str], Path], text: str) -> None:
    """By the reader and by the schema: it could never fail."""
    with pytest.raises(ValueError, match=r"case\.labels\.yaml:1: nothing is expected here"):
        read(write(text), TARGETED)

    assert list(Draft202012Validator(schema()).iter_errors(documents(text))) != []


def test_without_a_profile_the_file_names_the_administrator(write: Callable[[str], Path]) -> None:
    """Under a policy that nobody knows, `admin` and every context have to stand in the file."""
    text = "name: n\nsubjects: {u: 'a_u:r:t:s0'}\nsteps: [{as: u, mkdir: {path: d}, expect: ok}]\n"

    with pytest.raises(ValueError, match="1: nobody lays out the objects; give a subject `admin`"):
        read(write(text), None)
    assert read(write(text.replace("{u:", "{admin: 'b_u:r:t:s0', u:")), None).root is None
