"""Cases on a cluster: what holds passes, and what does not is told by line, with the decision that made it so."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness import profile
from harness.cases import runner
from harness.cases.read import read
from harness.clusters import Cluster

TARGETED = profile.of("targeted")
Outcome = Callable[[str], list[str]]
HEAD = """\
name: A case
names:
  project: user_u:object_r:project_t:s0
  newfile: user_u:object_r:newfile_t:s0
subjects:
  alice: {context: "user_u:user_r:user_t:s0", uid: 1001, umask: 0}
objects:
  - {path: d, kind: directory, label: transition}
  - {path: secret, kind: directory, label: denied}
  - {path: d/f, kind: file, label: project, content: hello, owner: alice, mode: 0640}
"""  # 10 lines


@pytest.mark.parametrize("name", ["asked-for", "documented", "relabel", "shared-folder"])
def test_the_examples_hold(name: str, examples: list[Path], documented: Path, cluster: Cluster) -> None:
    """Each file that can be copied, and the one of the page, does what it says."""
    paths = {path.name.partition(".")[0]: path for path in (*examples, documented)}

    assert len(paths) == 4
    assert runner.run(read(paths[name], TARGETED), cluster) == []


def test_everything_that_can_be_done_and_expected(outcome: Outcome) -> None:
    """Descriptors, links, special files, the task's own attributes, values of every kind, and both vantages."""
    text = """\
  - {path: d/pipe, kind: fifo}
  - {path: d/null, kind: character}
  - {path: d/sock, kind: socket}
  - {path: d/loop, kind: block}
  - {path: d/link, kind: symlink, target: /d/f}
steps:
  - {as: alice, open: {path: d/link, flags: O_RDWR}, keep: f}
  - {as: alice, pwrite: {fd: f, data: {hex: 4a}, offset: 0}, expect: {value: 1}}
  - {as: alice, dup: {fd: f}, keep: g}
  - {as: alice, close: {fd: f}}
  - {as: alice, read: {fd: g, length: 0x10}, expect: {value: Jello}}
  - {as: alice, on: client1, read: {path: d/f}, expect: {value: Jello}}
  - {as: alice, lsm: true, stat: {path: d/f}, expect: {value: {mode: S_IFREG|0640, labels: {security.selinux: project}}}
    }
  - {as: alice, readlink: {path: d/link}, expect: {value: /d/f}}
  - {as: alice, listxattr: {path: d/f}, expect: {value: [security.selinux]}}
  - {as: alice, setfscreate: {context: project}}
  - {as: alice, getfscreate: {}, expect: {value: project}}
  - {as: alice, create: {path: d/new}, labels: {d/new: project}}
  - {as: alice, setfscreate: {context: none}}
  - {as: alice, getfscreate: , expect: {value: none}}
  - {as: alice, rename: {path: d/new, to: d/newer}}
  - {as: alice, stat: {path: d/new}, expect: ENOENT}
  - {as: alice, umask: {mask: 077}, expect: {value: 0}}
  - {as: alice, mknod: {path: d/mine, mode: S_IFIFO|0666}}
  - {as: alice, lstat: {path: d/mine}, expect: {value: {mode: 0600, uid: 1001}}}
  - {as: admin, readdir: {path: d}, expect: {value: [f, pipe, "null", sock, loop, link, newer, mine]}}
labels:
  /d/newer: {clients: project, client1: project, mds: project, mds0: project}
decisions:
  allowed: alice project:file { open read write }
"""

    assert outcome(HEAD + text) == []


WRONG = [
    ("  - {as: alice, mkdir: {path: secret/d}, expect: ok}\n",
     ("12: mkdir path=secret/d as alice is EACCES, not ok: mds0 denied dir { search } to user_u:user_r:user_t:s0 on"
     " user_u:object_r:secret_t:s0 (te)")),
    ("  - as: alice\n    mkdir: {path: secret/d}\n    expect: EPERM\n",
     "14: mkdir path=secret/d as alice is EACCES, not EPERM: mds0 denied dir { search }"),
    ("  - {as: alice, on: client1, mkdir: {path: d/d}, expect: EACCES}\n",
     "12: mkdir path=d/d as alice on client1 is ok, not EACCES, and no decision denied it"),
    ("  - {as: alice, chown: {path: d/f, uid: 0, gid: 0}, expect: EACCES}\n",
     "12: chown path=d/f uid=0 gid=0 as alice is EPERM, not EACCES: setattr_prepare: uid=1001 gid=1000"),
    ("  - {as: alice, read: {path: d/f}, expect: {value: hullo}}\n",
     "12: read path=d/f as alice gives 'hello', not 'hullo'"),
    ("  - {as: alice, stat: {path: d/f}, expect: {value: {size: 5, uid: 7}}}\n",
     "12: stat path=d/f as alice gives uid 1001, not '7'"),
    ("  - {as: alice, stat: {path: d/f}, expect: {value: {sighs: 5}}}\n",
     "12: stat path=d/f as alice gives sighs 'no such field', not '5'"),
    ("  - {as: alice, readdir: {path: d}, expect: {value: [g]}}\n",
     "12: readdir path=d as alice gives ['f'], not ['g']"),
    ("  - {as: alice, create: {path: d/g}, labels: {d/g: project}}\n",
     ("12: the label of d/g is user_u:object_r:newfile_t:s0 on client0, client1, mds0, not"
     " user_u:object_r:project_t:s0")),
    ("  - {as: alice, create: {path: d/g}, labels: {d/g: {oss: newfile}}}\n",
     "12: d/g has no object on oss, whose label is to be user_u:object_r:newfile_t:s0"),
    ("  - {as: alice, create: {path: d/g}, labels: {d/h: newfile}}\n",
     "12: the label of d/h cannot be looked at: ENOENT"),
    ("  - as: alice\n    create: {path: d/g}\n    denied:\n      - alice dir search\n",
     "15: `alice dir search` was not denied: mds0 allowed dir { search } to user_u:user_r:user_t:s0 on"),
    ("  - {as: alice, create: {path: d/g}, allowed: 'alice denied:dir add_name'}\n",
     ("12: `alice denied:dir add_name` was not allowed: mds0 allowed dir { add_name } to user_u:user_r:user_t:s0 on"
     " user_u:object_r:project_dir_t:s0")),
    ("  - {as: alice, create: {path: d/g}, allowed: 'alice dir rmdir'}\n",
     "12: `alice dir rmdir` was not allowed: nobody asked for rmdir; asked were search write add_name"),
    ("  - {as: alice, create: {path: d/g}, allowed: 'alice sock_file create'}\n",
     "12: `alice sock_file create` was not allowed: nobody asked for create; no sock_file was asked about for"),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "sentence"), WRONG)
def test_what_is_not_as_expected_is_one_sentence(outcome: Outcome, steps: str, sentence: str) -> None:
    """It names file and line, what was expected and found, and the decision that denied."""
    found = outcome(f"{HEAD}steps:\n{steps}")

    assert len(found) == 1
    assert found[0].startswith(f"case.labels.yaml:{sentence}")


def test_a_name_of_the_profile_is_a_text_too(outcome: Outcome) -> None:
    """What a call gives may happen to read as a name of the profile or of the file."""
    steps = """\
steps:
  - {as: alice, write: {path: d/user, data: denied}}
  - {as: alice, read: {path: d/user}, expect: {value: denied}}
  - {as: alice, readdir: {path: d}, expect: {value: [f, user]}}
"""

    assert outcome(HEAD + steps) == []


def test_what_is_not_a_matter_of_permission_has_its_own_reason(outcome: Outcome) -> None:
    """A decision explains EACCES and EPERM, not that there is no such file."""
    (found,) = outcome(f"{HEAD}steps: [{{as: alice, stat: {{path: d/nothing}}, expect: ok}}]\n")

    assert found.endswith("stat path=d/nothing as alice is ENOENT, not ok: No such file or directory")


def test_an_order_of_decisions(outcome: Outcome) -> None:
    """They come one after the other with others between; the wrong order is not the right one."""
    steps = (
        "steps:\n  - {as: alice, create: {path: d/g}}\n"
        "  - {as: alice, mkdir: {path: secret/d}, expect: EACCES}\ndecisions:\n  in-order:\n"
    )
    right = "    - allowed: alice dir { search add_name }\n    - denied: alice denied:dir search\n"
    wrong = "    - denied: alice denied:dir search\n    - allowed: alice newfile:file create\n"

    assert outcome(HEAD + steps + right) == []
    assert outcome(HEAD + steps + wrong)[0].endswith(
        "was not allowed: it was so before `alice denied:dir search`, not after"
    )


def test_it_ends_at_the_first_step_that_fails(outcome: Outcome) -> None:
    """What stands after it would only say so again."""
    steps = "steps:\n  - {as: alice, rmdir: {path: x}}\n  - {as: alice, rmdir: {path: y}}\nlabels: {x: project}\n"

    assert outcome(HEAD + steps) == [
        "case.labels.yaml:12: rmdir path=x as alice is ENOENT, not ok: No such file or directory"
    ]


def test_what_cannot_be_laid_out_is_the_objects_line(outcome: Outcome) -> None:
    """An object that the administrator may not make, and a subject that no policy knows."""
    made = outcome(f"{HEAD}  - {{path: no/f, kind: file}}\nlabels: {{d: transition}}\n")
    login = "steps: [{as: alice, mkdir: {path: d/d}, expect: ok}]\n"
    known = outcome(HEAD.replace("user_r:user_t:s0", "user_r:nonesuch_t:s0") + login)

    assert [line.partition(": ENOENT")[0] for line in made] == [
        "case.labels.yaml:11: file no/f cannot be laid out by admin"
    ]
    assert known[0].startswith("case.labels.yaml:11: ")


def test_each_case_has_a_directory_of_its_own(outcome: Outcome, cluster: Cluster) -> None:
    """The same case twice on one cluster: neither sees the other's objects, and nobody's path leads there."""
    text = f"{HEAD}steps: [{{as: alice, create: {{path: d/once}}, expect: ok}}]\n"

    assert [outcome(text), outcome(text)] == [[], []]
