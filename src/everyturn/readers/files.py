"""From paths to the files to read: in a fixed order, each once."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from everyturn.errors import InputError


class File(NamedTuple):
    """A file to read; `is_named` says that the path itself was given, rather than a folder that contains it."""

    path: Path
    is_named: bool


def expand(paths: Iterable[str | Path]) -> list[File]:
    """The named files and those under the named folders, in sorted order without hidden ones; each once, however it is named.

    A path that does not exist is an `InputError`, before anything is read.
    """
    found: dict[str, File] = {}
    for path in map(Path, paths):
        if path.is_dir():
            for file in _walk(path):
                found.setdefault(os.path.realpath(file), File(file, is_named=False))
        elif path.exists():
            found.setdefault(os.path.realpath(path), File(path, is_named=True))
        else:
            raise InputError(
                "no such file or folder",
                where=str(path),
                expected="a file or folder of records",
                try_=_nearest(path),
            )
    return list(found.values())


def _walk(folder: Path) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda e: e.name)
    except OSError:
        yield folder  # reading it fails too, and is said there
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        elif entry.is_file():
            yield Path(entry.path)


def _nearest(path: Path) -> str:
    """What to type instead: the entry beside it whose name is nearest, or a look at the folder."""
    folder = path.parent if path.parent.is_dir() else Path()
    near = difflib.get_close_matches(path.name, sorted(entry.name for entry in folder.iterdir()), n=1)
    return f"everyturn load {folder / near[0]}" if near else f"ls {folder}"
