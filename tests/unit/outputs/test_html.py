from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from everyturn.outputs.cells import of_intents
from everyturn.outputs.html import render_fragment, render_html
from everyturn.outputs.links import Links
from everyturn.outputs.transcript import anchor, arrange_conversation
from sample_report import (
    HOSTILE,
    STATES,
    sample_report,
    with_few_users,
    with_nothing_found,
    without_actions,
    without_evals,
)


class Reader(HTMLParser):
    """The elements, texts and ids of a page, as a browser that runs nothing would see them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._silent = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._silent += tag in {"script", "style"}

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in {"script", "style"}

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words)).replace("\u00a0", " ").replace("\u2060", "")

    def having(self, attribute: str) -> list[str]:
        return [value for _, attributes in self.elements if (value := attributes.get(attribute)) is not None]


@pytest.fixture(scope="module")
def page() -> str:
    return render_html(sample_report())


@pytest.fixture(scope="module")
def read(page: str) -> Reader:
    return Reader(page)


def test_the_headline_sets_evals_beside_users_with_both_ranges(read: Reader) -> None:
    assert "Evals say 94 % range 91–97" in read.text
    assert "Users keep 62 % range 60–64" in read.text
    assert "14,120 known outputs, 5,084 unknown, 2,118 users" in read.text
    assert "If all unknown outputs had gone one way: 46% to 72%." in read.text


def test_what_has_no_room_is_named(read: Reader) -> None:
    assert "Also found: Trial: accepted less often (watch list). To read everything: everyturn watch" in read.text


def test_what_monitoring_sees_says_of_how_many(read: Reader) -> None:
    assert "99.2% of 19,204 turns answered" in read.text
    assert "0.4% of 61,300 steps failed" in read.text


def test_blind_spots_and_what_fell_first_are_shown(page: str) -> None:
    assert "In 1 of 3 cohorts a fall of acceptance by" in page
    assert "Trust fell before use: 31 users" in page
    assert "<b>Enterprise:</b> Use fell first" in page
    assert "No order shows" not in page.split('id="numbers"', maxsplit=1)[0]
    assert "Change a booking: 3 cases for 1,204 outputs" in page
    assert page.count("<dt>Detectable") == len(sample_report()["intents"]) + len(sample_report()["cohorts"])


def test_a_small_cell_is_shown_with_what_was_counted(page: str) -> None:
    assert "counted: 25% of 4, 2 unknown" in page
    assert page.count('3 cohorts more: <code class="command">everyturn show intent') == 1


def test_a_cohort_has_its_intents_with_the_most_answers_not_taken_first(page: str) -> None:
    told = {
        cohort: [i["name"] for i in rows]
        for cohort, rows in of_intents(sample_report(), Links(sample_report())).items()
    }
    assert told
    for cohort, names in told.items():
        lost = {
            intent["intent"]: row["raw"]["n"] * (1 - row["raw"]["value"])
            for intent in sample_report()["intents"]
            for row in intent.get("by_cohort", [])
            if row["group"]["cohort"] == cohort and row["raw"]["value"] is not None
        }
        assert names == sorted((n for n in lost if lost[n]), key=lambda n: -lost[n])[:10]
    assert page.count("<summary>What they ask for</summary>") == len(
        told.keys() & {c["cohort"] for c in sample_report()["cohorts"]}
    )


def test_every_finding_has_its_sentence_and_conversations(read: Reader) -> None:
    for finding in sample_report()["findings"]:
        assert finding["sentence"] in read.text
    assert "Details and 5 conversations" in read.text


def test_every_intent_shows_volume_acceptance_cases_and_gap(read: Reader) -> None:
    for intent in sample_report()["intents"]:
        assert intent["intent"] in read.text
        assert f"{intent['volume']:,}" in read.text
    assert "not tested" in read.text
    assert "not enough data 4 users, 10 needed" in read.text


def test_links_lead_to_conversations_that_are_there(read: Reader) -> None:
    ids = read.having("id")
    assert len(ids) == len(set(ids))
    links = [href[1:] for href in read.having("href") if href.startswith("#conversation:")]
    assert len(links) > 20
    assert set(links) <= set(ids)


def test_a_conversation_that_is_not_in_the_file_is_named_with_the_command_that_shows_it(read: Reader) -> None:
    assert "everyturn show conversation c-9999" in read.text


@pytest.mark.parametrize("conversation_id", ["c-1", "a b", 'x"y<z>', "ä/ö?#%"])
def test_any_conversation_id_makes_a_valid_anchor(conversation_id: str) -> None:
    assert re.fullmatch(r"conversation:[\w.~%-]+", anchor(conversation_id))


def test_hostile_text_is_text_wherever_it_comes_in() -> None:
    report = sample_report()
    _poison(report)
    read = Reader(render_html(report))
    tags = {tag for tag, _ in read.elements}
    assert "img" not in tags
    assert sum(tag == "script" for tag, _ in read.elements) == 2
    assert not any(name.startswith("on") for _, attributes in read.elements for name in attributes)
    assert read.text.count("</script><img src=x onerror=") > 20


def _poison(value: object) -> None:
    """Hostile text in every text of the report that is no date and no number."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    keep = {
        "week",
        "weeks",
        "from",
        "to",
        "complete_until",
        "since",
        "started_at",
        "at",
        "kind",
        "role",
        "unit",
        "verb",
    }
    for key, inner in list(pairs):
        if isinstance(inner, str) and key not in keep:
            value[key] = inner + HOSTILE
        elif key not in keep:
            _poison(inner)


def test_the_embedded_numbers_are_the_report_and_cannot_end_their_element(page: str) -> None:
    report = sample_report()
    report["title"] = HOSTILE
    match = re.search(r'<script type="application/json" id="numbers">(.*?)</script>', render_html(report), re.DOTALL)
    assert match
    assert not set("<>&\u2028") & set(match[1])
    numbers = json.loads(match[1])
    assert numbers.pop("title") == HOSTILE
    assert "conversations" not in numbers
    assert numbers == {k: v for k, v in report.items() if k not in {"title", "conversations"}}


def test_the_policy_allows_exactly_the_style_and_script_inside(page: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    assert "default-src &#39;none&#39;" in policy[1]
    for tag in ("style", "script"):
        inside = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert inside
        digest = base64.b64encode(hashlib.sha256(inside[1].encode()).digest()).decode()
        assert f"{tag}-src &#39;sha256-{digest}&#39;" in policy[1]
    assert "unsafe" not in policy[1]


def test_the_page_refers_to_nothing_outside_itself(page: str, read: Reader) -> None:
    assert all(href.startswith(("#", "data:,")) for href in read.having("href"))
    assert not read.having("src")
    assert not re.search(r"url\((?!#)|@import|https?://", page)
    assert not read.having("style"), "the policy would ignore it"


def test_every_drawing_says_what_it_shows(read: Reader) -> None:
    drawings = [attributes for tag, attributes in read.elements if tag == "svg" and "role" in attributes]
    assert len(drawings) > 40
    assert all(attributes.get("aria-label") for attributes in drawings)
    loose = [a for tag, a in read.elements if tag == "svg" and "role" not in a and a.get("aria-hidden") != "true"]
    assert all("overflow" in a or "preserveaspectratio" in a for a in loose), "only parts of a drawing go unnamed"


def test_the_week_that_is_not_over_is_hatched_in_trends_and_bars_and_only_then() -> None:
    report = sample_report()
    assert sum(a.get("class") == "filled unfinished" for _, a in Reader(render_html(report)).elements) == 12
    assert sum(a.get("class") == "hatched" for _, a in Reader(render_html(report)).elements) == 5 + 11 + 4
    report["period"]["complete_until"] = "2025-05-11"
    shown = Reader(render_html(report))
    assert not [a for _, a in shown.elements if a.get("class") in {"hatched", "filled unfinished", "dot unfinished"}]


@pytest.mark.parametrize("state", STATES)
def test_nothing_unknown_is_shown_as_a_value(state) -> None:
    text = Reader(render_html(state())).text
    assert not re.search(r"\b(nan|None|null|Undefined|inf)\b", text)


def test_no_evals_says_so_and_leaves_their_columns_out() -> None:
    read = Reader(render_html(without_evals()))
    text = read.text
    assert "Evals say no evals" in text
    assert "everyturn load SUITE.jsonl --as evals" in text
    assert "No evals are loaded, so coverage is unknown." in text
    assert "Accepted" in read.having("data-label")
    assert not {"Eval cases", "Eval score", "Gap, points"} & set(read.having("data-label"))


def test_no_actions_shows_acceptance_under_its_own_name() -> None:
    text = Reader(render_html(without_actions())).text
    assert "Users accept 71%" in text
    assert "Users keep 6" not in text.replace("Users keep 62% of what", "")
    assert "no actions loaded" in text
    assert "everyturn load ACTIONS.jsonl --as actions" in text


def test_few_users_give_no_rate_and_no_verdict_on_change() -> None:
    text = Reader(render_html(with_few_users())).text
    assert "Users keep not enough data 4 users, 10 needed" in text
    assert "Too little data to say whether anything moved: 4 users, 10 needed." in text
    assert "Nothing moved" not in text


def test_no_finding_is_a_result_with_its_period() -> None:
    text = Reader(render_html(with_nothing_found())).text
    assert "Nothing moved beyond its usual range, 3 March to 8 May 2025." in text


def test_the_same_report_gives_the_same_bytes_and_is_left_alone() -> None:
    report = sample_report()
    before = copy.deepcopy(report)
    assert render_html(report) == render_html(before)
    assert report == before


def test_forty_conversations_of_twenty_messages_stay_below_a_megabyte_and_a_half() -> None:
    report = sample_report()
    answer = "Thank you for your patience, here is what I found in your account. " * 10
    messages = [
        m for _ in range(10) for m in ({"role": "user", "content": answer}, {"role": "assistant", "content": answer})
    ]
    one = report["conversations"]["c-1"]
    report["conversations"] = {f"c-{i}": {**one, "conversation_id": f"c-{i}", "messages": messages} for i in range(40)}
    assert len(render_html(report).encode()) < 1_500_000


def test_half_an_emoji_does_not_stop_the_page() -> None:
    assert "<h1" in render_html({**sample_report(), "title": "\ud83d"}).encode("utf-8").decode()


def test_a_notebook_gets_the_report_in_a_frame_and_other_results_as_text() -> None:
    framed = render_fragment(sample_report())
    assert [tag for tag, _ in Reader(framed).elements] == ["iframe"]
    assert Reader(framed).having("srcdoc") == [render_html(sample_report())]
    assert (
        render_fragment({"verb": "forget", "conversations": 3, "note": "<b>"})
        == "<pre>conversations  3\nnote           &lt;b&gt;\n</pre>"
    )


def test_a_finding_of_the_watch_list_is_marked_as_one() -> None:
    report = sample_report()
    assert "watch list: not yet" not in Reader(render_html(report)).text
    report["findings"][0]["tier"] = "list"
    assert Reader(render_html(report)).text.count("watch list: not yet sure enough to alert anyone") == 1


def test_an_intent_without_a_finished_week_says_so() -> None:
    report = sample_report()
    assert "no full week yet" not in render_html(report)
    report["intents"][0]["weekly"] = []
    assert render_html(report).count("no full week yet") == 1


def test_an_attribute_that_is_the_cohort_is_shown_once() -> None:
    shown = arrange_conversation("c-1", {"cohort": "agencies", "attributes": {"cohort": "agencies", "plan": "pro"}})
    assert shown["facts"] == [("cohort", "agencies"), ("plan", "pro")]
