"""A vendor on loopback for each test."""

from __future__ import annotations

import pytest

from loopback import Vendor, serving


@pytest.fixture
def vendor():
    with serving(Vendor()) as vendor:
        yield vendor


@pytest.fixture
def slept(monkeypatch):
    """The seconds between attempts, which tests do not wait."""
    seconds: list[float] = []
    monkeypatch.setattr("everyturn.http.time.sleep", seconds.append)
    return seconds
