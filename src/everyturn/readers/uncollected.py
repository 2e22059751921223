"""Reading without Python's search for reference cycles.

Decoding and reading make many small objects and no cycles. Each few hundred of them start a search, now and then through everything in
memory, which finds nothing and takes a fifth of the time. It is put off while a batch is made, whose size is bounded.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

T = TypeVar("T")

_lock = Lock()
_inside = 0  # threads and nested readers that put it off
_was_on = True


@contextmanager
def uncollected() -> Iterator[None]:
    """Within, no search starts by itself; it goes on as before when the last one has left."""
    global _inside, _was_on  # noqa: PLW0603 - the collector is the process's
    with _lock:
        if not _inside:
            _was_on = gc.isenabled()
            gc.disable()
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside and _was_on:
                gc.enable()


def made_uncollected(items: Iterable[T]) -> Iterator[T]:
    """The items, each made without a search; between them, in whose hands they are, it goes on."""
    iterator = iter(items)
    while True:
        with uncollected():
            try:
                item = next(iterator)
            except StopIteration:
                return
        yield item
