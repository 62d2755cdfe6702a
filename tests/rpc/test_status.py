"""The table of errors: what travels is an errno, and says whether it surely did not happen."""

import errno

import grpc
import pytest

from rpc import status


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_every_errno_survives(number) -> None:
    """Each errno, with either certainty, comes back as the same builtin exception."""
    for sure in (True, False):
        error = status.failure(number, "words of 3", sure=sure)

        back = status.decode(status.encode(error))

        assert (type(back), back.errno, back.strerror) == (type(error), number, "words of 3")
        assert status.definite(back) is sure


@pytest.mark.parametrize("entry", [b"", b"0 1 x", b"-13 1 x", b"524 1 x", b"99999 1 x", b"x 1 x", b"13 2 x", b"\xff"])
def test_an_error_that_is_none(entry) -> None:
    """Zero, negative, 524 and garbage never reach a user: EIO, indefinite."""
    error = status.decode(entry)

    assert (error.errno, status.definite(error)) == (errno.EIO, False)


@pytest.mark.parametrize(
    ("code", "details", "number", "sure"),
    [
        (grpc.StatusCode.UNAVAILABLE, "failed to connect to all addresses; last error: x", errno.ENOTCONN, True),
        (grpc.StatusCode.UNAVAILABLE, "Socket closed", errno.ECONNRESET, False),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", errno.ETIMEDOUT, False),
        (grpc.StatusCode.CANCELLED, "", errno.ECANCELED, False),
        (grpc.StatusCode.UNIMPLEMENTED, "Method not found!", errno.EOPNOTSUPP, True),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "too large", errno.EIO, False),
        (grpc.StatusCode.INTERNAL, "", errno.EIO, False),
    ],
)
def test_grpcs_own_failures(code, details, number, sure) -> None:
    """What gRPC itself says becomes an errno that names the server; definite only if the call never left."""
    error = status.from_transport(code, details, "mds0")

    assert (error.errno, status.definite(error)) == (number, sure)
    assert str(error.strerror).startswith("mds0: ")


def test_the_words_are_cut() -> None:
    """A message of any length fits into metadata."""
    assert len(status.encode(OSError(errno.EACCES, "x" * 100_000))) < 2000


def test_what_is_no_oserror_is_not_definite() -> None:
    """Of an error nobody knows, nobody knows whether it happened."""
    assert status.definite(ValueError()) is False
    assert status.definite(PermissionError(errno.EACCES, "no")) is True
