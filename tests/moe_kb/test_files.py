"""Reading what may be anything, up to a limit; writing whole or not at all."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from moe_kb.files import UnreadableError, read_bounded, read_text, replacement, sweep, write_text, write_texts


def refusal(path, most=100):
    with pytest.raises(UnreadableError) as refused:
        read_bounded(path, most, patience=0.2)
    assert str(path) in str(refused.value)
    return refused.value.why


def test_files_are_read_up_to_a_limit(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"x" * 100)
    assert read_bounded(file, 100) == b"x" * 100
    assert refusal(file, 99) == "it is larger than 99 bytes"
    os.truncate(file, 3_000_000_000)
    assert refusal(file, 4_000_000) == "it is larger than 4,000,000 bytes"
    with pytest.raises(FileNotFoundError):
        read_bounded(tmp_path / "nowhere", 1)


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/dev/urandom", "/"])
def test_devices_and_folders_are_refused(path):
    assert "device" in refusal(Path(path)) or "folder" in refusal(Path(path))


@pytest.fixture
def pipe(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


@pytest.mark.parametrize("pieces", [[b""], [b"x" * 100], [b"x"] * 100], ids=["nothing", "at once", "in pieces"])
def test_pipes_are_read_to_their_end(pipe, pieces):
    def write():
        with pipe.open("wb", buffering=0) as file:
            for piece in pieces:
                file.write(piece)

    writer = threading.Thread(target=write)
    writer.start()
    assert read_bounded(pipe, 100) == b"".join(pieces)
    writer.join()


def test_endless_pipes_are_refused(pipe):
    late = "it is a pipe that did not end within 0.2 seconds"
    assert refusal(pipe) == late  # nobody writes
    silent = os.open(pipe, os.O_RDWR)
    assert refusal(pipe) == late
    os.write(silent, b"x")
    assert refusal(pipe) == late
    os.close(silent)
    with subprocess.Popen(["sh", "-c", f"exec cat /dev/zero > {pipe}"], stderr=subprocess.DEVNULL):
        assert refusal(pipe) == "it is larger than 100 bytes"


def test_text_that_is_not_utf8_is_refused(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"abc\xff")
    with pytest.raises(UnreadableError, match="byte 3 is not UTF-8"):
        read_text(file, 100)


def test_a_file_is_replaced_whole(tmp_path):
    file = tmp_path / "new" / "file"
    write_text(file, "old\r\n")
    assert file.read_bytes() == b"old\r\n"
    file.chmod(0o640)
    with pytest.raises(ZeroDivisionError), replacement(file) as temporary:
        _ = temporary.write_bytes(b"half") / 0
    assert file.read_text() == "old\n"
    write_text(file, "new")
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("new", 0o640)
    assert os.listdir(file.parent) == ["file"]


def test_links_stay_links(tmp_path):
    real, link = tmp_path / "real" / "file", tmp_path / "link"
    write_text(real, "old")
    link.symlink_to(real)
    write_text(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"


def test_several_files_are_written_or_none(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    two.mkdir()
    with pytest.raises(IsADirectoryError):
        write_texts({one: "1", two: "2"})
    with pytest.raises(UnicodeEncodeError):
        write_texts({one: "1", tmp_path / "three": "\ud800"})
    assert sorted(os.listdir(tmp_path)) == ["two"]


def test_long_names_have_room_for_a_temporary_one(tmp_path):
    file = tmp_path / ("é" * 120)
    write_text(file, "text")
    assert file.read_text() == "text"


def test_only_leftovers_of_the_dead_are_swept(tmp_path):
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    dead, living = int(gone.stdout), os.getpid()
    swept = [f".a.yaml.{dead}.0123abcd.tmp", f".b.{living}.0123abcd.tmp", f".c.{'9' * 30}.0123abcd.tmp"]
    kept = [f".a.yaml.{living}.0123abcd.tmp", ".vim.tmp", ".a.b.tmp", f".x.{dead}.0123abcd", f"x.{dead}.0123abcd.tmp"]
    for name in (*swept, *kept):
        (tmp_path / name).write_text("")
    os.utime(tmp_path / swept[1], (1, 1))  # as if this process had got the number of a dead one
    sweep(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted(kept)
