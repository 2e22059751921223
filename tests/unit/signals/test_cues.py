"""The language of a message, whose words count, how an output ends, and the lists themselves."""

from __future__ import annotations

import time
import tomllib
from importlib.resources import files

import pytest

from everyturn.signals.cues import Cue, count_words, lexicon, listen, read
from everyturn.signals.languages import LANGUAGES, OTHER


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Where is my order and when will it get here?", "en"),
        ("Wo ist meine Bestellung und wann kommt sie an?", "de"),
        ("¿Dónde está mi pedido y cuándo llega?", "es"),
        ("Où est ma commande et quand est-ce qu'elle arrive ?", "fr"),
        ("Onde está o meu pedido e quando é que ele chega?", "pt"),
        ("Dov'è il mio ordine e quando arriva?", OTHER),
        ("Waar is mijn bestelling en wanneer komt het aan?", OTHER),
        ("Gdzie jest moje zamówienie i kiedy będzie?", OTHER),
        ("Var är min beställning och när kommer den?", OTHER),
        ("注文はどこですか", "ja"),
        ("我的订单在哪里？", "zh"),
        ("我的訂單在哪裡？", "zh"),
        ("这个 Python 脚本报错了", "zh"),
        ("what does 你好 mean in English", "en"),
        ("주문이 어디에 있나요", OTHER),
        ("где мой заказ", OTHER),
        ("Merci", "fr"),
        ("danke", "de"),
        ("4711", None),
        ("", None),
    ],
)
def test_the_language_of_a_message(text, language):
    assert read(text).language == language


def test_a_short_message_is_read_in_the_language_of_the_conversation():
    tally = count_words(["Où est ma commande et quand est-ce qu'elle arrive ?", "Elle est en route vers vous."])
    assert read("Non.", tally=tally).language == "fr"
    assert Cue("negation", "unless_asked") in read("Non.", tally=tally).cues


def test_words_of_others_do_not_count():
    for text in (
        'Translate "this is useless, I want a human" please',
        "> that's wrong\n> this is useless\nhow should I answer this",
        "what does `raise Wrong('this is wrong')` do",
        "```\nthis is wrong\n``` please explain the text",
    ):
        assert not read(text).cues, text


def test_the_middle_of_a_long_message_does_not_count():
    pasted = "and then it went on and on. " * 100
    assert not read(f"Please shorten this: {pasted} That's wrong. {pasted}").cues
    assert read(f"That's wrong. {pasted}").cues
    assert read(f"{pasted} That's wrong.").cues


def test_denied_and_supposed_complaints_are_none():
    assert not read("it is not useless to me, the table").cues
    assert not read("tell me if it doesn't work").cues
    assert read("not very helpful").cues == {Cue("negation", "firm")}


@pytest.mark.parametrize(
    ("output", "ending"),
    [
        ("Which order do you mean?", "asks"),
        ("**Which order do you mean?** 🙂", "asks"),
        ("Please send me your order number.", "asks"),
        ("What is the number? I will then check.", "asks"),
        ("It arrives on Friday.", None),
        ("Why so late? Because of the snow. It is deep. It arrives on Friday.", None),
        ("Done. Anything else?", "courtesy"),
        ("Done. Let me know if you have any questions.", "courtesy"),
        ("Bitte nennen Sie mir Ihre Bestellnummer.", "asks"),
        ("Erledigt. Kann ich sonst noch etwas für Sie tun?", "courtesy"),
        ("¿Me puedes dar el número de pedido?", "asks"),
        ("Hecho. ¿Puedo ayudarte en algo más?", "courtesy"),
        ("Pouvez-vous me donner le numéro de la commande ?", "asks"),
        ("C'est fait. Puis-je vous aider pour autre chose ?", "courtesy"),
        ("Pode me informar o número do pedido?", "asks"),
        ("Feito. Posso ajudar em mais alguma coisa?", "courtesy"),
        ("ご注文番号は何ですか？", "asks"),
        ("", None),
    ],
)
def test_how_an_output_ends(output, ending):
    assert listen(output).asked == ending


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_list_is_there_and_no_phrase_stands_twice_under_one_cue(language):
    data = tomllib.loads((files("everyturn.signals") / "cues" / f"{language}.toml").read_text("utf-8"))
    kinds = {
        "negation",
        "correction",
        "failure",
        "frustration",
        "giveup",
        "escalation",
        "praise",
        "thanks",
        "confusion",
    }
    assert kinds <= data.keys()
    for kind in kinds:
        phrases = [phrase for strength in data[kind].values() for phrase in strength]
        assert data[kind].keys() <= {"firm", "unless_asked", "weak"}
        assert len(phrases) == len(set(phrases)), kind
    lists = lexicon(language)
    assert len(lists.function_words) > (30 if language in ("zh", "ja") else 80)
    assert {"courtesy", "request", "apology", "inability", "offer", "policy"} == data["agent"].keys()
    assert lists.user
    assert lists.agent


def test_hostile_text_takes_no_time():
    for language in LANGUAGES:
        lexicon(language)
    start = time.process_time()
    for text in ("„" * 50_000, "`" * 50_001, '"a' * 50_000, "no not " * 20_000, "\u0301" * 50_000, "?!" * 50_000):
        read(text)
        listen(text)
    assert time.process_time() - start < 5
