"""Asking again: what passes is waited out, what does not ends at once, and keys are said nowhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from everyturn.errors import InputError
from everyturn.pulls.api import ATTEMPTS, Api

SECRET = "sk-very-secret"


@pytest.fixture
def api(vendor, slept):
    vendor.routes["/list"] = lambda query, body: {"query": query, "body": body}
    with Api("example", vendor.url + "/", {"x-api-key": SECRET}, variables=("EXAMPLE_KEY",)) as api:
        yield api


def test_a_question_and_its_reply(api, vendor):
    assert api.get("/list", {"a": "b c", "none": None, "ids": ["1", "2"]}).value["query"] == {
        "a": "b c",
        "ids": ["1", "2"],
    }
    assert api.post("/list", {"select": ["id"]}).value["body"] == {"select": ["id"]}
    assert [headers["x-api-key"] for _, _, _, headers, _ in vendor.asked] == [SECRET, SECRET]


@pytest.mark.parametrize("trouble", ["429", "500", "cut", "broken", "drop"])
def test_what_passes_is_asked_again(api, vendor, slept, trouble):
    vendor.trouble = [trouble, trouble]
    assert api.get("/list").value == {"query": {}, "body": None}
    assert api.requests == 3
    assert len(slept) == 2
    if trouble == "429":
        assert slept == [7.0, 7.0]  # as long as the vendor asked for
    else:
        assert 0 < slept[0] <= 0.5
        assert slept[0] / 2 < slept[1] <= 1.0


def test_what_does_not_pass_ends_in_the_end(api, vendor, slept):
    vendor.trouble = ["500"] * 99
    with pytest.raises(InputError, match="does not answer") as error:
        api.get("/list")
    assert api.requests == ATTEMPTS
    assert f"after {ATTEMPTS} attempts: status 500" in error.value.where
    assert sum(slept) < 70


def test_a_pause_that_is_too_long_is_an_error_and_not_waited_for(api, vendor, slept, monkeypatch):
    monkeypatch.setattr("everyturn.http._LONGEST_ASKED", 5.0)
    vendor.trouble = ["429"]
    with pytest.raises(InputError) as error:
        api.get("/list")
    assert "to wait 7 seconds" in error.value.where
    assert slept == []


@pytest.mark.parametrize(("status", "what"), [(401, "refuses access"), (403, "refuses access"), (404, "nothing at this address"), (400, "not accept"), (302, "not accept")])  # fmt: skip
def test_an_error_that_repeating_cannot_mend_is_not_repeated(api, vendor, slept, status, what):
    vendor.trouble = [status]
    with pytest.raises(InputError, match=what) as error:
        api.get("/list")
    assert (api.requests, slept) == (1, [])
    assert SECRET not in f"{error.value} {api!r}"


def test_the_time_is_the_servers(api, vendor):
    vendor.skew = timedelta(hours=-3)
    api.get("/list")
    assert abs(api.now() - (datetime.now(UTC) - timedelta(hours=3))) < timedelta(seconds=5)


def test_an_address_that_is_none():
    with pytest.raises(InputError):
        Api("example", "api.example.com", {})
