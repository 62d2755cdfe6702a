"""The project's own two policies, written to be read and to exercise every kind of rule that labels files.

In reading order:

* ``base.cil``      users, roles, subjects and objects, the same in both; every type has its purpose beside it
* ``rules.cil``     who may do what, and how new objects are labelled, the same in both
* ``targeted.cil``  type enforcement with categories (one sensitivity, c0 to c15)
* ``mls.cil``       type enforcement with levels s0 to s3 and c0 to c15: nothing flows down
* ``classes.cil``   the kernel's classes, permissions and initial SIDs, in the kernel's order

No rule is computed here: this module only hands the texts to the compiler.
"""

from importlib import resources

NAMES = ("targeted", "mls")


def source(name: str) -> dict[str, str]:
    """The CIL of the policy `name` as {file name: text}, complete, in the order in which it is to be compiled.

    Raises ValueError for a name that is not in `NAMES`.
    """
    if name not in NAMES:
        raise ValueError(f"no policy named {name!r}; the known ones are {', '.join(NAMES)}")
    folder = resources.files(__name__)
    files = ("classes.cil", "base.cil", "rules.cil", f"{name}.cil")
    return {file: folder.joinpath(file).read_text(encoding="utf-8") for file in files}
