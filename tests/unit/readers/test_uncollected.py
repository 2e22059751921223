"""The search for cycles is off while a batch is made, and as it was at every other time."""

from __future__ import annotations

import gc
from contextlib import suppress
from datetime import UTC, datetime
from threading import Barrier, Thread

import pytest

from everyturn.errors import InputError
from everyturn.readers import ReadOptions
from everyturn.readers.driver import read_paths
from everyturn.readers.uncollected import made_uncollected, uncollected

NOW = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True, params=[True, False], ids=["on", "off"])
def before(request):
    """Whether the search was on before: it is left as it was."""
    was_on = gc.isenabled()
    (gc.enable if request.param else gc.disable)()
    yield request.param
    assert gc.isenabled() == request.param
    (gc.enable if was_on else gc.disable)()


def test_it_is_off_within_and_as_it_was_after(before):
    with suppress(KeyError), uncollected():
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
        raise KeyError
    assert gc.isenabled() == before


def test_it_is_off_while_an_item_is_made_and_as_it_was_between_items(before):
    made = []

    def items():
        for number in range(3):
            made.append(gc.isenabled())
            yield number

    for _ in made_uncollected(items()):
        assert gc.isenabled() == before
    assert made == [False] * 3


def test_threads_that_leave_in_any_order_leave_it_as_it_was():
    inside, first_left = Barrier(2), Barrier(2)

    def first():
        with uncollected():
            inside.wait()
        first_left.wait()

    def second():
        with uncollected():
            inside.wait()
            first_left.wait()
            assert not gc.isenabled()

    threads = [Thread(target=first), Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_load_that_is_left_or_fails_leaves_it_as_it_was(tmp_path, before):
    (tmp_path / "a.jsonl").write_text('{"messages": [{"role": "user", "content": "hi"}]}\n{"messages": 1}\n')
    with pytest.raises(InputError):
        list(read_paths([tmp_path], now=NOW, options=ReadOptions(on_bad="stop")))
    assert gc.isenabled() == before
    next(read_paths([tmp_path], now=NOW))
    assert gc.isenabled() == before
