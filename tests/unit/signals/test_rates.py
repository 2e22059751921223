"""The signals that count one kind of cue: what they count, in every language, and what one cue never decides."""

from __future__ import annotations

import pytest

from everyturn.registry import find
from everyturn.signals.outcome import LIKELY, outcomes
from everyturn.signals.replies import words_of

SIGNALS = find("signals", "SIGNAL")
REQUEST = {
    "en": "Where is my order and when will it get here?",
    "de": "Wo ist meine Bestellung und wann kommt sie an?",
    "es": "¿Dónde está mi pedido y cuándo llega?",
    "fr": "Où est ma commande et quand est-ce qu'elle arrive ?",
    "pt": "Onde está o meu pedido e quando é que ele chega?",
    "zh": "我的订单在哪里，什么时候到？",
    "ja": "注文はどこですか、いつ届きますか？",
}
OUTPUT = "4711: 12.03."


def value(name, conversation):
    (said,) = SIGNALS[name].observe(conversation)
    return said.value


SAID = {
    "praise": [
        ("en", "Perfect, that's exactly what I needed"), ("de", "Super, das hat mir sehr geholfen"), ("es", "Genial, funciona perfecto"),
        ("fr", "Parfait, merci beaucoup"), ("pt", "Ótimo, muito obrigado"), ("zh", "太好了，谢谢"), ("ja", "ありがとうございます、助かりました"),
    ],
    "negation": [
        ("en", "That's not what I asked for"), ("de", "Das ist falsch"), ("es", "Eso no es lo que pregunté"), ("fr", "Ce n'est pas ce que j'ai demandé"),
        ("pt", "Isso está errado"), ("zh", "不是这个意思"), ("zh", "不是我要的"), ("zh", "你說錯了"), ("ja", "違います"), ("ja", "そうじゃないです"),
    ],
    "correction": [
        ("en", "I meant the other order"), ("de", "Ich meinte die andere Bestellung"), ("es", "Me refería al otro pedido"), ("zh", "我问的是退款"),
        ("ja", "さっきも言いましたが、別の注文です"), ("zh", "我刚才已经说过了"),
    ],
    "failure": [
        ("en", "It still doesn't work"), ("de", "Es funktioniert immer noch nicht"), ("es", "No funciona"), ("fr", "Ça ne marche toujours pas"),
        ("pt", "Ainda não funciona"), ("zh", "还是不行，打不开"), ("ja", "まだ動きません"), ("ja", "エラーが出ます"),
    ],
    "confusion": [
        ("en", "What do you mean by that?"), ("de", "Was meinst du damit?"), ("es", "¿A qué te refieres?"), ("fr", "Je ne comprends pas ce que vous dites"),
        ("pt", "Não entendi nada"), ("zh", "什么意思？"), ("ja", "どういう意味ですか？"),
    ],
    "frustration": [
        ("en", "This is ridiculous"), ("de", "Das ist doch lächerlich"), ("es", "Esto es inaceptable"), ("fr", "C'est inadmissible"),
        ("pt", "Isso é um absurdo"), ("zh", "你们太差了，垃圾"), ("ja", "いい加減にしてください"),
    ],
    "giveup": [
        ("en", "Never mind, I'll do it myself"), ("de", "Vergiss es"), ("es", "Olvídalo"), ("fr", "Laissez tomber"), ("pt", "Deixa pra lá"),
        ("zh", "算了"), ("ja", "もういいです"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("name", "language", "said"), [(n, *each) for n, them in SAID.items() for each in them])
def test_it_is_counted(talk, name, language, said):
    assert value(name, talk(REQUEST[language], OUTPUT, said)) == 1.0


NEW_REQUESTS = [
    ("en", "And when does the other order arrive?"),
    ("en", "No, thanks, that's all"),
    ("de", "Und wann kommt die zweite Bestellung an?"),
    ("es", "¿Y cuándo llega el segundo pedido?"),
    ("fr", "Et quand arrive la deuxième commande ?"),
    ("pt", "E quando chega o segundo pedido?"),
    ("zh", "我想查一下另一个订单什么时候到"),
    ("zh", "没问题"),
    ("zh", "能帮我退款吗？"),
    ("zh", "请帮我写一封邮件"),
    ("zh", "怎么重置密码？"),
    ("ja", "パスワードの変更方法を教えてください"),
    ("ja", "いいえ、大丈夫です"),
    ("ja", "請求書をダウンロードしたいです"),
]


@pytest.mark.parametrize(("language", "said"), NEW_REQUESTS)
@pytest.mark.parametrize("name", [name for name in SAID if name != "praise"])
def test_a_new_request_or_a_polite_no_is_not(talk, name, language, said):
    assert value(name, talk(REQUEST[language], OUTPUT, said)) == 0.0


@pytest.mark.parametrize("again", [REQUEST["en"], "Where is my order, when will it get here"])
def test_the_same_again(talk, again):
    assert value("rephrase", talk(REQUEST["en"], OUTPUT, again)) == 1.0


def test_an_earlier_question_again(talk):
    said = talk(REQUEST["en"], OUTPUT, "What does the shipping cost?", "Five.", REQUEST["en"])
    assert value("rephrase", said) == 0.5
    assert "repeat" in words_of(said).replies[1].cues


def test_it_is_a_share_of_the_replies(talk):
    assert value("failure", talk("Help me", "Try this.", "It doesn't work", "And this?", "ok")) == 0.5


@pytest.mark.parametrize("name", [*SAID, "rephrase", "agent_apology"])
def test_what_cannot_be_read_is_unknown_and_not_calm(talk, name):
    (said,) = SIGNALS[name].observe(talk("где мой заказ", "вот", "это не то, что я просил"))
    assert (said.value, said.label, said.detail) == (None, None, "no cues for this language")


def test_what_the_agent_admits_and_repeats(talk):
    said = talk(
        "Where is it?", "I'm sorry, I can't find that order.", "Please look", "I'm sorry, I can't find that order."
    )
    assert value("agent_apology", said) == 1.0
    assert value("agent_repetition", said) == 0.5
    assert value("agent_apology", talk("Where is it?", "It arrives on Friday.")) == 0.0


# --- one cue and two ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("turns", "outcome"),
    [
        (("That's wrong", "Let me look again."), "likely rejected"),
        (("That's wrong",), "rejected"),  # and left without an answer
        (("That's wrong", "I apologize for the confusion."), "rejected"),  # the agent says so too
        (("That's wrong, it still doesn't work", "Let me look."), "rejected"),
        (("That's wrong!!", "Let me look."), "rejected"),
        (("Thanks", "You're welcome."), "accepted"),  # and left
        (("Thanks", "You're welcome.", "What about the other one?", "It is late."), "likely accepted"),
        (("Perfect, thank you", "You're welcome.", "What about the other one?", "It is late."), "accepted"),
        (("不对", "我再看一下。"), "likely rejected"),
        (("不对，还是报错", "我再看一下。"), "rejected"),
    ],
)
def test_one_cue_makes_an_outcome_likely_and_a_second_certain(talk, turns, outcome):
    is_chinese = not turns[0].isascii()
    first = outcomes(talk(REQUEST["zh" if is_chinese else "en"], "It arrives on Friday.", *turns))[0]
    assert first.verdict.outcome == outcome.split()[-1]
    assert first.verdict.detail.startswith(LIKELY) == outcome.startswith("likely")


def test_a_single_cue_still_counts_in_the_rate(talk):
    assert value("complaint", talk(REQUEST["en"], "It arrives on Friday.", "That's wrong", "Let me look again.")) == 1.0


# --- abandonment ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "left"),
    [
        (("Where is it?", "Which order do you mean?"), 1.0),
        (("Where is it?", "Which order do you mean?", "4711"), 0.0),
        (("Where is it?", "On its way. Anything else?"), 0.0),
        (("Where is it?", "On its way."), 0.0),
        (("订单在哪？", "请提供您的订单号。"), 1.0),
    ],
)
def test_left_while_the_agent_was_waiting(talk, texts, left):
    assert value("abandonment", talk(*texts)) == left


def test_a_record_without_text_says_nothing_of_abandonment(talk):
    assert value("abandonment", talk(None, None)) is None
