"""The sample world, written once for all tests of this folder."""

import pytest

from everyturn.demo import write_world


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    return write_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    return write_world(tmp_path_factory.mktemp("small"), conversations=600, seed=3)
