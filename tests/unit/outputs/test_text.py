from __future__ import annotations

import re
from typing import Any

import pytest

from everyturn.outputs.terminal import sparkline
from everyturn.outputs.text import render
from sample_report import (
    empty,
    estimate,
    not_enough,
    sample_report,
    with_few_users,
    with_nothing_found,
    without_actions,
    without_evals,
)


def squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_the_terminal_page_has_the_headline_findings_intents_and_trust() -> None:
    text = squeezed(render(sample_report(), width=110))
    assert "evals say 94% (91–97) 187 eval cases" in text
    assert "users keep 62% (60–64) 14,120 known outputs, 5,084 unknown, 2,118 users" in text
    assert "evals cover 75% (74–76) of 18,640 outputs that fit an intent" in text
    assert all(finding["sentence"] in text for finding in sample_report()["findings"])
    assert "Read its 5 conversations: everyturn show f-7c1e" in text
    assert "Enterprise 312" in text
    assert "In 1 of 3 cohorts a fall of acceptance by 10 points" in text
    assert "Trust fell before use: 31 users" in text
    assert "Enterprise: Use fell first" in text
    assert "No order shows" not in text  # of a cohort it would say nothing
    assert "61% in depth" in text
    assert "░: a week that is not over." in text


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_no_line_is_wider_than_asked_and_no_text_is_cut(width: int) -> None:
    text = render(sample_report(), width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text


@pytest.mark.parametrize("state", [without_evals, without_actions, with_few_users, with_nothing_found, empty])
def test_what_is_missing_is_said_in_words(state) -> None:
    text = squeezed(render(state()))
    said = {
        "without_evals": "evals say no evals loaded",
        "without_actions": "redone after acceptance no actions loaded",
        "with_few_users": "users keep not enough data 4 users, 10 needed",
        "with_nothing_found": "Nothing moved beyond its usual range, 3 March to 8 May 2025.",
        "empty": "There are no conversations to look at yet.",
    }
    assert said[state.__name__] in text
    assert not re.search(r"\b(nan|None|null)\b", text)


def test_colour_is_only_there_when_asked_for() -> None:
    assert "\x1b" not in render(sample_report())
    assert "\x1b[1m" in render(sample_report(), colour=True)


def test_no_conversation_steers_the_terminal() -> None:
    conversation = sample_report()["conversations"]["c-1"]
    conversation["messages"][1]["content"] = "\x1b[2Jgone\x07 [bold]not bold[/bold] :smile: \u202eright to left"
    conversation["messages"][2]["tool_calls"][0]["name"] = "tool\x1b]0;title\x07"
    text = render({"verb": "show", "conversation": conversation})
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert "[bold]not bold[/bold] :smile:" in text


def test_a_load_prints_its_ledger() -> None:
    rejected = [{"where": f"day1.jsonl, line {i}", "expected": "a trace id", "found": "a number"} for i in range(12)]
    text = render(
        {
            "verb": "load",
            "records": 61300,
            "data_records": 61288,
            "conversations": 4120,
            "users": 812,
            "rejected": rejected,
            "skipped": {"an evaluation run": 120},
            "model_calls": 9000,
            "without_content": 300,
            "without_conversation_id": 2,
            "silent_signals": ["rework"],
            "silent_because": {"rework": ["actions", "user_ids"]},
        }
    )
    assert text.startswith("61,300 records, 4,120 conversations, 812 users, 12 rejected\n")
    assert "2 conversations came without a conversation id" in text
    assert "300 of 9,000 model calls came without content" in text
    assert "day1.jsonl, line 4\n" in text
    assert "day1.jsonl, line 5" not in text
    assert "and 7 more" in text
    assert text.count("a trace id") == 1
    assert "To write all of them to a file: --rejected FILE" in text
    assert "120 records left out: an evaluation run" in text
    assert "rework: no actions (everyturn load --as actions FILE) and user ids" in text


def test_a_load_of_evals_or_actions_says_how_many_there_are_and_not_how_many_conversations() -> None:
    loaded = {"verb": "load", "records": 212, "conversations": 0, "users": 0, "rejected": []}
    text = render({**loaded, "eval_cases": 12, "eval_scores": 200})
    assert text == "212 records, 0 rejected\nThe workspace now holds 12 eval cases and 200 scores.\n"
    assert "holds 1 action.\n" in render({**loaded, "actions": 1})


def test_records_rejected_for_different_reasons_are_listed_apart() -> None:
    rejected = [
        {"where": "notes.md", "expected": "a known format: chat, otlp", "found": "text without records"},
        {"where": "cases.jsonl", "expected": "a known format: chat, otlp", "found": "evals (--as evals)"},
        {"where": "runs.jsonl", "expected": "a known format: chat, otlp", "found": "evals (--as evals)"},
    ]
    text = squeezed(render({"verb": "load", "records": 3, "rejected": rejected}))
    assert "where notes.md expected a known format: chat, otlp found text without records" in text
    assert "where cases.jsonl runs.jsonl expected a known format: chat, otlp found evals (--as evals)" in text


def test_every_command_says_when_there_is_too_little_data_and_suggests_none_that_needs_more() -> None:
    said = "It takes 5 finished weeks to see a change; there are 0 so far."
    assert render({"verb": "watch", "findings": [], "watch_list": [], "sentence": said}) == f"{said}\n"
    for result in ({"verb": "discover", "intents": [], "requests": 3, "unclear": 3}, {"verb": "gap", "rows": []}):
        text = render(result)
        assert text.startswith("No intents yet: an intent needs at least five users")
        assert "everyturn discover" not in text
    assert "Too new to be put in a group: 1 user." in render({"verb": "cohorts", "groups": [], "new": 1})
    assert "Detectable" not in render({"verb": "cohorts", "groups": [], "new": 1})
    shown = render({"verb": "show", "signal": {"signal": "acceptance"}, "conversations": []})
    assert "There is no conversation to read for it." in shown


def test_a_fit_says_what_it_did_and_compares_only_what_was_compared() -> None:
    kept = "The word rule stays: 0 labelled rows of the rarer class, 25 are needed."
    assert render({"verb": "fit", "sentence": kept, "labelled": 3, "rule": None}) == f"{kept}\n"
    used = {"verb": "fit", "sentence": "Fitted.", "rule": 0.61, "fitted": 0.7, "gain": 0.09, "low": 0.02, "high": 0.16}
    assert "rule 0.610, fitted 0.700, gain +0.090 (+0.020 to +0.160)" in squeezed(render(used))


def test_a_check_says_which_it_is() -> None:
    checks = [{"verdict": "passed", "name": "acceptance at least 60%", "sentence": "It is 64% (61–67)."}]
    text = squeezed(render({"verb": "check", "verdict": "passed", "sentence": "1 passed.", "checks": checks}))
    assert "passed acceptance at least 60% It is 64% (61–67)." in text


def test_a_list_of_findings_is_short_and_a_finding_alone_is_whole() -> None:
    finding = {"id": "f", "sentence": "It fell.", "details": [f"detail {i}" for i in range(9)], "conversations": []}
    listed = render({"verb": "watch", "findings": [finding], "sentence": "1 thing changed."})
    assert "detail 3" in listed
    assert "detail 4" not in listed
    assert "and 5 more" in listed
    assert "detail 8" in render({"verb": "show", "finding": finding})


def test_a_measure_prints_numbers_with_ranges_and_too_little_data_as_such() -> None:
    rows = [
        {"group": {"intent": "Refund status"}, **estimate(0.62, 900, unknown=80)},
        {"group": {"intent": None}, **not_enough(4)},
    ]
    text = squeezed(render({"verb": "measure", "signal": "acceptance", "rows": rows}))
    assert "Refund status 62% 56–68 900 80 225" in text
    assert "unknown not enough 4 of 10" in text
    assert "Ranges: 95%, user-clustered t." in text


def test_a_comparison_prints_both_sides_the_difference_and_its_parts() -> None:
    text = squeezed(
        render(
            {
                "verb": "compare",
                "signal": "rework",
                "verdict": "worse",
                "current": estimate(0.2, 400),
                "baseline": estimate(0.12, 600),
                "effect": {"value": 0.08, "low": 0.03, "high": 0.13},
                "mix": {"value": 0.01, "low": -0.01, "high": 0.02},
                "within": {"value": 0.07, "low": 0.03, "high": 0.12},
            }
        )
    )
    assert text.startswith("rework: worse current 20% (12–28) 400 outputs, 100 users baseline 12%")
    assert (
        "difference +8 points (+3 to +13) from a different mix +1 point (−1 to +2) from the same requests +7 points"
        in text
    )


def test_a_gap_row_says_when_no_case_tests_it() -> None:
    rows = [
        {
            "intent": "Refund",
            "volume": 400,
            "cases": 10,
            "estimates": {
                "eval_score": {"value": 0.94, "low": 0.9, "high": 0.97, "n": 10},
                "acceptance": {"value": 0.06, "low": 0.041, "high": 0.08, "users": 90, "n": 380, "unknown": 20},
            },
            "distance": 0.88,
            "low": 0.8,
            "high": 0.95,
            "lost": 264.0,
            "opened": {"week": "2026-03-02", "by": "users"},
            "status": ["evals say good, users do not"],
        },
        {
            "intent": "Dispute",
            "volume": 1260,
            "cases": 0,
            "estimates": {"eval_score": None, "acceptance": {"not_enough": {"users": 4, "needed": 10}}},
            "distance": None,
        },
    ]
    text = squeezed(render({"verb": "gap", "rows": rows}))
    for told in (
        "Refund (evals",
        "400 10 94% 6.0% (4.1–8.0) 88 264",
        "90–97 380 + 20 80 to 95",
        "(users)",
        "Dispute 1,260 0 none not enough not tested",
        "4 of 10 users",
    ):
        assert told in text


def test_cover_prints_the_share_and_what_is_not_tested() -> None:
    result = {
        "verb": "cover",
        "coverage": 0.748,
        "low": 0.739,
        "high": 0.757,
        "uncovered": [{"intent": "Dispute", "share": 0.101, "acceptance": not_enough(4)}],
    }
    text = squeezed(render(result))
    assert text.startswith("Eval cases cover 75% (74–76) of outputs, in that")
    assert "Dispute 10% not enough data" in text
    assert "everything" not in render({"verb": "cover", "coverage": None})
    assert render({"verb": "cover", "coverage": None}) == "unknown\n"


def test_watch_without_findings_is_a_result() -> None:
    assert render({"verb": "watch", "findings": []}) == "Nothing moved beyond its usual range.\n"


def test_a_conversation_prints_each_verdict_under_its_output() -> None:
    lines = [
        line.strip()
        for line in render({"verb": "show", "conversation": sample_report()["conversations"]["c-8"]}).splitlines()
    ]
    assert lines.index("→ accepted, from the user's next words") == lines.index("The file has 1,204 lines.") + 1
    assert "then    ticket opened 2 days later" in lines


def test_a_verb_unknown_here_is_shown_field_by_field() -> None:
    text = render(
        {
            "schema": "everyturn/1",
            "verb": "list",
            "kind": "signals",
            "signals": [{"name": "rework", "needs": ["actions"], "version": 2}],
        }
    )
    assert squeezed(text) == "kind signals signals name needs version rework actions 2 "


def test_a_sparkline_has_one_block_a_week() -> None:
    assert sparkline([{"n": 0}, {"n": 1}, {"n": 8}]) == "▁▁█"
    assert sparkline([]) == ""
    assert sparkline([{"value": 0.5}], key="value", top=1.0) == "▄"


def test_a_table_too_wide_for_the_terminal_becomes_a_paragraph_for_each_row() -> None:
    rows = [
        {
            "intent": "Change a booked delivery",
            "volume": 1400,
            "cases": 10,
            "estimates": {"acceptance": estimate(0.62, 900, unknown=80), "eval_score": None},
            "distance": None,
        }
    ]
    text = render({"verb": "gap", "rows": rows}, width=48)
    assert text.startswith("Change a booked delivery\n")
    assert "outputs 1,400 · " in text
    assert "accepted 62% (56–68) (900 + 80)" in text
    assert max(map(len, text.splitlines())) <= 48
    assert "Change a booked delivery   " in render({"verb": "gap", "rows": rows}, width=100)


def test_no_line_ends_between_a_number_and_its_unit() -> None:
    finding = {"id": "f", "sentence": "Trust fell, " + "from 77% to 70% " * 20, "details": [], "conversations": []}
    for width in range(60, 80):
        assert not re.search(r"\d$", render({"verb": "show", "finding": finding}, width=width), re.MULTILINE)


def test_without_evals_or_actions_their_columns_are_gone() -> None:
    everything, users_alone = (
        squeezed(render({**report, "verb": "report"}, width=200)) for report in (sample_report(), _users_alone())
    )
    for column in ("redone", "eval cases", "eval score", "gap, points"):
        assert column in everything
    assert "intent outputs by week accepted" in users_alone
    assert "not tested" not in users_alone
    assert "Gap: eval score" not in users_alone


def _users_alone() -> dict[str, Any]:
    report = without_evals()
    for intent in report["intents"]:
        intent.update(rework=None, cases=0, eval_score=None, distance=None, status=[])
    return report


def test_gap_and_cover_say_that_no_evals_are_loaded_instead_of_a_share_of_nothing() -> None:
    rows = [{"intent": "Refund", "volume": 40, "cases": 0, "estimates": {"acceptance": estimate(0.6, 30)}}]
    assert "No evals are loaded" in squeezed(render({"verb": "gap", "rows": rows}))
    assert "No evals are loaded" not in squeezed(render({"verb": "gap", "rows": [{**rows[0], "cases": 3}]}))
    covered = {"coverage": 0.0, "low": 0.0, "high": 0.02, "of_intents": estimate(0.0, 4), "uncovered": []}
    said = squeezed(render({"verb": "cover", "cases": 0, **covered}))
    assert "No eval cases are loaded" in said
    assert "0%" not in said
    assert "Every intent has" not in said
    assert "Eval cases cover 0% (0–2.0)" in squeezed(render({"verb": "cover", "cases": 4, **covered}))


def test_marks_are_told_in_words() -> None:
    marks = {
        "verb": "mark",
        "workspace": "demo.db",
        "releases": ["2026-10-19"],
        "holidays": [],
        "muted": ["f1"],
        "normals": [{"since": "2026-11-15", "signal": "acceptance", "cohort": None, "intent_id": "i-9"}],
    }
    assert squeezed(render(marks)).strip() == (
        "releases 19 October 2026 holidays none muted f1 new normal acceptance of intent i-9 since 15 November 2026"
    )
