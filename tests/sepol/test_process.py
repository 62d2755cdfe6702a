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
from sepol import process

ROOT = Path(sepol.__file__).parent.parent


def run(code, cwd):
    """Another Python, with the tree that sepol comes from on its path but not in its environment."""
    code = f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{code}"
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [sys.executable, "-P", "-c", code]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=60)


def run_to_file(code, cwd):
    """The same, its output to the file `out`: a pipe would stay open as long as anything it started."""
    code = f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{code}"
    with (cwd / "out").open("w") as out:
        return subprocess.run([sys.executable, "-P", "-c", code], cwd=cwd, stdout=out, check=False, timeout=60)


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
    ended = run("import sepol\ntry: sepol.compile_cil({})\nexcept sepol.PolicyError as error: print(error)", tmp_path)

    assert "initial sid" in ended.stdout
    assert ended.stderr == ""


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
    ended = run_to_file(code, tmp_path)
    pid, keeper = (int(word) for word in (tmp_path / "out").read_text().split())
    left = not gone(pid)
    os.kill(keeper, signal.SIGKILL)

    assert ended.returncode == -signal.SIGKILL
    assert not left


def test_a_child_that_does_not_answer_in_time_is_killed():
    """The elapsed-time limit holds where no processor time is used."""
    with process.Child(process.Limits(wall_s=0.2)) as child:
        os.kill(child.pid, signal.SIGSTOP)

        with pytest.raises(process.Died, match=r"no answer in 0\.2 s"):
            child.ask({"op": "compile", "files": {}})
        assert gone(child.pid)


def test_a_child_that_cannot_start_says_why(monkeypatch):
    """Its last words are in the message, not a guess about memory."""
    command = [sys.executable, "-c", "raise SystemExit('no luck')"]
    monkeypatch.setattr(process.Child, "_command", lambda child: command)

    with process.Child() as child, pytest.raises(process.Died, match=r"gave up \(status 1\): no luck"):
        child.ask({"op": "compile", "files": {}})
