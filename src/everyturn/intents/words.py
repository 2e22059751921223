"""Words as intents see them: masked, lower-case tokens, and the words that say nothing about what is asked.

The stop words hold the function words of seven languages and the small talk of support chats; they are left out of
labels and of overlap tests, never out of embeddings (rare there by their weight).
"""

from __future__ import annotations

import re
import unicodedata

_MASKED = re.compile(
    r"https?://\S+|www\.\S+"  # addresses of pages
    r"|[^\s@<>]+@[^\s@<>]+\.\w+"  # e-mail addresses
    r"|\[[A-Z][A-Z_]*(?:[-_:#]?\d+)?\]|<[A-Z][A-Z_]*(?:[-_:#]?\d+)?>"  # what redaction leaves, as [EMAIL] or <PHONE_1>
    r"|\[(?:email|phone|card|iban|secret|name|address|url)\]"
    r"|\{\{[^{}\n]{0,60}\}\}"  # template places
    r"|(?<!\w)[#$€£¥]*(?:\w+[-/])*\w*\d[\w.,:/\-%]*"  # anything with a digit: numbers, dates, sums, ids
)
_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|0")


def tokens(text: str) -> list[str]:
    """The words of a text in lower case; anything with a digit, an address or a redaction mark becomes "0".

    >>> tokens("Where's order #A-5512? Mail me at a@b.example")
    ["where's", 'order', '0', 'mail', 'me', 'at', '0']
    """
    masked = _MASKED.sub(" 0 ", unicodedata.normalize("NFKC", text))
    return _TOKEN.findall(masked.lower().replace("’", "'"))


def is_content(token: str) -> bool:
    """Whether a token says something about what is asked.

    >>> [is_content(t) for t in ("the", "invoice", "0", "merci", "x")]
    [False, True, False, False, False]
    """
    return len(token) > 1 and token not in STOP_WORDS


STOP_WORDS = frozenset(
    # English: function words, contractions, modal phrases
    """
    a an the this that these those some any all both each every either neither no none such same other another one ones
    i me my mine myself we us our ours you your yours yourself he him his she her hers it its itself they them their
    theirs who whom whose which what when where why how whether someone something anyone anything everything nothing
    am is are was were be been being do does did doing done have has had having can could will would shall should may
    might must ought cannot i'm i've i'd i'll you're you've you'd you'll he's she's it's we're we've we'd we'll they're
    they've that's there's here's what's where's who's how's when's why's let's isn't aren't wasn't weren't don't
    doesn't didn't haven't hasn't hadn't can't couldn't won't wouldn't shouldn't mustn't dont doesnt didnt cant wont
    isnt im ive id ill thats whats
    and or but nor so yet if then else than because as until while of at by for with about against between into through
    during before after above below to from up down in out on off over under again further once since per via upon
    within without toward towards across along around onto there here now just only also too very really quite rather
    still already ever never always often sometimes maybe perhaps much many more most less least few lot lots bit
    even not well like okay ok yes yeah yep nope sure actually basically literally simply currently recently today
    yesterday tomorrow tonight
    please pls plz thanks thank thx ty hi hello hey hiya greetings dear good morning afternoon evening day sorry
    want wants wanted wanna need needs needed would like get gets getting got go going goes gonna went come comes
    know knows knew tell tells told show shows let lets make makes made making give gives gave giving take takes
    try tries tried trying use uses used using see sees saw look looks looking find finds found say says said
    think thinks thought guess wonder wondering hope help helps helped helping assist assistance able possible
    asap urgent urgently rush appreciated
    way ways thing things stuff kind sort etc re ask asks asked asking question questions seem seems seemed
    ur gotta cuz damn damned goddamn bloody fuck fucking shit crap hell
    keep keeps kept put happen happens happened happening
    """.split()
    # German
    + """
    der die das den dem des ein eine einen einem einer eines kein keine keinen und oder aber doch denn weil dass daß ob
    wenn als wie was wer wo wann warum wieso welche welcher welches ich mich mir mein meine meinen meinem meiner du dich
    dir dein deine er ihn ihm sein seine sie ihr ihre ihren ihrem wir uns unser unsere es man sich ist sind war waren
    bin bist sein habe hat haben hatte hatten wird werden wurde kann können konnte könnte muss müssen soll sollen
    möchte möchten will wollen würde würden in im an am auf aus bei mit nach von vom zu zum zur für über unter vor um
    durch gegen ohne bis seit nicht noch nur schon auch sehr mal bitte danke hallo guten tag morgen abend hier da dann
    jetzt immer mehr so
    """.split()
    # French
    + """
    le la les un une des du de au aux ce cet cette ces et ou mais donc car ni que qui quoi dont où quand comment
    pourquoi quel quelle quels quelles je j'ai me moi mon ma mes tu te toi ton ta tes il elle on nous notre nos vous
    votre vos ils elles leur leurs se son sa ses est sont était être suis ai as avons avez ont avoir peut peux pouvez
    puis pourrais pourriez veux voudrais dois faut fait faire dans en sur sous avec sans pour par chez vers entre ne
    pas plus très aussi bien encore toujours déjà si oui non merci bonjour bonsoir salut svp c'est j'aimerais qu'est
    n'est d'un d'une
    """.split()
    # Spanish
    + """
    el los las lo unos unas del al y o pero porque pues que quien quién cual cuál cuales cuando cuándo donde dónde como
    cómo qué yo mi mis mí tú tu tus su sus él ella ellos ellas nosotros nuestra nuestro usted ustedes les se es son
    era fue ser estar está están estoy he ha han haber hay tengo tiene tener puedo puede pueden poder podría quiero
    quisiera quiere necesito debo debe hacer hago con sin por para en de a sobre entre desde hasta no sí ya muy más
    también todavía gracias hola buenos buenas días tardes favor ayuda esto esta este esa ese eso
    """.split()
    # Portuguese
    + """
    os um uma uns umas do da dos das no na nos nas ao à às pelo pela e ou mas porque quem qual quais quando onde como
    eu meu minha meus minhas você vocês seu sua ele ela eles elas nós nosso nossa é são era foi ser estar está estão
    estou tenho tem ter posso pode poder poderia quero gostaria preciso fazer com sem por para em de sobre entre até
    não sim já muito mais também ainda obrigado obrigada olá oi bom boa dia tarde noite favor ajuda isso este esta
    """.split()
    # Italian
    + """
    il gli uno dello della dei degli delle nel nella nei nelle allo alla ai agli alle sul sulla e o ma perché che chi
    quale quali quando dove come cosa io mio mia miei mie tu tuo tua lui lei noi nostro nostra voi loro si è sono era
    essere ho ha hanno avere posso può possono potrei vorrei voglio devo deve fare con senza per su tra fra da di a in
    non sì già molto più anche ancora grazie ciao buongiorno buonasera salve favore aiuto questo questa quello quella
    """.split()
    # Dutch
    + """
    de het een en of maar want dat die dit deze wat wie waar wanneer waarom hoe welke ik mij me mijn je jij jou jouw u
    uw hij hem zijn zij ze haar wij we ons onze jullie hun is was waren ben bent heb hebt heeft hebben had kan kunnen
    kunt kon moet moeten wil willen wilt zou zouden zal in op aan bij met naar van voor over onder uit door tot om te
    niet nog maar ook al zeer heel graag alstublieft bedankt dank hallo hoi goedemorgen goedemiddag hier daar er geen
    """.split()
)

# What a message may consist of and still ask for nothing: verdicts on the reply, goodbyes, impatience, and asking for a
# person. Left out when telling whether a later message adds to a request, never from the first one of a conversation.
SMALL_TALK = frozenset(
    """
    great perfect perfectly awesome nice cool fine good best better bad super excellent amazing brilliant wonderful lovely
    fantastic cheers appreciate appreciated welcome bye goodbye done works work worked working working. sorted solved
    solve solves fixed fix helped helpful unhelpful useful useless exactly correct incorrect right wrong true false
    understood understand misunderstood agree agreed alright hmm haha lol wow oh ah anyway nevermind mind forget whatever
    answer answers answered response trick luck same result change changed read again star legend lifesaver repeat repeating explain seriously
    honestly ridiculous frustrating frustrated annoying waste time times circles nowhere hard difficult complicated silly
    problem point sense hand way human person people agent representative someone speak talk talking connect real live
    gut super perfekt prima toll genau richtig falsch klappt funktioniert verstanden stimmt alles klar vielen dank
    parfait super bien exactement compris faux marche fonctionne d'accord beaucoup vrai
    perfecto genial bien exacto correcto incorrecto funciona funcionó entendido vale claro muchas mal
    perfeito ótimo certo errado funciona funcionou entendi muito obrigada
    perfetto ottimo giusto sbagliato funziona capito mille
    prima perfect goed fout werkt begrepen
    """.split()
)


def stem(token: str) -> str:
    """The token without the commonest English endings, so that its forms count together. Never shown.

    >>> [stem(t) for t in ("charged", "charges", "charging", "shipping", "companies", "is", "address")]
    ['charg', 'charg', 'charg', 'ship', 'company', 'is', 'address']
    """
    if len(token) > 4:
        if token.endswith("ies"):
            return token[:-3] + "y"
        for ending in ("ing", "ed", "es", "s", "e"):
            if token.endswith(ending) and not token.endswith("ss"):
                token = token[: -len(ending)]
                break
        if len(token) > 3 and token[-1] == token[-2] and token[-1] not in "aeiouls":
            token = token[:-1]
    return token
