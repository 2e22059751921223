"""What the user's next words mean: pushback found, and everything that merely sounds like it left alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from everyturn.model import Conversation, Message
from everyturn.signals.replies import PUSHBACK, WEIGHT, Reply, words_of

ANSWER = {
    "en": (
        "Where is my order and what does the express option cost?",
        "It arrives on Friday. Express costs 7.90 more.",
    ),
    "de": (
        "Wo ist meine Bestellung und was kostet der Versand?",
        "Sie kommt am Freitag. Der Versand kostet 7,90 mehr.",
    ),
    "es": ("¿Dónde está mi pedido y cuánto cuesta el envío?", "Llega el viernes. El envío cuesta 7,90 más."),
    "fr": (
        "Où est ma commande et combien coûte la livraison ?",
        "Elle arrive vendredi. La livraison coûte 7,90 de plus.",
    ),
    "pt": ("Onde está o meu pedido e quanto custa o envio?", "Chega na sexta-feira. O envio custa mais 7,90."),
}
ASKS = {
    "en": "I can do that. Would you like travel insurance with it?",
    "de": "Das kann ich tun. Möchten Sie eine Versicherung dazu?",
    "es": "Puedo hacerlo. ¿Quieres un seguro con eso?",
    "fr": "Je peux le faire. Voulez-vous une assurance avec cela ?",
    "pt": "Posso fazer isso. Você quer um seguro com isso?",
}

PUSHING = [
    ("en", "No, that's not what I asked."),
    ("en", "thats wrong"),
    ("en", "That's incorrect, the fee is 5."),
    ("en", "You didn't answer my question"),
    ("en", "That doesn’t help."),
    ("en", "It still doesn't work"),
    ("en", "Thanks, but it still doesn't work."),
    ("en", "Great, now it's broken."),
    ("en", "still getting the same error"),
    ("en", "Please try again"),
    ("en", "I meant the blue one"),
    ("en", "I already told you my order number"),
    ("en", "You forgot the second item."),
    ("en", "This is useless."),
    ("en", "what a waste of time"),
    ("en", "Thanks for nothing"),
    ("en", "Forget it, I'll do it myself"),
    ("en", "never mind"),
    ("en", "Can I talk to a human?"),
    ("en", "Why can't I just speak to a real person?"),
    ("en", "connect me to an agent"),
    ("en", "I don't think that's right."),
    ("en", "Wrong."),
    ("en", "No."),
    ("en", "👎"),
    ("en", "That's not helpful at all"),
    ("de", "Das ist nicht das, was ich gefragt habe."),
    ("de", "Das stimmt nicht."),
    ("de", "Das hilft mir nicht weiter"),
    ("de", "Es funktioniert immer noch nicht"),
    ("de", "Ich meinte die blaue"),
    ("de", "Das ist völlig nutzlos"),
    ("de", "Vergiss es, ich mache es selbst"),
    ("de", "Kann ich mit einem Menschen sprechen?"),
    ("de", "Falsch."),
    ("es", "Eso no es lo que pedí"),
    ("es", "La respuesta es incorrecta"),
    ("es", "No me ayuda"),
    ("es", "Sigue sin funcionar"),
    ("es", "Ya te dije mi número"),
    ("es", "Es totalmente inútil"),
    ("es", "Olvídalo"),
    ("es", "Quiero hablar con una persona"),
    ("fr", "Ce n'est pas ce que j'ai demandé"),
    ("fr", "C'est faux."),
    ("fr", "Ça ne m'aide pas"),
    ("fr", "Ça ne marche toujours pas"),
    ("fr", "Je voulais dire la bleue"),
    ("fr", "C'est complètement inutile"),
    ("fr", "Laissez tomber"),
    ("fr", "Je veux parler à un conseiller"),
    ("pt", "Não foi isso que eu pedi"),
    ("pt", "Isso está errado"),
    ("pt", "Não me ajudou"),
    ("pt", "Continua não funcionando"),
    ("pt", "Eu quis dizer a azul"),
    ("pt", "Isso é inútil"),
    ("pt", "Esquece, eu mesmo faço"),
    ("pt", "Quero falar com um atendente"),
]

PLEASED = [
    ("en", "Perfect, thanks a lot!"),
    ("en", "Thank you!!"),
    ("en", "Not bad at all"),
    ("en", "I can't thank you enough"),
    ("en", "That couldn't be better"),
    ("en", "That works, great job"),
    ("en", "No complaints, works perfectly"),
    ("en", "No, that's all, thank you!"),
    ("en", "👍"),
    ("de", "Super, vielen Dank!"),
    ("de", "Gar nicht schlecht"),
    ("de", "Das hat funktioniert, danke"),
    ("es", "Perfecto, muchas gracias"),
    ("es", "Nada mal"),
    ("es", "Ya funciona, gracias"),
    ("fr", "Parfait, merci beaucoup"),
    ("fr", "Pas mal du tout !"),
    ("fr", "Ça marche, merci"),
    ("pt", "Perfeito, muito obrigado"),
    ("pt", "Nada mal!"),
    ("pt", "Deu certo, valeu"),
]

TRAPS = [
    ("en", "Are there no fees?"),
    ("en", "And is there no cheaper option?"),
    ("en", "No thanks, that's all"),
    ("en", "No problem."),
    ("en", "no worries"),
    ("en", "Nope, all good"),
    ("en", "No, nothing else"),
    ("en", "no rush"),
    ("en", "What if it doesn't work?"),
    ("en", "If it doesn't work, can I return it?"),
    ("en", "Let me know in case it fails"),
    ("en", "I don't want to talk to a human"),
    ("en", "Are you a real person?"),
    ("en", "Am I talking to a bot?"),
    ("en", "I'll try again later"),
    ("en", "Don't forget it"),
    ("en", "That would be great"),
    ("en", "Good morning"),
    ("en", "Great restaurants nearby?"),
    ("en", "Could you send me the invoice? Thanks"),
    ("en", "Please send me the invoice. Thank you!"),
    ("en", "thanks in advance"),
    ("en", "And order 124?"),
    ("en", "Why not both?"),
    ("en", "Do the boots run small or not?"),
    ("en", "My other lamp has a wrong label, can it be changed?"),
    ("en", "What does error code 42 mean?"),
    ("en", "What's wrong with my router?"),
    ("en", "Write a complaint letter about a terrible hotel"),
    ("en", 'Translate "this is useless, give me a human" into French'),
    ("en", "Reply to this:\n> This is wrong, I want my money back\n> Useless!"),
    ("en", "```\nraise ValueError('wrong')  # this does not work\n```\nwhat does this print"),
    ("en", "How do I get a refund for the second one"),
    ("en", "nothing wrong with that"),
    ("en", "there are no errors in the second file, right?"),
    ("en", "ok"),
    ("en", "12345"),
    ("en", "I actually need two of them"),
    ("en", "And instead of Friday, can it come on Monday"),
    ("de", "Gibt es keine Gebühren?"),
    ("de", "Nein danke, das war's"),
    ("de", "Kein Problem"),
    ("de", "Was passiert, wenn es nicht funktioniert?"),
    ("de", "Falls das nicht hilft, kann ich es zurückgeben?"),
    ("de", "Sind Sie ein Mensch?"),
    ("de", "Das wäre super"),
    ("de", "Guten Morgen"),
    ("de", "Warum nicht am Montag?"),
    ("de", "Ich möchte noch zwei bestellen"),
    ("es", "¿No hay cargos?"),
    ("es", "No, gracias, eso es todo"),
    ("es", "No hay problema"),
    ("es", "¿Qué pasa si no funciona?"),
    ("es", "Eso sería genial"),
    ("es", "¿Eres una persona?"),
    ("es", "Buenos días"),
    ("es", "¿Y el pedido 124?"),
    ("fr", "Il n'y a pas de frais ?"),
    ("fr", "Non merci, c'est tout"),
    ("fr", "Pas de problème"),
    ("fr", "Pourquoi pas lundi ?"),
    ("fr", "Ce serait super"),
    ("fr", "Êtes-vous un humain ?"),
    ("fr", "Bonne journée"),
    ("fr", "Et si ça ne marche pas ?"),
    ("pt", "Não há taxas?"),
    ("pt", "Não, obrigado, é só isso"),
    ("pt", "Sem problema"),
    ("pt", "E se não funcionar?"),
    ("pt", "Isso seria ótimo"),
    ("pt", "Você é um robô?"),
    ("pt", "Bom dia"),
    ("pt", "E o pedido 124?"),
]

ANSWERS_TO_A_QUESTION = [
    ("en", "No"),
    ("en", "No, I don't need that"),
    ("en", "nope"),
    ("en", "No, I do not want travel insurance. The red one instead."),
    ("en", "not really"),
    ("de", "Nein"),
    ("de", "Nein, ich brauche das nicht"),
    ("es", "No"),
    ("fr", "Non"),
    ("fr", "Non, je pars lundi"),
    ("pt", "Não"),
]


def first_reply(conversation: Conversation) -> Reply:
    """What the user said to the first of two answers."""
    (reply, _) = words_of(conversation).replies
    assert reply is not None
    return reply


@pytest.mark.parametrize(("language", "said"), PUSHING)
def test_pushback_is_found(talk, language, said):
    assert first_reply(talk(*ANSWER[language], said, "…")).tone == "pushback"


@pytest.mark.parametrize(("language", "said"), PLEASED)
def test_praise_and_thanks_are_found(talk, language, said):
    assert first_reply(talk(*ANSWER[language], said, "…")).tone == "pleased"


@pytest.mark.parametrize(("language", "said"), TRAPS)
def test_what_only_sounds_like_a_verdict_is_none(talk, language, said):
    assert first_reply(talk(*ANSWER[language], said, "…")).tone == "neutral"


@pytest.mark.parametrize(("language", "said"), ANSWERS_TO_A_QUESTION)
def test_no_is_an_answer_where_the_agent_asked(talk, language, said):
    assert first_reply(talk(ANSWER[language][0], ASKS[language], said, "…")).tone == "neutral"


@pytest.mark.parametrize(
    "said",
    [
        "Non è quello che ho chiesto, ma va bene",
        "Dit is niet wat ik vroeg, dank je",
        "это не то, что я просил",
        "그게 아니에요, 틀렸어요",
    ],
)
def test_a_language_without_cues_gives_no_verdict_and_says_so(talk, said):
    reply = first_reply(talk(said, said, said, "…"))
    assert (reply.tone, reply.why) == ("unreadable", "no cues for this language")


@pytest.mark.parametrize(
    ("request_", "said", "tone"),
    [
        ("How do I reset my password?", "I want to reset my password, how?", "pushback"),
        ("Do the Ridge boots run small?", "do the ridge boots run small", "pushback"),
        ("Where is order 123?", "Where is order 124?", "neutral"),
        ("Where is order 123?", "and order 124?", "neutral"),
        ("What is the capital of France?", "What is the capital of Spain?", "neutral"),
        ("Find me a hotel in Paris", "Find me a hotel in Paris with a pool", "neutral"),
        ("Tell me another joke please", "Tell me another joke please", "neutral"),
        ("yes", "yes", "neutral"),
    ],
)
def test_the_same_request_again_is_a_rephrase_and_a_similar_one_is_not(talk, request_, said, tone):
    assert first_reply(talk(request_, "Our opening hours are nine to five.", said, "…")).tone == tone


def test_repeating_the_request_is_an_answer_where_the_agent_asked(talk):
    conversation = talk("Book a flight to Boston", "To which city?", "Book a flight to Boston", "…")
    assert first_reply(conversation).tone == "neutral"


def test_several_messages_in_a_row_are_one_reply(talk):
    conversation = talk("Where is it?", "It is on its way.")
    said = (Message("user", "hm"), Message("user", "that's not what I asked"), Message("assistant", "Sorry."))
    words = words_of(replace(conversation, messages=conversation.messages + said))
    assert words.replies[0] is not None
    assert words.replies[0].tone == "pushback"
    assert words.replies[1] is None  # the agent had said nothing in between


def test_no_single_weak_cue_reaches_the_cut():
    assert max(WEIGHT.values()) / 2 < PUSHBACK
