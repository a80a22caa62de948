"""Disks of a few megabytes, where this user may mount one."""

from __future__ import annotations

import errno
import os
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def tiny_disk(size: str = "2m") -> Iterator[Path]:
    """A file system of this size; the test is skipped where none can be mounted."""
    place = Path(tempfile.mkdtemp(prefix="syncd-tiny-"))
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        place.rmdir()
        pytest.skip(f"no file system can be mounted here: {error}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)
        place.rmdir()


class FailingDisk:
    """An ext4 in a file, that the kernel makes read-only when it is told of damage."""

    def __init__(self, image: Path, place: Path) -> None:
        self._image = image
        self.place = place

    def mount(self) -> None:
        """Mount it."""
        _command("mount", "-o", "loop,errors=remount-ro", str(self._image), str(self.place))

    def unmount(self) -> None:
        """Nobody has a file of it open."""
        _command("umount", str(self.place))

    def fail(self) -> None:
        """The kernel finds damage, while files are open for writing."""
        device = Path(_command("findmnt", "--noheadings", "--output", "SOURCE", str(self.place)).strip()).name
        Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("1")
        with pytest.raises(OSError) as refused:  # noqa: PT011 - the number says more than the words
            (self.place / "one more").touch()
        assert refused.value.errno == errno.EROFS

    def repair(self) -> None:
        """As a person does it: it is checked while it is not mounted."""
        self.unmount()
        _command("e2fsck", "-fy", str(self._image), ends=(0, 1))
        self.mount()


@contextmanager
def failing_disk(image: Path) -> Iterator[FailingDisk]:
    """A disk that can fail; the test is skipped where none can be mounted."""
    place = Path(tempfile.mkdtemp(prefix="syncd-failing-"))
    image.write_bytes(b"")
    os.truncate(image, 64 * 1024 * 1024)
    disk = FailingDisk(image, place)
    try:
        _command("mkfs.ext4", "-q", str(image))
        disk.mount()
    except (OSError, subprocess.CalledProcessError) as error:
        place.rmdir()
        pytest.skip(f"no file system can be mounted here: {error}")
    try:
        yield disk
    finally:
        disk.unmount()
        place.rmdir()


def _command(*words: str, ends: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    if done.returncode not in ends:
        raise subprocess.CalledProcessError(done.returncode, words, done.stdout, done.stderr)
    return done.stdout


def fill(file: Path) -> None:
    """Until nothing more fits."""
    handle = os.open(file, os.O_CREAT | os.O_WRONLY)
    try:
        while True:
            os.write(handle, bytes(4096))
    except OSError as error:
        assert error.errno == errno.ENOSPC  # noqa: PT017 - what is written meanwhile is many statements
    finally:
        os.close(handle)
