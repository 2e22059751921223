"""Requests as users might type them, as many as are wanted, with the intent behind each: own words, nothing copied.

An intent is something done to a thing. A request says it in one of many ways, with a detail, a number or a city, a reason
or a closing, and now and then a slip of the finger; one in eight is in German, French or Spanish, one in twenty is about
nothing that anybody else asks. A few intents make up most requests and many are rare, as in life.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import accumulate

# thing: its English names; German, French and Spanish
_THINGS = """
order, purchase | Bestellung | commande | pedido
parcel, package, delivery | Paket | colis | paquete
invoice, bill | Rechnung | facture | factura
subscription, membership | Abo | abonnement | suscripción
password, login | Passwort | mot de passe | contraseña
credit card, card | Kreditkarte | carte bancaire | tarjeta
bank transfer, wire transfer | Überweisung | virement | transferencia
mortgage, home loan | Hypothek | prêt immobilier | hipoteca
concert ticket, ticket | Eintrittskarte | billet de concert | entrada
flight, plane ticket | Flug | vol | vuelo
hotel booking, hotel room | Hotelzimmer | chambre d'hôtel | habitación
suitcase, luggage | Koffer | valise | maleta
dashboard, chart | Diagramm | tableau de bord | gráfico
sales report, monthly report | Bericht | rapport | informe
spreadsheet, excel sheet | Tabelle | feuille de calcul | hoja de cálculo
sql query, query | Abfrage | requête | consulta
api key, access token | Schlüssel | clé d'accès | clave
webhook, callback | Webhook | webhook | webhook
server, virtual machine | Server | serveur | servidor
backup, snapshot | Sicherung | sauvegarde | copia de seguridad
laptop, notebook | Laptop | ordinateur | portátil
printer, scanner | Drucker | imprimante | impresora
phone number, mobile number | Telefonnummer | numéro de téléphone | número de teléfono
rental contract, lease | Mietvertrag | contrat de location | contrato de alquiler
insurance claim, claim | Schaden | sinistre | siniestro
doctor's appointment, appointment | Termin | rendez-vous | cita
prescription, medicine | Rezept | ordonnance | receta
meal plan, recipe | Speiseplan | menu | menú
playlist, song list | Wiedergabeliste | liste de lecture | lista de canciones
family photo, picture | Foto | photo | foto
essay, assignment | Aufsatz | dissertation | ensayo
translation, translated text | Übersetzung | traduction | traducción
newsletter, mailing | Rundbrief | lettre d'information | boletín
job application, cover letter | Bewerbung | candidature | solicitud de empleo
tax return, tax form | Steuererklärung | déclaration d'impôts | declaración de la renta
electricity meter, power meter | Stromzähler | compteur électrique | contador de luz
gift voucher, coupon | Gutschein | bon cadeau | vale
parking permit, parking space | Parkausweis | permis de stationnement | permiso de aparcamiento
gym class, yoga class | Kurs | cours | clase
dog food, cat food | Futter | croquettes | pienso
"""
# what is done: English ways to say it; German, French and Spanish
_DEEDS = """
cancel {0}; get rid of {0}; call off {0}; i no longer want {0} | {0} stornieren | annuler {0} | cancelar {0}
change {0}; update {0}; make an edit to {0}; replace {0} with another one | {0} ändern | modifier {0} | cambiar {0}
find out where {0} is; track {0}; see the status of {0}; know when {0} is ready | wo ist {0} | où est {0} | dónde está {0}
understand {0}; have {0} explained; know what {0} means; read {0} correctly | {0} verstehen | comprendre {0} | entender {0}
repair {0}; fix {0} which stopped working; get {0} working again; solve an error with {0} | {0} funktioniert nicht | réparer {0} | reparar {0}
pay for {0}; know the price of {0}; see what {0} costs; get {0} cheaper | was kostet {0} | payer {0} | pagar {0}
create {0}; make {0}; set up {0}; start {0} from scratch | {0} anlegen | créer {0} | crear {0}
share {0} with a colleague; send {0} to someone; forward {0}; give others access to {0} | {0} teilen | partager {0} | compartir {0}
"""
_FRAMES = """
how do i {0}|how can i {0}|i want to {0}|i need to {0}|can you help me {0}|is it possible to {0}|please {0}|trying to {0}
what is the way to {0}|could somebody {0}|we would like to {0}|i have to {0} today|where do i go to {0}|am i able to {0}
tell me how to {0}|i was wondering how to {0}|any chance to {0}|my task is to {0}|help, i must {0}|{0}
"""
_FRAMES_ELSEWHERE = (
    "wie kann ich {0}|ich möchte {0}|bitte {0}|kann man {0}|ich muss {0}",
    "comment {0}|je voudrais {0}|pouvez-vous {0}|est-ce possible de {0}|il faut {0}",
    "cómo puedo {0}|quiero {0}|por favor {0}|es posible {0}|necesito {0}",
)
_KINDS = [
    "new",
    "old",
    "last",
    "second",
    "shared",
    "private",
    "broken",
    "wrong",
    "expensive",
    "current",
    "annual",
    "first",
    "main",
    "duplicate",
    "missing",
]
_PLACES = [
    "berlin",
    "paris",
    "madrid",
    "london",
    "oslo",
    "vienna",
    "boston",
    "austin",
    "tokyo",
    "lima",
    "cairo",
    "delhi",
    "sydney",
    "toronto",
    "dublin",
    "rome",
]
_WHEN = "yesterday|last week|on monday|this morning|in march|before the holidays|tonight|since the update|for the third time"
_BEFORE = "because|since|as|so that|before|after|although|but|and|now that"
_WHO = """
my boss|my wife|our accountant|the landlord|a customer|my son|the new colleague|my doctor|the auditor|our team|my neighbour
the bank|my husband|the kids|our lawyer|a friend|the trainer|my sister|the agency|the school
"""
_DOES = """
asked for it|made a mistake|is on holiday|moved house|wants to know|lost the old one|changed the plan|cannot see it
is waiting|never answered|has a deadline|needs a copy|found an error|started a new job|said so|does not trust it
is travelling|forgot about it|was charged twice|prefers another one
"""
_SYLLABLES = [
    "ba",
    "co",
    "du",
    "fe",
    "gi",
    "ho",
    "ju",
    "ka",
    "le",
    "mo",
    "nu",
    "pa",
    "qui",
    "ro",
    "su",
    "ta",
    "ve",
    "wi",
    "xo",
    "ya",
    "ze",
    "bri",
    "clo",
    "dra",
    "fle",
    "gru",
]

_FOREIGN, _STRAY, _SLIP = 1 / 8, 1 / 20, 0.15


def _rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]


def asked(n: int, *, seed: int = 3, intents: int = 200) -> Iterator[tuple[str, int]]:
    """`n` requests and the number of the intent behind each, -1 for what nobody else asks."""
    r = random.Random(seed)
    things, deeds = _rows(_THINGS), _rows(_DEEDS)
    pairs = [(thing, deed) for thing in things for deed in deeds]
    r.shuffle(pairs)
    weights = list(accumulate(1 / (rank + 1) ** 0.8 for rank in range(intents)))
    frames = [frame for row in _rows(_FRAMES) for frame in row]
    elsewhere = [frames_there.split("|") for frames_there in _FRAMES_ELSEWHERE]
    when, before = _WHEN.split("|"), _BEFORE.split("|")
    who, does = ([part for row in _rows(words) for part in row] for words in (_WHO, _DOES))
    numbers = range(intents)
    for _ in range(n):
        if r.random() < _STRAY:
            text = " ".join("".join(r.choices(_SYLLABLES, k=r.randint(1, 4))) for _ in range(r.randint(2, 9)))
            yield text, -1
            continue
        intent = r.choices(numbers, cum_weights=weights)[0]
        thing, deed = pairs[intent]
        if r.random() < _FOREIGN:
            tongue = r.randrange(3)
            text = r.choice(elsewhere[tongue]).format(deed[tongue + 1].format(thing[tongue + 1]))
        else:
            name = r.choice(thing[0].split(", "))
            kind = f"{r.choice(_KINDS)} " if r.random() < 0.4 else ""
            text = r.choice(frames).format(
                r.choice(deed[0].split("; ")).format(f"{r.choice(('my', 'the', 'a'))} {kind}{name}")
            )
        if r.random() < 0.5:
            text += f" {r.choice((f'from {r.choice(_PLACES)}', f'number {r.randrange(10**6)}', r.choice(when), f'for {r.choice(_PLACES)}'))}"
        if r.random() < 0.4:
            text += f" {r.choice(before)} {r.choice(who)} {r.choice(does)}"
        if r.random() < _SLIP:
            at = r.randrange(len(text) - 1)
            text = r.choice(
                (
                    text[:at] + text[at + 1 :],
                    text[:at] + text[at] + text[at:],
                    text[:at] + text[at + 1] + text[at] + text[at + 2 :],
                )
            )
        yield text + r.choice(("", "", "?", ".", " please", " thanks")), intent
