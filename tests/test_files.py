"""A file that is written whole or not at all."""

import os
import stat

import pytest

from d2lparams._files import write_whole


def fail(file):
    file.write(b"half of")
    raise KeyboardInterrupt


def test_a_file_is_written_and_written_again(tmp_path):
    for content in (b"first", b"2"):
        write_whole(tmp_path / "data", lambda file, content=content: file.write(content))
        assert (tmp_path / "data").read_bytes() == content
    assert os.listdir(tmp_path) == ["data"]


def test_what_fails_leaves_the_old_file_and_no_part(tmp_path):
    (tmp_path / "data").write_text("old")
    for name in ("data", "new"):
        with pytest.raises(KeyboardInterrupt):
            write_whole(tmp_path / name, fail)
    assert os.listdir(tmp_path) == ["data"]
    assert (tmp_path / "data").read_text() == "old"
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "no folder" / "data", fail)


def test_a_new_file_has_the_mode_that_open_gives_and_an_old_one_keeps_its_own(tmp_path):
    old = os.umask(0o027)
    try:
        write_whole(tmp_path / "ours", lambda file: file.write(b"1"))
        (tmp_path / "plain").write_bytes(b"1")
    finally:
        os.umask(old)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("ours", "plain")]
    assert modes == [0o640, 0o640]
    (tmp_path / "ours").chmod(0o600)
    write_whole(tmp_path / "ours", lambda file: file.write(b"2"))
    assert stat.S_IMODE((tmp_path / "ours").stat().st_mode) == 0o600


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "data")
    write_whole(tmp_path / "link", lambda file: file.write(b"1"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "disk" / "data").read_bytes() == b"1"
