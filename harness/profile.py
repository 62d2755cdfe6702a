"""Who is who in a policy: the names that a suite needs of it, and nothing that a rule of the policy decides."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """Contexts of a policy by their part in a test. What becomes of them is the policy's to say, never this table's.

    `admin` may relabel and manage the policy; `user` creates things; `root` labels the filesystem's root directory.
    `directories` are labels of parents, by what a suite wants to see there. `names` are last components, of which
    the policy may treat some apart. `fscreate` are labels to ask for, allowed or not.
    """

    admin: str
    user: str
    root: str
    directories: dict[str, str]
    names: tuple[str, ...]
    fscreate: tuple[str, ...]
    subjects: tuple[str, ...]


_NAMES = ("plain", "special.txt", "special.d")


def _profile(low: str, span: str, more: dict[str, str]) -> Profile:
    directory = {
        "inherit": f"user_u:object_r:home_t:{low}",
        "transition": f"user_u:object_r:project_dir_t:{low}",
        "role": f"user_u:object_r:staff_dir_t:{low}",
        "owned by the system": f"system_u:object_r:project_dir_t:{low}",
        "denied": f"user_u:object_r:secret_t:{low}",
    }
    return Profile(
        admin=f"system_u:system_r:admin_t:{span}",
        user=f"user_u:user_r:user_t:{span}",
        root=f"system_u:object_r:root_t:{low}",
        directories=directory | more,
        names=_NAMES,
        fscreate=(
            f"user_u:object_r:project_t:{low}",
            f"user_u:object_r:special_t:{low}:c3,c1,c2",
            f"user_u:object_r:secret_t:{low}",
            f"user_u:object_r:noassoc_t:{low}",
            f"staff_u:object_r:home_t:{low}",
            f"user_u:object_r:nonesuch_t:{low}",
        ),
        subjects=(
            f"user_u:user_r:user_t:{low}",
            f"user_u:user_r:user_t:{span}",
            f"staff_u:staff_r:user_t:{low}",
            f"user_u:user_r:nofscreate_t:{low}",
            f"user_u:user_r:guest_t:{low}",
            f"user_u:user_r:debug_t:{low}",
        ),
    )


PROFILES = {
    "targeted": _profile("s0", "s0-s0:c0.c15", {}),
    "mls": _profile("s0", "s0-s3:c0.c15", {"raised": "user_u:object_r:project_dir_t:s1:c2"}),
}


def of(policy: str) -> Profile:
    """The profile of one of our own policies; ValueError names those that have one."""
    try:
        return PROFILES[policy]
    except KeyError:
        raise ValueError(f"no profile for policy {policy!r}; there are {', '.join(PROFILES)}") from None
