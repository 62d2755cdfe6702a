"""Compiling and flattening: good policies, and every bad one refused in one line."""

import hashlib
import random
import struct
import subprocess
import sys

import pytest

import sepol
from sepol import process


def refused(call, *arguments, **options):
    """The one line that a PolicyError says."""
    with pytest.raises(sepol.PolicyError) as caught:
        call(*arguments, **options)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_compiles_to_version_33_with_the_magic_of_a_kernel_policy(tiny):
    """A compiled policy is version 33 whatever the newest that this libsepol knows."""
    magic, _, target, version = struct.unpack_from("<II8sI", tiny)

    assert (magic, target, version) == (0xF97CFF8C, b"SE Linux", 33)


def test_flatten_tells_digest_version_and_size(tiny):
    """The digest is that of the binary, by which a node names its policy."""
    flat = sepol.flatten(tiny)

    assert (flat.digest, flat.version, flat.size) == (hashlib.sha256(tiny).hexdigest(), 33, len(tiny))


def test_flattened_text_compiles_to_the_same_decisions(tiny, joe, data):
    """What is printed is the policy: compiled again it decides alike."""
    again = sepol.compile_cil({"flat.cil": sepol.flatten(tiny).cil})
    query = [(joe, data, "file")]

    with sepol.Worker(tiny) as one, sepol.Worker(again) as two:
        assert one.decide(query) == two.decide(query)


def test_mls_is_what_the_mls_statement_says(tiny, other):
    """(mls false) gives a policy without levels, (mls true) one with them."""
    assert "(mls true)" in sepol.flatten(tiny).cil
    assert "(mls false)" in sepol.flatten(other).cil


def test_a_file_name_in_a_transition_comes_quoted(tiny):
    """libsepol 3.4 prints a name with a blank bare, which is no CIL: it is quoted here."""
    cil = sepol.flatten(tiny).cil

    assert '(typetransition user_t data_t file "a name" named_t)' in cil


# In a process of its own: libsepol is for children only.
OLDER = """
import sys
from sepol import compiler
compiler.POLICY_VERSION = int(sys.argv[1])
sys.stdout.buffer.write(compiler.compile_cil({"tiny.cil": sys.stdin.read()}))
"""


@pytest.mark.parametrize(("version", "names", "reads"), [(28, False, True), (28, True, False), (29, True, True)])
def test_constraints_of_old_versions(version: int, names: bool, reads: bool, tiny_cil: str) -> None:
    """Up to version 28 what a constraint names is lost in print: refused, not taken for a rule about nobody."""
    text = tiny_cil if names else tiny_cil.replace("(eq t3 kernel_t)", "(eq l2 h2)")
    made = subprocess.run(
        [sys.executable, "-c", OLDER, str(version)], input=text.encode(), capture_output=True, check=True, timeout=60
    ).stdout

    if reads:
        assert sepol.flatten(made).version == version
    else:
        assert "whose constraints cannot be read back" in refused(sepol.flatten, made)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("(allow user_t nosuch (file (read)))", "two.cil:2"),
        ("(allow user_t", "two.cil"),
        ("x", "two.cil"),
        ("(mls maybe)", "Value must be either 'true' or 'false' at two.cil:2"),
        ("(allow child_t log_t (file (write)))", "exceeds bounds of parent user_t at two.cil:2"),
        ("(neverallow user_t data_t (file (read)))", "two.cil:2"),
        ("a\0b", "NUL"),
        ("\ud800", "UTF-8"),
        ("(" * 5000, "two.cil"),
    ],
)
def test_bad_cil_is_refused_with_its_place(tiny_cil, bad, words):
    """The message names the policy, the complaint and the file with its line."""
    text = refused(sepol.compile_cil, {"one.cil": tiny_cil, "two.cil": f"; first line\n{bad}"}, name="mine")

    assert text.startswith("policy mine: ")
    assert words in text


def test_nothing_to_compile_is_refused():
    """No file at all is a policy without an initial SID."""
    assert "initial sid" in refused(sepol.compile_cil, {})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda policy: b"", "too few"),
        (lambda policy: policy[:10], "too few"),
        (lambda policy: policy[: len(policy) // 2], "truncated"),
        (lambda policy: policy[:-1], "truncated"),
        (lambda policy: struct.pack("<I", 0xF97CFF8D) + policy[4:], "module"),
        (lambda policy: b"ELF!" + policy[4:], "magic"),
        (lambda policy: policy[:8] + b"XenFlask" + policy[16:], "not a binary SELinux policy"),
        (lambda policy: policy[:16] + struct.pack("<I", 99) + policy[20:], "version 99"),
        (lambda policy: policy[:16] + struct.pack("<I", 1) + policy[20:], "refuses"),
    ],
)
def test_what_is_no_policy_is_refused(tiny, make, words):
    """Empty, cut, a module, another file, another target, a version from the future: each is named."""
    text = refused(sepol.flatten, make(tiny), name="mine")

    assert text.startswith("policy mine: ")
    assert words in text


def test_what_libsepol_says_of_a_policy_is_told(tiny_cil: str) -> None:
    """CIL compiles an initial SID with a type that its role may not have; no kernel loads that."""
    made = sepol.compile_cil({"a.cil": tiny_cil.replace("(roletype sys_r kernel_t)", "")})

    assert "libsepol refuses it: invalid security context; " in refused(sepol.flatten, made)


def test_a_damaged_policy_is_flattened_or_refused(tiny):
    """Cut or bit-flipped files either load or are refused: no other exception, no hang."""
    rng = random.Random(20)
    outcomes = []

    for _ in range(24):
        policy = bytearray(tiny)
        policy[rng.randrange(20, len(policy))] ^= 1 << rng.randrange(8)
        try:
            outcomes.append(sepol.flatten(bytes(policy)).version)
        except sepol.PolicyError as error:
            outcomes.append(str(error))

    assert 33 in outcomes
    assert any(outcome != 33 for outcome in outcomes)


def test_too_much_processor_time_is_refused(tiny_cil, monkeypatch):
    """A compilation over its processor seconds is ended by the kernel and named so."""
    monkeypatch.setattr(process, "LIMITS", process.Limits(cpu_s=0))
    types = "".join(f"(type t{i})(roletype object_r t{i})" for i in range(2000))
    rules = "".join(f"(allow t{i} t{j} (file (read)))" for i in range(400) for j in range(2000))

    assert "processor time" in refused(sepol.compile_cil, {"a.cil": tiny_cil + types + rules})


def test_too_much_memory_is_refused(tiny_cil, monkeypatch):
    """libsepol ends the process when memory is used up: that is said, with the limit."""
    monkeypatch.setattr(process, "LIMITS", process.Limits(memory_bytes=64 << 20))
    rules = "".join(f"(type t{i})(roletype object_r t{i})" for i in range(60000))

    assert "memory" in refused(sepol.compile_cil, {"a.cil": tiny_cil + rules})
