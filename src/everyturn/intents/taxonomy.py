"""What people say about intents: names, mergers, splits and pins, in a YAML file that can be reviewed in git.

`EXAMPLE` shows every field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import yaml

from everyturn.errors import InputError
from everyturn.intents import Discovery
from everyturn.model import digest

VERSION = 1
_FIELDS = {"id", "name", "description", "under", "pin", "merge", "split", "found", "requests"}
EXAMPLE = """\
version: 1
intents:
  - id: i-3f9a2c
    name: Charged twice            # what it is called from now on
    description: Payments taken more than once.
    under: Billing                 # the theme it stands under
    pin: true                      # stays as it is, whatever a later discovery would find
    merge: [i-77b0d1]              # these are part of it from now on
  - id: i-50c2aa
    split:                         # each of its requests goes to the part whose examples it is most like
      - name: Refund of a damaged item
        like: ["it arrived broken, I want my money back"]
      - name: Refund after the deadline
        like: ["can I still return this after 40 days"]
"""
_HEAD = """\
# What users ask for. "found" is the name its texts gave it; write "name", "description", "under" to say it your way,
# "merge: [ids]" and "split: [{name, like: [examples]}]" to draw it your way, "pin: true" to keep it as it is.
# Give it back with: everyturn discover --taxonomy FILE
"""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an intent that people split, described by examples."""

    name: str
    like: tuple[str, ...]

    def id_in(self, intent_id: str) -> str:
        """The part's id, which depends only on the intent and the part's name."""
        return f"i-{digest(intent_id, self.name)[:6]}"


@dataclass(frozen=True, slots=True)
class Word:
    """What people say about one intent."""

    intent_id: str
    name: str | None = None
    description: str | None = None
    under: str | None = None
    is_pinned: bool = False
    merged: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether the intent is kept even if a discovery from scratch would not find it."""
        return bool(self.name or self.description or self.under or self.is_pinned or self.merged)


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """What people say about intents, an entry each."""

    words: tuple[Word, ...] = ()

    @classmethod
    def parse(cls, text: str, *, where: str = "taxonomy") -> Taxonomy:
        """The taxonomy in a YAML text. Raises InputError, which names the entry, if one cannot be used.

        >>> Taxonomy.parse("intents: [{id: i-3f9a2c, name: Charged twice}]").words[0].name
        'Charged twice'
        """
        try:
            given = yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f" line {mark.line + 1}" if mark else ""
            raise _unreadable(
                "the taxonomy is not YAML", where=f"{where}{line}", expected="YAML with a list `intents`"
            ) from None
        if given is None:
            return cls()
        if not isinstance(given, dict) or not isinstance(given.get("intents", []), list):
            raise _unreadable(
                "the taxonomy has no list of intents", where=where, expected="a mapping with a list `intents`"
            )
        if given.get("version", VERSION) != VERSION:
            raise _unreadable(
                f"the taxonomy has version {given['version']}", where=where, expected=f"version {VERSION}"
            )
        words = tuple(_word(entry, f"{where} intents[{i}]") for i, entry in enumerate(given.get("intents") or []))
        _refuse_contradictions(words, where)
        return cls(words)

    def to_yaml(self) -> str:
        """The taxonomy as YAML."""
        return _dump([_plain(word) for word in self.words])

    def of(self, intent_id: str) -> Word | None:
        """What is said about an intent."""
        return next((word for word in self.words if word.intent_id == intent_id), None)


def _unreadable(what: str, *, where: str, expected: str) -> InputError:
    """The error for a taxonomy that cannot be used; it names the entry, never an example's text."""
    try_ = "everyturn export taxonomy --to FILE, and edit what it writes"
    return InputError(what, where=where, expected=expected, try_=try_)


def to_yaml(discovery: Discovery) -> str:
    """All intents of a discovery with what people said about them, as YAML to be edited."""
    said = Taxonomy.parse(discovery.taxonomy) if discovery.taxonomy else Taxonomy()
    entries: list[dict[str, Any]] = []
    for intent in discovery.intents:
        word = said.of(intent.intent_id)
        entry = _plain(word) if word else {"id": intent.intent_id}
        entries.append({**entry, "found": intent.found_label, "requests": intent.size})
    listed = {entry["id"] for entry in entries}
    entries += [_plain(word) for word in said.words if word.intent_id not in listed]
    return _HEAD + _dump(entries)


def _dump(entries: list[dict[str, Any]]) -> str:
    whole = {"version": VERSION, "intents": entries}
    return cast("str", yaml.safe_dump(whole, sort_keys=False, allow_unicode=True))


def _plain(word: Word) -> dict[str, Any]:
    told = {
        "id": word.intent_id,
        "name": word.name,
        "description": word.description,
        "under": word.under,
        "pin": word.is_pinned,
        "merge": list(word.merged),
        "split": [{"name": part.name, "like": list(part.like)} for part in word.parts],
    }
    return {key: value for key, value in told.items() if value}


def _word(entry: object, where: str) -> Word:
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
        raise _unreadable("an entry of the taxonomy has no id", where=where, expected="id: i-…")
    unknown = sorted(set(map(str, entry)) - _FIELDS)
    if unknown:
        raise _unreadable(
            f"an entry of the taxonomy has an unknown field: {unknown[0][:40]}",
            where=where,
            expected=", ".join(sorted(_FIELDS)),
        )
    texts: dict[str, str | None] = {}
    for name in ("name", "description", "under"):
        value = entry.get(name)
        if value is not None and (not isinstance(value, str) or not value.strip()):
            raise _unreadable(f"`{name}` is not a text", where=where, expected="a text between quotes")
        texts[name] = value.strip() if value else None
    merged = entry.get("merge") or []
    if not isinstance(merged, list) or not all(isinstance(one, str) for one in merged):
        raise _unreadable("`merge` is not a list of ids", where=where, expected="merge: [i-…, i-…]")
    if not isinstance(entry.get("pin", False), bool):
        raise _unreadable("`pin` is neither true nor false", where=where, expected="pin: true")
    parts = entry.get("split") or []
    if not isinstance(parts, list) or len(parts) == 1:
        raise _unreadable(
            "`split` is not a list of parts", where=where, expected="two parts or more, each with name and like"
        )
    return Word(
        entry["id"],
        texts["name"],
        texts["description"],
        texts["under"],
        bool(entry.get("pin", False)),
        tuple(merged),
        tuple(_part(part, f"{where} split[{i}]") for i, part in enumerate(parts)),
    )


def _part(given: object, where: str) -> Part:
    like = given.get("like") if isinstance(given, dict) else None
    name = given.get("name") if isinstance(given, dict) else None
    is_listed = isinstance(like, list) and bool(like) and all(isinstance(one, str) and one.strip() for one in like)
    if not isinstance(name, str) or not name.strip() or not is_listed:
        raise _unreadable(
            "a part lacks a name or examples", where=where, expected="name: …, like: [one example or more]"
        )
    return Part(name.strip(), tuple(cast("list[str]", like)))


def _refuse_contradictions(words: tuple[Word, ...], where: str) -> None:
    ids = [word.intent_id for word in words]
    twice = next((one for one in ids if ids.count(one) > 1), None)
    if twice:
        raise _unreadable(f"two entries are about {twice}", where=where, expected="one entry for each intent")
    into: dict[str, str] = {}
    for word in words:
        for one in word.merged:
            if one == word.intent_id or into.setdefault(one, word.intent_id) != word.intent_id:
                raise _unreadable(
                    f"{one} cannot be merged this way",
                    where=where,
                    expected="each id merged once, and into another one",
                )
    both = next((one for one in into if one in into.values()), None)
    if both:
        raise _unreadable(
            f"{both} is merged and has others merged into it",
            where=where,
            expected="mergers into an intent that is not merged itself",
        )
    names = [word.name for word in words if word.name] + [part.name for word in words for part in word.parts]
    same = next((name for name in names if names.count(name) > 1), None)
    if same:
        raise _unreadable(f'two intents are called "{same}"', where=where, expected="a different name for each")
