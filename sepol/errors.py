"""The two things that callers catch."""


class Missing(RuntimeError):
    """libsepol is absent or older than 3.4; the text names the library, the version needed and the remedy."""


class PolicyError(ValueError):
    """A policy that cannot be compiled, read or evaluated; the text names the policy and the remedy in one line."""


def label(name: str) -> str:
    """How a message calls the policy of that name."""
    return name if name.startswith("policy") else f"policy {name}"
