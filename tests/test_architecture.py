"""The rules of the tree that ruff, mypy and import-linter cannot state, and the import rules once more, by AST.

The second look at the imports counts what import-linter does not: importing `a.b.c` also runs `a` and `a.b`.
"""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLAT = ("sepol", "lsm", "ldlm", "rpc", "host", "mds", "oss", "client", "harness")
ROLES = ("mds", "oss", "client")
NOT_PACKAGES = {"docs", "tests", "tools", "proto"}
LINES_MAX = 500

# Package -> what its own import statements may name, of ours.
DIRECT: dict[str, set[str]] = {
    "sepol": set(),
    "ldlm": set(),
    "lsm": {"sepol"},
    "rpc": {"labelproof", "lsm"},
    "host": {"labelproof", "lsm", "rpc"},
    "mds": {"labelproof", "lsm", "ldlm", "rpc", "host"},
    "oss": {"labelproof", "lsm", "ldlm", "rpc", "host"},
    "client": {"labelproof", "lsm", "ldlm", "rpc", "host"},
    "labelproof": set(),
}
# What is loaded in the end may also be sepol, which lsm.modules.selinux brings along.
LOADED = {package: allowed | ({"sepol"} if "lsm" in allowed else set()) for package, allowed in DIRECT.items()}
PURE = ("sepol", "ldlm", "lsm")
IMPURE = {"asyncio", "grpc", "grpc_health", "google"}
JUDGES = ("harness.model", "harness.checkers")

# Written so that no pattern matches itself.
MACHINE_PATHS = re.compile(r"(?<![\w.])/[w]ork/|\.\./[s]hared\b")
REGISTRY_HOSTS = re.compile(
    r"\b([p]ypi\.org|[p]ythonhosted\.org|[n]pmjs\.(org|com)|(deb|security|snapshot)\.[d]ebian\.org|[g]hcr\.io"
    r"|[d]ocker\.io|[q]uay\.io|proxy\.[g]olang\.org|[c]rates\.io)\b"
)


class Tree:
    """The modules under a root, by dotted name, and what each imports."""

    def __init__(self, root: Path) -> None:
        self.paths = dict(_modules(root))
        self.imports = {name: self._imports(path) for name, path in self.paths.items()}

    def _imports(self, path: Path, *, top_level_only: bool = False) -> set[str]:
        """Dotted names that the file imports: modules of ours in full, anything else as written."""
        tree = ast.parse(path.read_text())
        nodes = tree.body if top_level_only else ast.walk(tree)
        names: set[str] = set()
        for node in nodes:
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                full = {f"{node.module}.{alias.name}" for alias in node.names}
                names |= {name if name in self.paths else node.module for name in full}
        return names

    def at_import(self, name: str) -> set[str]:
        """What the module imports as it is loaded: statements at its top level only."""
        return self._imports(self.paths[name], top_level_only=True)

    def within(self, package: str) -> list[str]:
        return [name for name in self.paths if name == package or name.startswith(f"{package}.")]

    def loaded(self, name: str) -> set[str]:
        """Every dotted name reached from `name` through any chain of imports, packages above each one included."""
        reached: set[str] = set()
        todo = {name}
        while todo:
            current = todo.pop()
            reached.add(current)
            todo |= (self.imports.get(current, set()) | _packages_above(current)) - reached
        return reached


def _modules(root: Path) -> Iterator[tuple[str, Path]]:
    for source, packages in ((root, FLAT), (root / "proto", ("labelproof",))):
        for package in packages:
            for path in sorted((source / package).rglob("*.py")):
                parts = path.relative_to(source).with_suffix("").parts
                yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def _packages_above(name: str) -> set[str]:
    parts = name.split(".")
    return {".".join(parts[:length]) for length in range(1, len(parts))}


def top(name: str) -> str:
    return name.partition(".")[0]


def ours(names: set[str]) -> set[str]:
    return {name for name in names if top(name) in {*FLAT, "labelproof", "tests"}}


def direct_violations(tree: Tree) -> list[str]:
    return [
        f"{name} imports {imported}"
        for package, allowed in DIRECT.items()
        for name in tree.within(package)
        if name != "labelproof.plugin"
        for imported in sorted(ours(tree.imports[name]))
        if top(imported) not in {package, *allowed} or imported == "labelproof.plugin"
    ]


def loaded_violations(tree: Tree) -> list[str]:
    return [
        f"{name} loads {reached}"
        for package, allowed in LOADED.items()
        for name in tree.within(package)
        if name != "labelproof.plugin"
        for reached in sorted(ours(tree.loaded(name)))
        if top(reached) not in {package, *allowed}
    ]


def impure(tree: Tree) -> list[str]:
    return [
        f"{name} loads {reached}"
        for package in PURE
        for name in tree.within(package)
        for reached in sorted(tree.loaded(name))
        if top(reached) in IMPURE
    ]


def judge_violations(tree: Tree) -> list[str]:
    return [
        f"{name} loads {reached}"
        for package in JUDGES
        for name in tree.within(package)
        for reached in sorted(ours(tree.loaded(name)))
        if top(reached) not in {"sepol", "harness"} or f"{reached}.".startswith("harness.clusters.")
    ]


def role_violations(tree: Tree) -> list[str]:
    return [
        f"{name} imports {imported}"
        for name in tree.within("harness")
        for imported in sorted(tree.imports[name])
        if top(imported) in ROLES
        if not (f"{name}.".startswith("harness.clusters.") and imported == f"{top(imported)}.app")
    ]


@pytest.fixture(scope="module")
def tree() -> Tree:
    return Tree(ROOT)


@pytest.fixture(scope="module")
def project() -> dict[str, dict]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """The files of the repository: those git tracks."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout: which files belong to the project is not known")
    return [path for name in listing.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_the_packages_are_all_there(tree: Tree) -> None:
    """Each package has modules, so that no rule below passes for want of something to judge."""
    empty = [package for package in (*FLAT, "labelproof.v1", *JUDGES, "harness.clusters") if not tree.within(package)]

    assert empty == []


def test_the_top_level_folders_are_the_packages(tracked: list[Path]) -> None:
    """A folder at the top is one of the packages or one of the four others."""
    folders = {path.relative_to(ROOT).parts[0] for path in tracked if path.parent != ROOT}

    assert {folder for folder in folders if not folder.startswith(".")} == {*FLAT, *NOT_PACKAGES}


def test_every_list_of_packages_is_the_same(project: dict[str, dict]) -> None:
    """The wheel, mypy, import-linter and ruff are told of the same packages."""
    tool = project["tool"]
    folders = [*FLAT, "proto/labelproof"]
    names = [*FLAT, "labelproof"]

    assert tool["hatch"]["build"]["targets"]["wheel"]["packages"] == folders
    assert tool["mypy"]["files"] == folders
    assert tool["importlinter"]["root_packages"] == names
    assert tool["ruff"]["lint"]["isort"]["known-first-party"] == names


def test_each_package_imports_only_what_it_may(tree: Tree) -> None:
    """An import statement names only packages that the importing package may know."""
    assert direct_violations(tree) == []


def test_each_package_loads_only_what_it_may(tree: Tree) -> None:
    """No chain of imports brings in a package that the first one may not know."""
    assert loaded_violations(tree) == []


def test_the_pure_packages_load_no_loop_and_no_transport(tree: Tree) -> None:
    """sepol, ldlm and lsm load neither asyncio nor gRPC nor protobuf."""
    assert impure(tree) == []


def test_sepol_is_imported_by_the_selinux_module_and_the_harness_only(tree: Tree) -> None:
    """In lsm, only modules/selinux imports sepol."""
    importers = {name for name in tree.within("lsm") if any(top(found) == "sepol" for found in tree.imports[name])}

    assert importers <= set(tree.within("lsm.modules.selinux"))


def test_the_judges_load_nothing_of_the_judged(tree: Tree) -> None:
    """Model and checkers reach only sepol outside harness, and no cluster."""
    assert judge_violations(tree) == []


def test_only_clusters_import_a_role_and_only_its_app(tree: Tree) -> None:
    """Of harness, harness.clusters imports mds.app, oss.app and client.app, and nothing else touches a role."""
    assert role_violations(tree) == []


def test_nobody_imports_tests(tree: Tree) -> None:
    """Production code never names the tests."""
    assert [name for name, imports in tree.imports.items() if any(top(found) == "tests" for found in imports)] == []


def test_the_plugin_imports_no_flat_package_when_loaded(tree: Tree) -> None:
    """A user's pytest loads the plugin without importing any package whose name may be the user's own."""
    assert "labelproof.plugin" in tree.paths
    found = tree.at_import("labelproof.plugin") | _packages_above("labelproof.plugin")
    loaded = set().union(*(tree.loaded(name) for name in found))

    assert {name for name in ours(loaded) if top(name) != "labelproof"} == set()


@pytest.mark.parametrize(
    ("files", "judge"),
    [
        ({"sepol/a.py": "import ldlm"}, direct_violations),
        ({"rpc/a.py": "import sepol"}, direct_violations),
        ({"mds/a.py": "from oss import b", "oss/b.py": ""}, direct_violations),
        ({"rpc/a.py": "from lsm import b", "lsm/b.py": "from host import c", "host/c.py": ""}, loaded_violations),
        ({"lsm/a.py": "def f():\n    import asyncio"}, impure),
        ({"lsm/a.py": "import lsm.b", "lsm/b.py": "from google.protobuf import message"}, impure),
        ({"harness/__init__.py": "import lsm", "harness/model/a.py": ""}, judge_violations),
        ({"harness/checkers/a.py": "import harness.clusters", "harness/clusters/__init__.py": ""}, judge_violations),
        ({"harness/clusters/a.py": "from mds import state", "mds/state.py": ""}, role_violations),
        ({"harness/runner.py": "from mds import app", "mds/app.py": ""}, role_violations),
    ],
)
def test_a_planted_import_is_caught(tmp_path: Path, files: dict[str, str], judge) -> None:
    """Each import rule finds its violation: direct, through a chain, in a function, in a package above."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    assert judge(Tree(tmp_path)) != []


def test_every_package_opens_with_what_it_holds() -> None:
    """Each folder of modules has an __init__.py that opens with a docstring."""
    folders = {path.parent for package in FLAT for path in (ROOT / package).rglob("*.py")}
    silent = [folder for folder in folders if not _docstring(folder / "__init__.py")]

    assert sorted(str(folder.relative_to(ROOT)) for folder in silent) == []


@pytest.mark.parametrize("package", FLAT)
def test_a_packages_layout_names_its_parts(package: str) -> None:
    """The layout that a top-level package opens with names each module and folder directly in it."""
    layout = _docstring(ROOT / package / "__init__.py")
    parts = {path.stem for path in (ROOT / package).glob("*.py")} - {"__init__"}
    parts |= {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}

    assert parts
    assert sorted(part for part in parts if not re.search(rf"\b{part}\b", layout)) == []


def _docstring(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text())) or "") if path.exists() else ""


def test_no_file_is_too_long(tree: Tree) -> None:
    """A production file has at most 500 lines; generated ones do not count."""
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in tree.paths.values()}

    assert {name: n for name, n in lengths.items() if n > LINES_MAX and "_pb2" not in name} == {}


def test_stubs_are_not_generated(tracked: list[Path]) -> None:
    """Stubs and servers are bound from the descriptors, so no generated gRPC module exists."""
    assert [path.name for path in tracked if "_pb2_grpc" in path.name] == []


def test_the_generated_code_is_current() -> None:
    """The committed messages are what the .proto files give."""
    command = [sys.executable, "-P", "tools/proto", "--check"]
    check = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if check.returncode == 4:
        pytest.skip(check.stderr.strip())

    assert (check.returncode, check.stderr) == (0, "")


@pytest.mark.parametrize("pattern", [MACHINE_PATHS, REGISTRY_HOSTS], ids=["machine paths", "registry hosts"])
def test_no_text_names_a_machine(tracked: list[Path], pattern: re.Pattern[str]) -> None:
    """No tracked file holds a path of somebody's machine or a registry's host name."""
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in tracked
        if (match := pattern.search(path.read_bytes().decode(errors="replace")))
    ]

    assert found == []


def test_the_text_rules_can_fail() -> None:
    """The patterns find what they are for, and leave ordinary paths alone."""
    assert MACHINE_PATHS.search("see /w_rk/main".replace("_", "o"))
    assert REGISTRY_HOSTS.search("https://pypi_org".replace("_", "."))
    assert not MACHINE_PATHS.search("tests/work/x, /workload/")
