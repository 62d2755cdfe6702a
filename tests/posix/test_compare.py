"""Random sequences of operations: a cluster without MAC answers as the local ext4 does, and is in the same state."""

import random

import pytest
from posixdiff.generate import Generator
from posixdiff.shrink import shrunk
from posixdiff.steps import Step

# Steps of one sequence. After every fifth all is looked at through the client too.
LENGTH = 250
CALLS_EVERY = 5


@pytest.mark.timeout(0)
def test_the_cluster_does_what_linux_does(pair, posix_ops, posix_seed):
    """No step of any sequence has another result, or leaves another state, than on the local filesystem."""
    for number in range(-(-posix_ops // LENGTH)):
        seed = f"{posix_seed}:{number}"
        steps = Generator(random.Random(seed)).sequence(LENGTH)
        by_calls = number % CALLS_EVERY == 0

        divergence = pair.run(steps, by_calls=by_calls)

        if divergence is not None:
            pytest.fail(_told(pair, steps, divergence, seed, by_calls), pytrace=False)


def test_a_planted_difference_is_found_and_made_short(pair, monkeypatch):
    """A cluster that forgets the sticky bit is caught, by no more steps than it takes."""
    monkeypatch.setattr("lsm.dac.sticky", lambda m, parent, obj: False)
    steps = Generator(random.Random(1)).sequence(20)
    steps += [Step("other", "unlink", {"path": "a/d/b"}), Step("owner", "mkdir", {"path": "x", "mode": 0o777})]
    steps += [Step("owner", "open", {"path": "y", "flags": 0o102, "mode": 0o666, "into": 1})]
    steps += [Step("other", "rename", {"path": "y", "to": "z", "flags": 0})]

    divergence = pair.run(steps)
    short = shrunk(steps, lambda part: _kind(pair.run(part)) == divergence.kind)

    assert divergence.step == steps[-1]
    assert [step.name for step in short] == ["open", "rename"]


def _kind(divergence):
    return divergence and divergence.kind


def _told(pair, steps, divergence, seed, by_calls):
    """The shortest sequence that shows the same, both outcomes, and how to have it again."""
    by_calls = by_calls and divergence.number == len(steps) - 1
    found = [divergence]

    def fails(part):
        again = pair.run(part, by_calls=by_calls)
        if _kind(again) == divergence.kind:
            found.append(again)
        return _kind(again) == divergence.kind

    short = shrunk(steps[: divergence.number + 1], fails)
    fails(short)
    before = "".join(f"  {step}\n" for step in short[:-1])
    return f"seed {seed}, {len(short)} steps of {divergence.number + 1}:\n{before}{found[-1]}"
