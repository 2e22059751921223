"""How much of an output is left: prose, code, and what is too short to say."""

from __future__ import annotations

import pytest

from everyturn.signals.survival import HEAVY, LIGHT, Artefact, grade, is_code, survival

PROSE = "The parcel left our warehouse in Lyon this morning and should be with you on Friday before noon."
CODE = """def total(items, tax):
    amount = sum(item.price * item.count for item in items)
    if amount > 100:
        amount = amount - amount * 0.05
    return round(amount * (1 + tax), 2)
"""
MODULE = f"""import logging

LOG = logging.getLogger(__name__)


{CODE}

def main():
    print(total([], 0.2))
"""


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (1.0, "as-is"),
        (0.999, "light"),
        (LIGHT, "light"),
        (0.79, "heavy"),
        (HEAVY, "heavy"),
        (0.469, "rewritten"),
        (0.0, "rewritten"),
    ],
)
def test_grades(share, expected):
    assert grade(share) == expected


def test_prose_is_measured_by_runs_of_four_words():
    assert survival(PROSE, f"Dear customer,\n\n{PROSE}\n\nKind regards") == 1.0
    assert survival(PROSE, "Nothing of the kind was ever written here, not even once in all these years.") == 0.0
    words = PROSE.split()
    half = survival(PROSE, " ".join(words[: len(words) // 2]))
    assert half == pytest.approx(sum(map(len, words[: len(words) // 2])) / sum(map(len, words)))


def test_shared_words_without_shared_runs_keep_nothing():
    assert survival(PROSE, " ".join(sorted(PROSE.split()))) == 0.0


def test_rendering_and_typography_change_nothing():
    marked = "## Status\n\n**The parcel** left our `warehouse` in Lyon, and it's with you on *Friday* before noon."
    plain = "Status\nThe parcel left our warehouse in Lyon,\nand it\u2019s with you on Friday before noon."
    assert survival(marked, plain) == 1.0


def test_code_survives_renaming_of_layout_but_not_of_everything():
    assert survival(CODE, MODULE) == 1.0
    indented = "\n".join("        " + line for line in CODE.splitlines())
    assert survival(CODE, f"class Cart:\n{indented}\n") == 1.0
    assert HEAVY < survival(CODE, MODULE.replace("item", "row")) < 1.0
    assert survival(CODE, "import os\n\ndef other():\n    return os.getcwd()\n") < 0.1


def test_one_changed_operator_is_light_not_as_is():
    assert grade(survival(CODE, MODULE.replace("> 100", ">= 100"))) == "light"


def test_of_an_explanation_with_code_only_the_code_counts_in_a_source_file():
    answer = f"You can add the items up like this, and take five percent off large orders:\n\n```python\n{CODE}```\nShall I add tests?"
    assert survival(answer, MODULE) == 1.0
    assert survival(answer, f"I asked how to do it. {answer}") == 1.0


@pytest.mark.parametrize("output", ["Yes.", "Paris", "42", "Fix typo", "a b c d"])
def test_short_outputs_count_only_word_for_word(output):
    assert survival(output, f"It said: {output} and so on.") == 1.0
    assert survival(output, output) == 1.0
    assert survival(output, "Something else entirely") == 0.0
    assert survival("Paris", "Parisian") == 0.0


def test_scripts_without_spaces_have_words_too():
    text = "包裹今天早上离开了我们在里昂的仓库，应该会在星期五中午之前送到您手中。"
    assert survival(text, f"您好，{text}") == 1.0
    assert 0.3 < survival(text, text[:18]) < 0.7


def test_an_empty_output_is_kept_by_anything():
    assert survival("", "x") == survival(" \n", "") == 1.0


@pytest.mark.parametrize(
    "text",
    [
        CODE,
        MODULE,
        "SELECT user_id, count(*)\nFROM orders\nWHERE paid\nGROUP BY user_id",
        '{\n  "name": "tent",\n  "price": 129\n}',
        "services:\n  web:\n    image: nginx\n    ports:\n      - 80:80",
        "const total = items.reduce((sum, item) => sum + item.price, 0);",
        "<ul>\n  <li>One</li>\n</ul>",
        "npm install\nnpm run build",
        "class Cart\n  def total\n    @items.sum\n  end\nend",
    ],
)
def test_code_is_seen(text):
    assert is_code(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        PROSE,
        "Open Settings -> Privacy -> Delete account.",
        "Dear team,\n\nthe meeting is on Monday.\nPlease bring the list.\n\nBest",
        "1. Unplug the router.\n2. Wait ten seconds.\n3. Plug it in again.",
        "Note: the shop is closed on Sunday.\nAddress: Main Street 5",
        "# Summary\n\nSales rose by 4 %.\n\n- tents\n- stoves",
        "If you want to return it:\n- fill in the form\n- send the parcel",
    ],
)
def test_prose_is_not_taken_for_code(text):
    assert not is_code(text)


def test_an_indexed_artefact_gives_the_same():
    indexed = Artefact(MODULE)
    assert [survival(text, indexed) for text in (CODE, PROSE)] == [survival(text, MODULE) for text in (CODE, PROSE)]
