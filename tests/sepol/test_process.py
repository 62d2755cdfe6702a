"""Finding libsepol, and children that start from anywhere and leave with their parent."""

import contextlib
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import sepol

ROOT = Path(sepol.__file__).parent.parent


def run(code, cwd, **env):
    """Another Python with only the tree that sepol comes from on its path."""
    env = os.environ | {"PYTHONPATH": str(ROOT)} | env
    command = [sys.executable, "-P", "-c", code]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=60)


def gone(pid):
    """Wait until no such process runs any more (a zombie that waits for its new parent has ended)."""
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        ready, _, _ = select.select([descriptor], [], [], 20)
        os.close(descriptor)
        return bool(ready)
    return True


def test_a_usable_library_is_available_and_described():
    """Its path and versions are known, for `doctor` and the record of a run."""
    assert sepol.available() is None
    assert sepol.library().startswith("/")
    assert "policy versions" in sepol.library()


@pytest.mark.parametrize("name", ["/nonexistent", "libc.so.6", "/etc/passwd", "a\0b"])
def test_a_missing_or_too_old_library_is_told(monkeypatch, tiny, name):
    """The sentence names library, version and remedy, and every entrance raises it."""
    if "\0" in name:
        monkeypatch.setattr("sepol.abi.soname", lambda: name)
    monkeypatch.setenv("LABELPROOF_LIBSEPOL", name.replace("\0", ""))
    reason = sepol.available()

    assert reason is not None
    assert all(word in reason for word in (name, "libsepol >= 3.4", "libsepol2", "LABELPROOF_LIBSEPOL"))
    for call in (sepol.library, lambda: sepol.compile_cil({}), lambda: sepol.flatten(tiny), lambda: sepol.Worker(tiny)):
        with pytest.raises(sepol.Missing) as caught:
            call()
        assert str(caught.value) == reason


def test_the_override_may_be_a_path(monkeypatch, tiny):
    """The path of the library in use does as well as its name."""
    path = sepol.library().split(" ")[0]
    monkeypatch.setenv("LABELPROOF_LIBSEPOL", path)

    assert sepol.library().startswith(path)
    assert sepol.flatten(tiny).version == 33


def test_works_where_the_working_directory_owns_a_folder_sepol(tmp_path):
    """A user's own `sepol` or `json` beside them hides nothing from the child."""
    (tmp_path / "sepol").mkdir()
    (tmp_path / "sepol" / "__init__.py").write_text("raise SystemExit('the wrong one')")
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong one')")
    ended = run("import sepol\ntry: sepol.compile_cil({})\nexcept sepol.PolicyError: print('refused')", tmp_path)

    assert (ended.stdout, ended.stderr) == ("refused\n", "")


def test_importing_sepol_does_not_load_libsepol(tmp_path):
    """Only asking for it opens the library."""
    ended = run("import sepol; print('libsepol' in open('/proc/self/maps').read())", tmp_path)

    assert ended.stdout == "False\n"


def test_a_worker_dies_with_its_parent(tmp_path, tiny):
    """After kill -9 of the parent nothing is left, even where a fork keeps the socket open."""
    (tmp_path / "policy").write_bytes(tiny)
    code = (
        "import os, sepol, signal, sys\n"
        "worker = sepol.Worker(open('policy', 'rb').read())\n"
        "keeper = os.fork()\n"
        "if keeper == 0: signal.pause()\n"
        "print(worker._child.pid, keeper, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    with (tmp_path / "out").open("w+") as out:
        command = [sys.executable, "-P", "-c", code]
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        ended = subprocess.run(command, cwd=tmp_path, env=env, stdout=out, check=False, timeout=60)
        out.seek(0)
        pid, keeper = (int(word) for word in out.read().split())
    left = not gone(pid)
    os.kill(keeper, signal.SIGKILL)

    assert ended.returncode == -signal.SIGKILL
    assert not left
