"""Asking over HTTP: as often as it helps, not sooner than the server says, and what came of it."""

from __future__ import annotations

import httpx
import pytest

from everyturn.http import NoReply, ask

DATE = {"date": "Mon, 02 Mar 2026 09:30:02 GMT"}


@pytest.fixture
def slept(monkeypatch):
    seconds = []
    monkeypatch.setattr("everyturn.http.time.sleep", seconds.append)
    return seconds


def asked(*answers, attempts=3):
    """What comes of asking a server that answers so, one answer an attempt."""
    left = iter(answers)

    def reply(_request):
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with httpx.Client(transport=httpx.MockTransport(reply)) as client:
        return ask(client, "GET", "https://api.example/list", attempts=attempts)


def test_a_reply_has_its_value_and_its_length():
    assert asked(httpx.Response(200, json=[1]))[:2] == ([1], 3)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [("7", 7), ("Mon, 02 Mar 2026 09:30:09 GMT", 7), ("Mon, 02 Mar 2026 09:00:00 GMT", 0), ("soon", 0), ("", 0)],
)
def test_a_pause_until_a_time_is_measured_by_the_servers_clock(slept, told, seconds):
    busy = httpx.Response(503, headers={"retry-after": told, **DATE})
    assert asked(busy, httpx.Response(200, json={})).value == {}
    assert slept == [seconds] if seconds else 0 < slept[0] <= 0.5


@pytest.mark.parametrize(
    ("answers", "problem", "refusal"),
    [
        ([httpx.Response(404)], "status 404", 404),
        ([httpx.Response(302, headers={"location": "https://elsewhere.example"})], "status 302", 302),
        ([httpx.Response(408)] * 3, "status 408", None),
        ([httpx.ConnectError("no")] * 3, "the connection failed (ConnectError)", None),
        ([httpx.Response(200, content=b'{"half')] * 3, "a reply that is no whole JSON", None),
        ([httpx.Response(429, headers={"retry-after": "301"})], "status 429, and to wait 301 seconds", None),
    ],
)
def test_what_does_not_pass_says_why_and_after_how_many_attempts(slept, answers, problem, refusal):
    with pytest.raises(NoReply) as none:
        asked(*answers)
    assert (none.value.problem, none.value.refusal, none.value.attempts) == (problem, refusal, len(answers))
    assert len(slept) == len(answers) - 1
