import csv
import gzip
import itertools
import json
import re
from collections import Counter, defaultdict
from datetime import datetime

import orjson
import pytest

from everyturn.demo import write_chat
from everyturn.demo.phrases import phrases

BILLING_WORDS = re.compile(r"\b(?:charge[ds]?|bill(?:ed|ing)?|overcharged|debits?|subscription)\b", re.IGNORECASE)


def lines(path):
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rb") as file:
        yield from map(orjson.loads, file)


def attributes(item):
    return {each["key"]: next(iter(each["value"].values())) for each in item["attributes"]}


def spans(path):
    for request in lines(path):
        for resource in request.get("resourceSpans", ()):
            for scope in resource["scopeSpans"]:
                yield from scope["spans"]


def said(message):
    return next((part.get("content") for part in message["parts"]), None)


@pytest.fixture(scope="session")
def traced(world):
    """user messages and outputs of two weeks of traces: id -> [(user, agent)]"""
    found = defaultdict(list)
    for path in (world.conversations[1], world.conversations[8]):
        for span in spans(path):
            if span["name"].startswith("invoke_agent"):
                given = attributes(span)
                user = said(orjson.loads(given["gen_ai.input.messages"])[-1])
                agent = said(orjson.loads(given["gen_ai.output.messages"])[-1])
                found[given["gen_ai.conversation.id"]].append((user, agent))
    return found


@pytest.fixture(scope="session")
def chats(world):
    return list(lines(world.conversations[-1]))


# --- traces ------------------------------------------------------------------------------------------------------


def test_model_calls_carry_the_whole_history(world):
    calls = defaultdict(list)
    roots = Counter()
    for span in spans(world.conversations[0]):
        given = attributes(span)
        if given["gen_ai.operation.name"] == "chat":
            assert span["parentSpanId"]
            calls[given["gen_ai.conversation.id"]].append(orjson.loads(given["gen_ai.input.messages"]))
        elif given["gen_ai.operation.name"] == "invoke_agent":
            assert "parentSpanId" not in span
            assert {"user.id", "app.cohort", "app.plan", "app.channel", "app.agent_version", "app.locale"} <= set(given)
            roots[given["gen_ai.conversation.id"]] += 1
    assert set(calls) == set(roots)
    for histories in calls.values():
        for earlier, later in itertools.pairwise(histories):
            assert later[: len(earlier)] == earlier
        assert histories[0][0]["role"] == "system"
        assert len([m for m in histories[-1] if m["role"] == "user"]) <= 6


def test_failed_model_calls_are_repeated(world):
    failed = []
    for path in world.conversations[:3]:
        by_trace = defaultdict(list)
        for span in spans(path):
            by_trace[span["traceId"]].append(span)
        for steps in by_trace.values():
            wrong = [span for span in steps if span["status"].get("code") == 2]
            if wrong:
                failed += wrong
                assert any("gen_ai.output.messages" in attributes(s) for s in steps if s["name"] == wrong[0]["name"])
    assert failed
    assert all(attributes(span)["error.type"].startswith("openai.") for span in failed)


def test_spans_take_the_time_of_their_turn(world):
    by_trace = defaultdict(dict)
    for span in spans(world.conversations[4]):
        start, end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
        assert start < end
        by_trace[span["traceId"]][span["spanId"]] = (span.get("parentSpanId"), start, end)
    for steps in by_trace.values():
        (root,) = [step for step in steps.values() if step[0] is None]
        assert all(root[1] <= start and end <= root[2] for _, start, end in steps.values())


def test_ratings_point_at_a_turn(world):
    roots, ratings = set(), []
    for request in lines(world.conversations[2]):
        for resource in request.get("resourceSpans", ()):
            roots.update((s["traceId"], s["spanId"]) for scope in resource["scopeSpans"] for s in scope["spans"])
        for resource in request.get("resourceLogs", ()):
            ratings += [record for scope in resource["scopeLogs"] for record in scope["logRecords"]]
    assert len(ratings) > 30
    assert {record["eventName"] for record in ratings} == {"gen_ai.evaluation.result"}
    assert all((record["traceId"], record["spanId"]) in roots for record in ratings)


# --- chat logs -----------------------------------------------------------------------------------------------------


def test_a_quarter_of_the_traffic_is_the_mobile_app(world, chats):
    assert len(chats) / world.realised["conversations"] == pytest.approx(0.25, abs=0.03)
    for chat in chats:
        assert set(chat) == {"conversation_id", "user_id", "created_at", "metadata", "messages"}
        assert chat["metadata"]["channel"] == "mobile"
        datetime.fromisoformat(chat["created_at"])
        roles = [message["role"] for message in chat["messages"]]
        assert roles[:2] == ["system", "user"]
        assert roles[-1] == "assistant"
    calls = [call for chat in chats for message in chat["messages"] for call in message.get("tool_calls", ())]
    assert all(isinstance(json.loads(call["function"]["arguments"]), dict) for call in calls)


# --- actions ---------------------------------------------------------------------------------------------------------


def test_events_are_cloudevents_in_the_order_of_time(world):
    events = list(lines(world.actions[0]))
    assert all(event["specversion"] == "1.0" and event["id"] and event["data"]["user_id"] for event in events)
    times = [event["time"] for event in events]
    assert times == sorted(times)
    assert len({event["id"] for event in events}) == len(events)
    kinds = Counter(event["type"].rsplit(".", 1)[1] for event in events)
    assert set(kinds) == {
        "accepted", "applied", "copied", "dismissed", "edited", "inserted", "published", "regenerated", "rejected",
        "resolved", "saved", "sent",
    }  # fmt: skip
    assert all(
        "artefact" in e["data"] for e in events if e["type"].endswith((".sent", ".saved", ".published", ".edited"))
    )


def test_tickets_by_week_are_those_counted(world):
    with world.actions[1].open(encoding="utf-8", newline="") as file:
        tickets = list(csv.DictReader(file))
    assert {ticket["kind"] for ticket in tickets} == {"ticket_opened"}
    weeks = Counter((datetime.fromisoformat(ticket["at"]) - world.mondays[0]).days // 7 for ticket in tickets)
    assert [weeks[week] for week in range(10)] == world.realised["tickets_by_week"]
    assert 0.05 < sum(not ticket["conversation_id"] for ticket in tickets) / len(tickets) < 0.25
    assert [ticket["at"] for ticket in tickets] == sorted(ticket["at"] for ticket in tickets)
    assert len({ticket["subject"] + ticket["description"] for ticket in tickets}) > 0.8 * len(tickets)


def coverage(output, artefact):
    """Share of the output's characters in runs of four words that the artefact has as well."""
    words, others = output.split(), artefact.split()
    runs = {tuple(others[at : at + 4]) for at in range(len(others) - 3)}
    kept = [False] * len(words)
    for at in range(len(words) - 3):
        if tuple(words[at : at + 4]) in runs:
            kept[at : at + 4] = [True] * 4
    return sum(len(word) for word, has in zip(words, kept, strict=True) if has) / sum(map(len, words))


def test_artefacts_show_the_planted_rework(world, traced):
    taken, used = set(), {}
    for event in lines(world.actions[0]):
        kind, data = event["type"].rsplit(".", 1)[1], event["data"]
        place = (data.get("conversation_id"), data.get("turn"))
        if kind in {"copied", "inserted"}:
            taken.add(place)
        elif kind in {"sent", "published", "saved"} and data.get("turn") is not None:
            used[place] = data["artefact"]
    kept = [
        coverage(traced[conversation][turn][1], artefact)
        for (conversation, turn), artefact in used.items()
        if (conversation, turn) in taken and conversation in traced
    ]
    assert len(kept) > 250
    assert sum(share < 0.47 for share in kept) / len(kept) == pytest.approx(0.31, abs=0.06)
    assert not [share for share in kept if 0.36 < share < 0.47], "rewritten and edited texts lie clearly apart"
    assert sum(share == 1.0 for share in kept) > 0.45 * len(kept)


# --- what people write -----------------------------------------------------------------------------------------------


def test_hardly_any_two_first_messages_are_the_same(traced, chats):
    first = [turns[0][0] for turns in traced.values()] + [chat["messages"][1]["content"] for chat in chats]
    assert len(set(first)) > 0.96 * len(first)
    assert Counter(first).most_common(1)[0][1] <= 12
    words = sorted(len(text.split()) for text in first)
    assert words[len(words) // 10] <= 6
    assert words[-len(words) // 10] >= 22


def test_no_user_text_is_repeated_too_often(traced):
    texts = Counter(user for turns in traced.values() for user, _ in turns)
    assert texts.most_common(1)[0][1] <= 0.01 * texts.total()
    assert len(texts) > 0.85 * texts.total()


def test_some_write_in_other_languages(traced, chats):
    first = [turns[0][0] for turns in traced.values()] + [chat["messages"][1]["content"] for chat in chats]
    foreign = re.compile(r"\b(?:wie|ich|ist|wurde|eine|wir|el|los|mi|¿cómo|le|je|une|est)\b", re.IGNORECASE)
    assert 0.01 < sum(bool(foreign.search(text)) for text in first) / len(first) < 0.06


def test_billing_words_come_with_billing(world):
    def share(week):
        first = {}
        for span in spans(world.conversations[week]):
            if span["name"].startswith("invoke_agent"):
                given = attributes(span)
                user = said(orjson.loads(given["gen_ai.input.messages"])[-1])
                first.setdefault(given["gen_ai.conversation.id"], user)
        return sum(bool(BILLING_WORDS.search(text)) for text in first.values()) / len(first)

    assert share(2) < 0.02
    assert share(9) > share(2) + 0.05


def test_agent_texts_are_finished(traced):
    for turns in traced.values():
        for user, agent in turns:
            assert user.strip() == user
            assert agent.strip() == agent
            assert not set("<>{}|") & set(agent.replace(" > ", " ")), agent


def test_every_subject_has_many_wordings():
    known = phrases()
    for subject in (
        "refund",
        "shipping",
        "password",
        "account",
        "returns",
        "reply",
        "description",
        "discount",
        "billing",
    ):
        topics = known.topics.get(subject, ())
        rules = [
            f"{subject}.{part}{topic}" for part in ("short", "ask") for topic in ("", *(f".{t}" for t in set(topics)))
        ]
        assert sum(known.variants(rule) for rule in rules if rule in known) >= 100, subject


# --- for benchmarks ----------------------------------------------------------------------------------------------------


def test_chat_for_benchmarks_is_the_same_world(tmp_path, small):
    world = write_chat(tmp_path / "bench.jsonl", conversations=600, seed=3)
    chats = list(lines(world.conversations[0]))
    events = list(lines(world.actions[0]))
    assert len(chats) == 600
    assert world.actions[0].name == "bench.actions.jsonl"
    assert world.realised == small.realised
    assert sum(event["type"].endswith("ticket_opened") for event in events) == sum(world.realised["tickets_by_week"])


def test_chat_for_benchmarks_may_be_packed(tmp_path):
    world = write_chat(tmp_path / "bench.jsonl.gz", conversations=200)
    assert world.actions[0].name == "bench.actions.jsonl.gz"
    assert len(list(lines(world.conversations[0]))) == 200
