"""Where files are written: whole or not at all, and refused in four parts where nothing can be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from everyturn.errors import InputError


@contextmanager
def appearing(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its place when all went well and leaves no trace when not.

    It is written beside its place under another name and moved there at the end.
    """
    require_place(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # else a crash after the rename could leave an empty file under the right name
        part.replace(path)
    except OSError as error:
        raise _unwritable(path, why=(error.strerror or "").lower()) from error
    finally:
        part.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Makes a folder and those above it, where they are not there yet."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, why=(error.strerror or "").lower()) from error


def require_place(path: str | Path) -> None:
    """Refuses a place where no file can be made, before the work that would fill it."""
    place = Path(path)
    if place.is_dir():
        raise _unwritable(place, why="it is a folder")
    if not place.absolute().parent.is_dir():
        raise _unwritable(place, why="the folder does not exist")
    if not os.access(place.absolute().parent, os.W_OK):
        raise _unwritable(place, why="the folder may not be written to")


def _unwritable(path: Path, *, why: str) -> InputError:
    return InputError(
        "no file can be written there",
        where=f"{path}: {why}" if why else str(path),
        expected="a file name in a folder that exists and may be written to",
        try_="another file name, or make the folder first",
    )
