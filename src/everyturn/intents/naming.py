"""Names and descriptions by a language model, where somebody named one: better to read than phrases, never needed."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from everyturn.intents import Discovery, Intent
from everyturn.intents.corpus import key_of
from everyturn.intents.remote import Remote
from everyturn.intents.taxonomy import Taxonomy

_LONGEST = 300  # characters shown of an example
_NAME, _DESCRIPTION = 60, 200
_TASK = (
    "You name what users of an assistant ask for. From the phrases and example requests of one group, answer with a JSON"
    ' object {"name": …, "description": …}: a name of two to five words in lower case that a product manager'
    " understands, beginning with a verb where users want something done, and one plain sentence on what these users want."
    " No names of persons, no numbers, no quotation. These names are taken: "
)


Names: TypeAlias = dict[str, tuple[str, str]]  # by intent id: name and description


def name_with(
    remote: Remote | None, discovery: Discovery, requests: pa.Table, *, known: Names
) -> tuple[Discovery, Names]:
    """The discovery under the names a model gave, and these names; without a `remote` only those `known` are laid on.

    One name an intent, ever: who has one in `known` keeps it. People's names stand above it. Examples are sent as they are
    stored, masked, and nothing else is. An answer that is no name leaves the name there was.
    """
    said = {word.intent_id for word in Taxonomy.parse(discovery.taxonomy).words if word.name}
    texts = _texts(discovery, requests) if remote else {}
    taken = {intent.label for intent in discovery.intents} | {name for name, _ in known.values()}
    names = dict(known)
    intents: list[Intent] = []
    for intent in discovery.intents:
        if remote and intent.phrases and intent.intent_id not in said and intent.intent_id not in names:
            told = _ask(remote, intent, [texts[key] for key in intent.examples if key in texts], taken)
            if told and told[0] not in taken:
                names[intent.intent_id] = told
                taken.add(told[0])
        if intent.intent_id in names and intent.intent_id not in said:
            name, description = names[intent.intent_id]
            intents.append(replace(intent, label=name, found_label=name, description=description))
        else:
            intents.append(intent)
    return replace(discovery, intents=tuple(intents)), names


def _ask(remote: Remote, intent: Intent, examples: list[str], taken: set[str]) -> tuple[str, str] | None:
    shown = {"phrases": list(intent.phrases), "examples": [text[:_LONGEST] for text in examples]}
    answer = remote.post(
        "chat/completions",
        {
            "messages": [
                {"role": "system", "content": _TASK + orjson.dumps(sorted(taken)).decode()},
                {"role": "user", "content": orjson.dumps(shown).decode()},
            ],
            "temperature": 0,
            "response_format": {"type": "json_object"},
        },
    )
    try:
        content = answer["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError) as error:
        raise remote.refused("chat/completions", "the answer holds no message") from error
    try:
        told = orjson.loads(content)
        name, description = str(told["name"]).strip(), str(told.get("description") or "").strip()
    except (ValueError, KeyError, TypeError):
        return None
    if not name or len(name) > _NAME or "\n" in name or any(character.isdigit() for character in name):
        return None
    return name, description[:_DESCRIPTION] or intent.description


def _texts(discovery: Discovery, requests: pa.Table) -> dict[tuple[str, int], str]:
    """The texts of the intents' examples."""
    wanted = [f"{c}\x00{r}" for intent in discovery.intents for c, r in intent.examples]
    rows = requests.filter(pc.is_in(key_of(requests), pa.array(wanted, pa.string())))
    told = rows.select(["conversation_id", "request", "text"]).to_pylist()
    return {(row["conversation_id"], row["request"]): row["text"] for row in told}
