import stat

import pytest

from lsm.objects import Fid, Obj, Subject, file_class


@pytest.mark.parametrize(
    ("mode", "tclass"),
    [
        (stat.S_IFREG | 0o644, "file"),
        (stat.S_IFDIR, "dir"),
        (stat.S_IFLNK, "lnk_file"),
        (stat.S_IFCHR, "chr_file"),
        (stat.S_IFBLK, "blk_file"),
        (stat.S_IFIFO, "fifo_file"),
        (stat.S_IFSOCK, "sock_file"),
        (0o644, "file"),
    ],
)
def test_the_class_of_an_inode(mode, tclass) -> None:
    """By its format bits; what has none is a file (inode_mode_to_security_class)."""
    assert file_class(mode) == tclass
    assert Obj("object", tclass, mode=mode).is_dir == (tclass == "dir")


def test_a_fid_reads_as_lustre_writes_it() -> None:
    """[seq:oid:ver] in hexadecimal (DFID)."""
    assert str(Fid(0x200000401, 2)) == "[0x200000401:0x2:0x0]"


def test_groups() -> None:
    """The subject's own and its supplementary ones."""
    subject = Subject(1, 2, (4, 5))

    assert [gid for gid in range(7) if subject.in_group(gid)] == [2, 4, 5]
