"""Where rework happens: event streams, tickets, mails, documents before and after."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from everyturn.readers.driver import read_paths

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def load(tmp_path):
    """Reads text as a file of actions: its format, its rows, its count."""

    def read(text):
        path = tmp_path / "data"
        path.write_text(text)
        rows = []
        for batch in read_paths([path], kind="actions", now=NOW):
            (count,) = batch.files
            assert count.records == count.data + count.rejected + sum(count.skipped.values())
            rows += batch.tables["actions"].to_pylist() if "actions" in batch.tables else []
        return count.format, rows, count

    return read


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


def track(event, **more):
    return {
        "type": "track",
        "event": event,
        "userId": "u1",
        "messageId": event,
        "timestamp": "2026-03-02T14:00:00Z",
        **more,
    }


def test_segment_calls_become_actions(load):
    sent = track(
        "Draft Sent",
        properties={"conversation_id": "c1", "turn": 0, "text": "It is late.", "tool": "desk", "cart": [1]},
    )
    format_, (row,), _ = load(lines(sent))
    assert format_ == "segment"
    assert (row["kind"], row["user_id"], row["conversation_id"], row["turn"]) == ("sent", "u1", "c1", 0)
    assert row["artefact"] == "It is late."
    assert json.loads(row["attributes"])["tool"] == "desk"


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("Support Ticket Opened", "ticket_opened"),
        ("draftSent", "sent"),
        ("Copied to Clipboard", "copied"),
        ("Checkout Started", "checkout_started"),
    ],
)
def test_a_segment_event_is_what_its_name_ends_in(load, event, kind):
    assert load(lines(track(event)))[1][0]["kind"] == kind


def test_other_calls_are_skipped_and_bad_ones_refused_one_by_one(load):
    page = {"type": "page", "userId": "u1", "timestamp": "2026-03-02T14:00:00Z"}
    nobody = {key: value for key, value in track("Draft Sent").items() if key != "userId"}
    _, rows, count = load(lines(track("Draft Sent"), page, nobody))
    assert len(rows) == 1
    assert (dict(count.skipped), count.rejected) == ({"page call": 1}, 1)


def test_a_batch_of_calls_and_the_same_call_twice(load):
    _, rows, _ = load(lines({"batch": [track("Draft Sent"), track("Draft Saved"), track("Draft Sent")]}))
    assert [row["kind"] for row in rows] == ["sent", "saved", "sent"]
    assert rows[0]["action_id"] == rows[2]["action_id"]


TICKETS = """id,created_at,requester,subject,description,status
4711,2026-03-03T10:00:00Z,jo@shop.example,Charged twice,"I was told it would go back.
It did not.",open
4712,2026-03-04,u17,Valve,,closed
"""


def test_tickets_come_as_rows(load):
    format_, rows, _ = load(TICKETS)
    assert format_ == "tickets"
    assert [(row["kind"], row["user_id"]) for row in rows] == [
        ("ticket_opened", "jo@shop.example"),
        ("ticket_opened", "u17"),
    ]
    assert rows[0]["artefact"] == "Charged twice\n\nI was told it would go back.\nIt did not."
    assert rows[1]["artefact"] == "Valve"
    assert json.loads(rows[0]["attributes"]) == {"status": "open"}


def test_mails_are_recognised_by_who_sent_them(load):
    mail = {
        "message_id": "<m1@mail.example>",
        "date": "Tue, 03 Mar 2026 10:00:00 +0000",
        "from": "Jo Ann <jo@shop.example>",
        "to": "help@x.example",
        "subject": "Charged twice",
    }
    format_, (row,), _ = load(lines(mail))
    assert (format_, row["kind"], row["user_id"]) == ("tickets", "emailed", "jo@shop.example")
    assert row["at"] == datetime(2026, 3, 3, 10, tzinfo=UTC)


def test_a_ticket_from_nobody_is_refused_and_its_text_not_repeated(load):
    _, rows, count = load(TICKETS + "4713,2026-03-05,,Lamp,Secret words,open\n")
    assert (len(rows), count.rejected) == (2, 1)


def test_a_document_before_and_after_is_an_edit(load):
    format_, (row,), _ = load(
        lines({"at": "2026-03-02T14:00:00Z", "user_id": "u1", "before": "The draft.", "after": "The text."})
    )
    assert (format_, row["kind"], row["before"], row["artefact"]) == ("actions", "edited", "The draft.", "The text.")


def test_cloud_events_are_still_cloud_events(load):
    event = {
        "specversion": "1.0",
        "id": "e1",
        "source": "/desk",
        "type": "com.example.ticket.opened",
        "time": "2026-03-02T14:00:00Z",
        "subject": "u1",
    }
    format_, (row,), _ = load(lines(event))
    assert (format_, row["kind"], row["user_id"]) == ("actions", "ticket_opened", "u1")
