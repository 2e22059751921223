"""Which values become attributes of a conversation: plain values that are not ids, as texts.

An id among the attributes would remain when its user is forgotten. Fields with the usual names of ids are therefore left out, and so are
the fields declared to contain one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from everyturn.model import Json
from everyturn.readers import BadRecord, ReadOptions, fields
from everyturn.readers.namespaces import Names, own_names

_LONGEST = 500  # characters; a longer value is content, and does not group conversations


def record_attributes(record: Mapping[str, Json], known: frozenset[str], options: ReadOptions) -> dict[str, str]:
    """The attributes of a record: its other fields, and those under `metadata` and `attributes`."""
    found = other_fields(record, known, options)
    if "metadata" in record:
        found |= object_attributes(record["metadata"], "metadata", options=options)
    if "attributes" in record:
        found |= object_attributes(record["attributes"], "attributes")
    return found


def other_fields(record: Mapping[str, Json], known: frozenset[str], options: ReadOptions) -> dict[str, str]:
    """The attributes among a record's own fields: those with plain values that are neither known fields nor ids."""
    known = _with_declared(known, options)
    if record.keys() <= known:
        return {}
    return {str(k): fields.plain_text(v) for k, v in record.items() if k not in known and is_plain(v) and v != []}


def object_attributes(group: Json, name: str, *, options: ReadOptions | None = None) -> dict[str, str]:
    """A field that holds an object, or its JSON text, as a flat mapping of texts, missing values left out.

    With `options`, its fields that hold ids are left out too.

    >>> object_attributes({"plan": "pro", "seats": 3, "note": None}, "metadata")
    {'plan': 'pro', 'seats': '3'}
    """
    if group is None or group == "":
        return {}
    group = fields.json_value(group)
    if not isinstance(group, Mapping):
        raise BadRecord(expected=f"{name}: an object", found=fields.describe(group))
    ids = _with_declared(fields.ID_NAMES, options) if options is not None else frozenset()
    return {str(k): fields.plain_text(v) for k, v in group.items() if v is not None and k not in ids}


def own_attributes(found: Mapping[str, Json], options: ReadOptions, names: Names | None = None) -> dict[str, str]:
    """The attributes of a span that are the application's own, without ids; `names` are those of the attributes.

    >>> found = {"http.route": "/chat", "app.plan": "pro", "shop.country": "DE", "seats": 3, "user_id": "u1", "note": "x" * 501}
    >>> own_attributes(found, ReadOptions())
    {'plan': 'pro', 'shop.country': 'DE', 'seats': '3'}
    """
    kept: dict[str, str] = {}
    for name, own in (names or Names.of(found)).derive(own_names):
        value = found[name]
        if type(value) is str:
            if len(value) <= _LONGEST:
                kept[own] = value
        elif is_plain(value) and len(text := attribute_text(value)) <= _LONGEST:
            kept[own] = text
    ids = _with_declared(fields.ID_NAMES, options)
    return kept if ids.isdisjoint(kept) else {name: text for name, text in kept.items() if name not in ids}


def with_common(
    attributes: dict[str, str],
    *,
    tags: Json = None,
    model: Json = None,
    environment: Json = None,
    agent_version: Json = None,
) -> dict[str, str]:
    """The attributes with those that every client has under a name of its own; what the application named itself stands.

    >>> with_common({"model": "mine"}, tags=["a", "b"], model="theirs")
    {'model': 'mine', 'tags': 'a, b'}
    """
    if tags and isinstance(tags, list) and is_plain(tags):
        attributes["tags"] = attribute_text(tags)
    if agent_version and isinstance(agent_version, str):
        attributes.setdefault("agent_version", agent_version)
    if environment and isinstance(environment, str):
        attributes.setdefault("environment", environment)
    if model and isinstance(model, str):
        attributes.setdefault("model", model)
    return attributes


def is_plain(value: Json) -> bool:
    """Whether a value can be an attribute: a single value, or a list of such."""
    if type(value) is str:
        return True
    items = value if isinstance(value, list) else [value]
    return value is not None and not any(isinstance(v, list | dict) for v in items)


def attribute_text(value: Json) -> str:
    """A value as an attribute's text; the items of a list (tags) joined.

    >>> attribute_text(["support", "orders"]), attribute_text(3)
    ('support, orders', '3')
    """
    if type(value) is str:
        return value
    return ", ".join(map(fields.plain_text, value)) if isinstance(value, list) else fields.plain_text(value)


def _with_declared(known: frozenset[str], options: ReadOptions) -> frozenset[str]:
    """The known names and those of the fields that were declared to hold an id."""
    if options.user_id is None and options.conversation_id is None:
        return known
    return _joined(known, options.user_id or "", options.conversation_id or "")


@cache
def _joined(known: frozenset[str], *paths: str) -> frozenset[str]:
    return known.union(paths, (path.rpartition(".")[2] for path in paths))
