"""One run: tests against clusters, the judges' word, everything kept in the store.

Reads as: check that it can be done; make the run's folder; pytest with the suites (its own output goes to
logs/pytest.log); merge what the judges found; write results.json, report.html and junit.xml.
"""

from __future__ import annotations

import contextlib
import os
import platform
import secrets
import shlex
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import pytest

import sepol
from harness import choices, clusters, profile, recheck, report, results, store, suites, workers
from harness.bulk import no_collector
from harness.checkers import Verdict
from harness.clusters import Cluster, evidence
from harness.collector import Collector, Listener
from harness.judgement import Judgement, Outcome, together
from harness.outputs import junit
from harness.outputs.told import Told
from harness.policy import Policy
from harness.results import Exit, Results
from harness.store import Run, Store

DISK_BYTES_MIN = 64 << 20  # a run of the suites writes about a tenth of it
RANDOM_BITS = 32


class Unavailable(RuntimeError):
    """This machine cannot run what was asked for; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What to run and how. `seed` None: a fresh one. `expression` is pytest's -k; `keep` leaves the clusters up.

    `profile` is the file that says who is who in `policy`; None: our own policies have theirs. `workers` is how many
    processes share the tests, each with clusters of its own; 0: this one runs them all.
    """

    targets: Sequence[str] = ()
    runtime: str = "processes"
    policy: str = "targeted"
    lsm: str = "enforcing"
    seed: int | None = None
    keep: bool = False
    expression: str = ""
    profile: str | None = None
    workers: int = 0


@dataclass(frozen=True, slots=True)
class RunResult:
    """What came of a run; `kept` are the clusters still up, for the caller to stop."""

    results: Results
    run: Run
    exit: Exit
    replay: str
    told: Told
    kept: tuple[Cluster, ...] = ()


def run(options: RunOptions, home: Store, listener: Listener) -> RunResult:
    """Runs the suites and writes the store.

    Raises LookupError where nothing is selected, ValueError and OSError for unreadable input, sepol.Missing without
    the second engine, Unavailable where this machine cannot. Ctrl-C is no exception: what was done is judged.
    """
    targets = suites.find(options.targets or suites.SUITES)
    _require(options, home)
    policy = _policy(options, home, ours=any(target.ours for target in targets))
    seed = secrets.randbits(RANDOM_BITS) if options.seed is None else options.seed
    choices.spec(policy, options.lsm, seed)  # refused here in one line rather than by every test
    made = home.create()
    begin, started = time.monotonic(), datetime.now(UTC)
    collector = Collector(listener, keep=options.keep)
    code = _pytest(_arguments(options, targets, seed, made), collector, made)
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        home.discard(made)
        raise LookupError(f"no test of {', '.join(t.name for t in targets)} matches -k {options.expression!r}")
    outcome = _complete(collector.outcome, made)
    found = _results(options, policy, seed, collector, outcome, time.monotonic() - begin, started)
    named = " ".join(map(shlex.quote, options.targets))
    spread = options.workers or usually(options.targets, options.runtime, options.expression)
    replay = _command(options, named, seed, spread=bool(spread))
    found = replace(found, replay=replay)
    told = Told(made, found)
    with no_collector():
        _write(told)
    kept = tuple(collector.pool.kept) if collector.pool else ()
    return RunResult(found, made, _exit(found, outcome, code, made), replay, told, kept)


def _policy(options: RunOptions, home: Store, *, ours: bool) -> Policy | None:
    """The policy that clusters boot with; our own suites refuse one in which nobody says who is who."""
    if options.lsm == "disabled":
        return None
    policy, who = choices.booted(options.policy, options.profile, home.cache)
    if ours and who is None:
        profile.of(options.policy)
    return policy


def _require(options: RunOptions, home: Store) -> None:
    if options.keep and options.workers:
        raise ValueError("--keep leaves clusters up in this process, and workers end with theirs; leave -n out")
    if options.runtime not in clusters.RUNTIMES:
        raise ValueError(f"no runtime {options.runtime!r}; there are {', '.join(clusters.RUNTIMES)}")
    if reason := clusters.RUNTIMES[options.runtime]().available():
        raise Unavailable(f"runtime {options.runtime}: {reason}")
    for folder, elsewhere in ((home.root, "--store"), (Path(tempfile.gettempdir()), "TMPDIR")):
        if reason := store.shortage(folder, DISK_BYTES_MIN):
            raise Unavailable(f"{reason}; free some, or set {elsewhere}")
    if reason := sepol.available():
        raise sepol.Missing(reason)


def _arguments(options: RunOptions, targets: Sequence[suites.Target], seed: int, made: Run) -> list[str]:
    arguments = [
        "-c", str(suites.INI), f"--rootdir={_rootdir(targets)}", "-p", "no:cacheprovider", "-p", "no:hypothesispytest",
        "--capture=sys", "--continue-on-collection-errors", "-ra",
        f"--labelproof-run-dir={made.path}",
        f"--labelproof-runtime={options.runtime}", f"--labelproof-policy={options.policy}",
        f"--labelproof-lsm={options.lsm}", f"--labelproof-seed={seed}",
        f"--labelproof-again={_command(replace(options, expression=''), '{}', seed)}",
    ]  # fmt: skip
    if options.workers:
        arguments += ["-n", str(options.workers), "--dist", "load"]
    if options.profile:
        arguments.append(f"--labelproof-profile={options.profile}")
    if options.expression:
        arguments += ["-k", options.expression]
    return arguments + [target.argument for target in targets]


def _rootdir(targets: Sequence[suites.Target]) -> Path:
    """Test ids are paths from here: the suites' own folder, or the user's working directory for tests of the user's."""
    files = [Path(target.argument.partition("::")[0]) for target in targets]
    if all(target.ours for target in targets):
        return suites.FOLDER
    if all(file.is_relative_to(Path.cwd()) for file in files):
        return Path.cwd()
    return Path(os.path.commonpath([file if file.is_dir() else file.parent for file in files]))


def _pytest(arguments: list[str], collector: Collector, made: Run) -> int:
    """pytest in this process, what it prints in logs/pytest.log. Its exit code; its plugin is the installed one."""
    with (
        (made.path / "logs" / "pytest.log").open("w", encoding="utf-8", errors="replace") as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
    ):
        try:
            return int(pytest.main(arguments, plugins=[collector]))
        except KeyboardInterrupt:  # a second Ctrl-C, while pytest was ending because of the first
            collector.interrupted = True
            return int(pytest.ExitCode.INTERRUPTED)
        finally:
            if collector.interrupted and collector.pool is not None:
                collector.pool.close()


def _complete(outcome: Outcome, made: Run) -> Outcome:
    """With the clusters whose process was ended before it could say what came of them: their histories are judged."""
    known = {made.path / folder for folder in outcome.folders}
    lost = [Outcome(_from_history(part)) for part in made.parts() if part not in known]
    return together([outcome, *lost])


def _from_history(part: Path) -> Judgement:
    evidence.merge_audit(part)
    try:
        return recheck.of_part(part)
    except (OSError, ValueError) as error:
        return Judgement((Verdict("unknown", f"{part.name} cannot be judged: {error}", checker="history"),))


def _results(
    options: RunOptions, policy: Policy | None, seed: int, collector: Collector, outcome: Outcome, wall_s: float,
    started: datetime,
) -> Results:  # fmt: skip
    judgement = outcome.judgement
    checkers = tuple(
        results.Checker(v.checker, v.valid, v.because, v.culprits, v.expected, v.actual) for v in judgement.verdicts
    )
    tests = sorted(collector.tests, key=lambda test: collector.order.get(test.id, -1))
    verdict, reason = results.decide(tests, checkers, stopped=outcome.failure, interrupted=collector.interrupted)
    return Results(
        verdict=verdict,
        reason=reason,
        tests=tuple(tests),
        judged=results.Judged.of(judgement.numbers or {}),
        checkers=checkers,
        wall_s=round(wall_s, 3),
        ready_s=None if outcome.ready_s is None else round(outcome.ready_s, 3),
        versions=versions(),
        policy={"name": policy.name, "digest": policy.digest, "version": policy.version} if policy else None,
        seed=seed,
        runtime=options.runtime,
        started=started.isoformat(timespec="seconds"),
        interrupted=collector.interrupted,
    )


def versions() -> dict[str, str | None]:
    """Of everything that a verdict may depend on; libsepol None where it cannot be used."""
    return {
        "labelproof": metadata.version("labelproof"),
        "python": platform.python_version(),
        "grpc": metadata.version("grpcio"),
        "protobuf": metadata.version("protobuf"),
        "libsepol": None if sepol.available() else sepol.library(),
    }


def _write(told: Told) -> None:
    found, made = told.found, told.run
    results.write(found, made.results)
    page = report.render(found, made, found.replay, told.gathered)
    (made.path / "report.html").write_text(page, encoding="utf-8")
    (made.path / "junit.xml").write_text(junit.render(told), encoding="utf-8")
    binaries = [path for part in made.parts() for path in sorted((part / "policy").glob("*.bin"))]
    named = f"{found.policy['digest']}.bin" if found.policy else ""
    binary = next((path for path in binaries if path.name == named), binaries[0] if binaries else None)
    if binary is not None:
        (made.path / "policy.33").symlink_to(binary.relative_to(made.path))


def _exit(found: Results, outcome: Outcome, code: int, made: Run) -> Exit:
    """The run's own exit code, unless pytest or a cluster never got so far."""
    if found.interrupted:
        return Exit.INTERRUPTED
    if outcome.unavailable and found.verdict != "fail":
        return Exit.UNAVAILABLE
    if code == pytest.ExitCode.INTERNAL_ERROR:
        raise RuntimeError(f"pytest failed inside; see {made.path / 'logs' / 'pytest.log'}")
    if code == pytest.ExitCode.USAGE_ERROR:
        raise ValueError(f"pytest refuses: {_refusal(made)}")
    return found.exit


def _refusal(made: Run) -> str:
    text = (made.path / "logs" / "pytest.log").read_text(encoding="utf-8", errors="replace")
    errors = [line.removeprefix("ERROR: ") for line in text.splitlines() if line.startswith("ERROR: ")]
    return errors[-1] if errors else f"see {made.path / 'logs' / 'pytest.log'}"


def usually(targets: Sequence[str], runtime: str, expression: str = "") -> int:
    """How many workers where nobody says: our own suites as a whole are shared, a few tests are not.

    LookupError for a target that there is not.
    """
    found = suites.find(targets or suites.SUITES)
    whole = not expression and all(target.ours and "::" not in target.argument for target in found)
    return workers.usual(runtime) if whole else 0


def _command(options: RunOptions, targets: str, seed: int, *, spread: bool = False) -> str:
    """The command that does the same again; `spread`: it says by how many workers, as it might be others."""
    typed = os.environ.get(choices.TYPED, "labelproof run")
    words = [*filter(None, [typed, targets]), "--runtime", options.runtime, "--lsm", options.lsm]
    if options.lsm != "disabled":
        words += ["--policy", shlex.quote(options.policy)]
    if options.profile:
        words += ["--profile", shlex.quote(options.profile)]
    if options.expression:
        words += ["-k", shlex.quote(options.expression)]
    if spread:
        words += ["-n", str(options.workers)]
    for option, value in choices.exported(options.runtime).items():
        words += [f"--{option}", shlex.quote(value)]
    return " ".join([*words, "--seed", str(seed)])
