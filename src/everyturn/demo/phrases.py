"""What people in the simulated world say: phrase files parsed into rules, and rules filled in with the details of one talk.

A phrase file is sections of alternatives, one a line, under `@name`. In a line `<a|b>` is a choice (an empty side leaves
it out) and `{name}` is a detail that stays the same through one conversation ({order}, {product}) or another section.
A ">" between two spaces is an ordinary character, as in "Settings > Plan"; a backslash and n break the line.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from typing import TypeAlias

Draw: TypeAlias = Callable[[], float]  # uniform on [0, 1)


@dataclass(frozen=True, slots=True)
class _Choice:
    options: tuple[_Line, ...]


@dataclass(frozen=True, slots=True)
class _Name:
    name: str


_Line: TypeAlias = tuple["str | _Choice | _Name", ...]


def pick(options: tuple[str, ...], draw: Draw) -> str:
    """One of the options, each as likely as the next."""
    return options[int(draw() * len(options))]


class Phrases:
    """The rules of every phrase file, by "file.section"; those of `slots` and `common` also without the file's name."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._rules: dict[str, tuple[_Line, ...]] = {}
        self._kept: set[str] = set()
        self._pairs: dict[str, tuple[tuple[_Line, _Line], ...]] = {}
        self.topics: dict[str, tuple[str, ...]] = {}
        for file, source in sources.items():
            sections = _sections(source)
            for section, lines in sections.items():
                if section == "topics":
                    self.topics[file] = tuple(lines[0].split())
                elif section in ("follow", "clarify") and " => " in lines[0]:
                    self._pairs[f"{file}.{section}"] = tuple(_pair(line, file, sections) for line in lines)
                else:
                    self._rules[f"{file}.{section}"] = tuple(_compile(line, file, sections) for line in lines)
                    if file == "slots":
                        self._kept.add(section)

    def __contains__(self, rule: str) -> bool:
        return rule in self._rules

    def about(self, subject: str, section: str, topic: str) -> str:
        """The rule of a subject's section; the topic's own if there is one."""
        own = f"{subject}.{section}.{topic}"
        return own if own in self._rules else f"{subject}.{section}"

    def tell(self, rule: str, slots: Slots) -> str:
        """One text made by the rule, with the details of this conversation."""
        lines = self._rules[rule]
        return self._said(lines[int(slots.draw() * len(lines))], slots)

    def pair(self, rule: str, slots: Slots, *, used: set[str] | None = None) -> tuple[str, str] | None:
        """A question and its answer; None if the section has none, or none that is not in `used` yet."""
        pairs = self._pairs.get(rule, ())
        if not pairs:
            return None
        at = int(slots.draw() * len(pairs))
        if used is not None:
            if f"{rule} {at}" in used:
                return None
            used.add(f"{rule} {at}")
        question, answer = pairs[at]
        return self._said(question, slots), self._said(answer, slots)

    def variants(self, rule: str) -> int:
        """How many different patterns the rule has before any detail is filled in."""
        return sum(_count(line) for line in self._rules[rule])

    def _said(self, line: _Line, slots: Slots) -> str:
        if len(line) == 1 and type(line[0]) is str:
            return line[0]
        out: list[str] = []
        self._fill(line, slots, out)
        return "".join(out)

    def _fill(self, line: _Line, slots: Slots, out: list[str]) -> None:
        for part in line:
            if type(part) is str:
                out.append(part)
            elif type(part) is _Choice:
                self._fill(part.options[int(slots.draw() * len(part.options))], slots, out)
            elif type(part) is _Name:
                name = part.name
                lines = self._rules.get(name)
                if lines is None:
                    out.append(slots[name])
                else:
                    self._fill(lines[int(slots.draw() * len(lines))], slots, out)

    def keep(self, name: str, slots: Slots) -> str | None:
        """A detail drawn from the slots file, or None where it has no such section."""
        return self.tell(f"slots.{name}", slots) if name in self._kept else None


@cache
def phrases() -> Phrases:
    """The phrases shipped with the demo."""
    folder = files(__package__) / "text"
    texts = {entry.name[: -len(".txt")]: entry for entry in folder.iterdir() if entry.name.endswith(".txt")}
    return Phrases({name: texts[name].read_text(encoding="utf-8") for name in sorted(texts)})


def _sections(source: str) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in source.splitlines():
        if line.startswith("@"):
            lines = sections.setdefault(line[1:].strip(), [])
        elif line and not line.startswith("# "):
            lines.append(line.replace("\\n", "\n"))
    return sections


def _pair(line: str, file: str, own: Container[str]) -> tuple[_Line, _Line]:
    question, answer = line.split(" => ")
    return _compile(question, file, own), _compile(answer, file, own)


def _compile(line: str, file: str, own: Container[str]) -> _Line:
    options, _ = _parse(line, 0, file, own, nested=False)
    return options[0]


def _parse(text: str, at: int, file: str, own: Container[str], *, nested: bool) -> tuple[tuple[_Line, ...], int]:
    """The alternatives from `at` up to the closing ">" (or the end), and where the reading stopped.

    A name in `own` is a section of the same file, chosen anew each time; every other name is a detail that stays the same.
    """
    options: list[_Line] = []
    parts: list[str | _Choice | _Name] = []
    plain: list[str] = []

    def settle() -> None:
        if plain:
            parts.append("".join(plain))
            plain.clear()

    while at < len(text):
        char = text[at]
        if char == "<":
            settle()
            inner, at = _parse(text, at + 1, file, own, nested=True)
            parts.append(_Choice(inner))
        elif char == "{":
            settle()
            end = text.index("}", at)
            name = text[at + 1 : end]
            parts.append(_Name(f"{file}.{name}" if name in own else name))
            at = end
        elif nested and char == "|":
            settle()
            options.append(tuple(parts))
            parts = []
        elif nested and char == ">" and text[at - 1 : at + 2] != " > ":
            settle()
            options.append(tuple(parts))
            return tuple(options), at
        else:
            plain.append(char)
        at += 1
    if nested:
        raise ValueError(f"a choice is not closed in the phrases of {file}")
    settle()
    return (tuple(parts),), at


def _count(line: _Line) -> int:
    total = 1
    for part in line:
        if type(part) is _Choice:
            total *= sum(_count(option) for option in part.options)
    return total


# --- details that stay the same through one conversation -----------------------------------------------------

PRICES = {"Starter": 29, "Growth": 79, "Pro": 199}
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_AGO = ("yesterday", "two days ago", "three days ago", "last week", "a week ago", "4 days ago", "a few days ago")


class Slots(dict[str, str]):
    """The details of one conversation, drawn when first asked for: `slots["order"]` is the same order from then on.

    `day` is the day of the talk; `style` says how its person writes dates ("long", "us", "dot", "slash") and `money` which
    sign stands before an amount. {ref} is the order number with or without its letters.
    """

    __slots__ = ("_source", "day", "draw", "goods", "money", "style")

    def __init__(self, source: Phrases, draw: Draw, day: date, *, style: str = "long", money: str = "$") -> None:
        super().__init__()
        self._source = source
        self.draw = draw
        self.day = day
        self.style = style
        self.money = money
        self.goods = ""  # "soft" or "hard": of which kind the product has to be, if that matters

    def __missing__(self, name: str) -> str:
        if name == "ref":
            return self._reference()
        make = _MAKERS.get(name)
        value = make(self) if make else self._source.keep(name, self)
        if value is None:
            raise KeyError(name)
        self[name] = value
        return value

    def forget(self, *names: str) -> None:
        """Forgets these details: the next time they are asked for, they are drawn again."""
        for name in names:
            self.pop(name, None)

    def number(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self.draw() * (high - low + 1))

    def dated(self, days: int) -> str:
        """The day that many days from the talk, as this person writes dates."""
        when = self.day + timedelta(days=days)
        month = _MONTHS[when.month - 1]
        if self.style == "us":
            return f"{month[:3]} {when.day}"
        if self.style == "slash":
            return f"{when.day:02d}/{when.month:02d}"
        if self.style == "dot":
            return f"{when.day:02d}.{when.month:02d}"
        return f"{when.day} {month}"

    def _reference(self) -> str:
        order = self["order"]
        form = int(self.draw() * 6)
        if form < 3:
            return order
        return ("#" + order[3:], order[3:], order.replace("-", ""))[form - 3]

    def amount(self, low: int, high: int) -> str:
        """An amount of money with its sign."""
        cents = ("00", "50", "90", "95", "99", "25", "40")[int(self.draw() * 7)]
        return f"{self.money}{self.number(low, high)}.{cents}"


def _goods(slots: Slots, *, coloured: float) -> tuple[str, str, str]:
    kind = slots.goods or ("soft" if slots.draw() < 0.45 else "hard")
    material = slots._source.tell(f"slots.{kind}_material", slots)  # noqa: SLF001
    thing = slots._source.tell(f"slots.{kind}_thing", slots)  # noqa: SLF001
    colour = slots._source.tell("slots.colour", slots) + " " if slots.draw() < coloured else ""  # noqa: SLF001
    return material, thing, f"{colour}{material} {thing}"


def _product(slots: Slots) -> str:
    slots["material"], slots["thing"], product = _goods(slots, coloured=0.25)
    return product


def _of_product(name: str) -> Callable[[Slots], str]:
    def make(slots: Slots) -> str:
        slots["product"] = _product(slots)
        return dict.__getitem__(slots, name)

    return make


def _email(slots: Slots) -> str:
    box = pick(("hello", "orders", "info", "shop", "team", "office", "mail", "accounts"), slots.draw)
    ending = pick(("example.com", "example.org", "example.net"), slots.draw)
    tail = pick(("", "-shop", slots["word2"], "", str(slots.number(2, 99))), slots.draw)
    return f"{box}@{slots['word']}{tail}.{ending}"


def _higher_price(slots: Slots) -> str:
    base = PRICES[slots["plan"]]
    other = pick(("1.2", "1.25", "1.5", "1.62", "2", "1.19", "1.35"), slots.draw)
    return f"{slots.money}{base * float(other):.2f}"


_MAKERS: dict[str, Callable[[Slots], str]] = {
    "order": lambda s: f"TW-{s.number(10200, 98999)}",
    "order2": lambda s: f"TW-{s.number(10200, 98999)}",
    "amount": lambda s: s.amount(14, 240),
    "amount2": lambda s: s.amount(4, 39),
    "plan2": lambda s: pick(tuple(plan for plan in PRICES if plan != s["plan"]), s.draw),
    "price": lambda s: f"{s.money}{PRICES[s['plan']]}",
    "price2": _higher_price,
    "card": lambda s: f"{s.number(1000, 9899)}",
    "qty": lambda s: str(s.number(2, 60)),
    "qty2": lambda s: str(s.number(2, 40)),
    "pct": lambda s: pick(("5", "10", "15", "20", "25", "30"), s.draw),
    "code": lambda s: s["word"].upper() + s["pct"],
    "date": lambda s: s.dated(-s.number(2, 20)),
    "date2": lambda s: s.dated(s.number(1, 9)),
    "month": lambda s: _MONTHS[(s.day.month - 2 - s.number(0, 1)) % 12],
    "ago": lambda s: pick(_AGO, s.draw),
    "email": _email,
    "email2": _email,
    "tracking": lambda s: f"{s.number(10, 99)}{s.number(10_000_000, 99_999_999)}{pick(('', 'GB', 'DE', 'US'), s.draw)}",
    "sku": lambda s: f"{s['thing'][:2].upper()}-{s.number(100, 999)}{pick(('', '-S', '-M', '-L', 'B'), s.draw)}",
    "vat": lambda s: pick(("DE", "FR", "IT", "ES", "IE"), s.draw) + str(s.number(100_000_000, 999_999_999)),
    "vatrate": lambda s: pick(("19", "20", "21", "22"), s.draw),
    "product": _product,
    "material": _of_product("material"),
    "thing": _of_product("thing"),
    "product2": lambda s: _goods(s, coloured=0.3)[2],
}
