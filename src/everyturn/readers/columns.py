"""Converts the rows of a batch to Arrow: most kinds row by row, messages by column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from everyturn.model import MessageRecords, Role
from everyturn.model.schemas import MESSAGE_SCHEMA
from everyturn.readers.json_values import storable

# A row's values in the order of the table's schema; of messages, a record's with its attributes as JSON text.
Row: TypeAlias = Any

_COMMON = ("conversation_id", "user_id", "position", "record", "where")
_FEW = ("message_id", "at", "tool_calls", "tool_call_id", "name", "attributes")


class Rows:
    """Rows of one kind, each with where it came from."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._rows: list[Row] = []
        self._wheres: list[str] = []

    def add(self, row: Row, where: str) -> int:
        """Adds one row; returns the number of rows added."""
        self._rows.append(row)
        self._wheres.append(where)
        return 1

    def table(self) -> pa.Table:
        """All rows as one table."""
        if not self._rows:
            return self._schema.empty_table()
        columns = zip(*self._rows, strict=True)
        arrays = [pa.array(column, field.type) for field, column in zip(self._schema, columns, strict=True)]
        return pa.Table.from_arrays(arrays, schema=self._schema)

    def one_by_one(self) -> Iterator[tuple[Row, str]]:
        """Each row, with lone surrogates replaced, and where it came from."""
        for row, where in zip(self._rows, self._wheres, strict=True):
            yield tuple(storable(v) for v in row), where


class MessageRows:
    """Rows of messages with their places. Values that all messages of a record share are stored once, rare ones by row number."""

    def __init__(self) -> None:
        self._lengths: list[int] = []  # how many each record has
        self._common: list[tuple[Any, ...]] = []  # of each record, in the order of _COMMON
        self._roles: list[Role] = []
        self._contents: list[str | None] = []
        self._few: dict[str, tuple[list[int], list[Any]]] = {name: ([], []) for name in _FEW}  # numbers and values

    def add(self, row: Row, where: str) -> int:
        """Adds the rows of one record; returns their number."""
        record, attributes = row
        length, start = len(record.roles), len(self._roles)
        self._lengths.append(length)
        self._common.append((record.conversation_id, record.user_id, record.position, record.record, where))
        self._roles += record.roles
        self._contents += record.contents
        for name, own in record.few.items():
            numbers, values = self._few[name]
            numbers += [start + i for i in own]
            values += own.values()
        if length and attributes != "{}":
            numbers, values = self._few["attributes"]
            numbers.append(start)
            values.append(attributes)
        return length

    def table(self) -> pa.Table:
        """All messages as one table."""
        if not self._roles:
            return MESSAGE_SCHEMA.empty_table()
        lengths = np.array(self._lengths)
        of_record = pa.array(np.repeat(np.arange(len(lengths)), lengths))
        common = dict(zip(_COMMON, zip(*self._common, strict=True), strict=True))
        arrays = []
        for name, kind in zip(MESSAGE_SCHEMA.names, MESSAGE_SCHEMA.types, strict=True):
            if name in common:
                arrays.append(pa.array(common[name], kind).take(of_record))
            else:
                arrays.append(pa.array(self._column(name), kind))
        within = np.arange(len(self._roles)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        position = MESSAGE_SCHEMA.get_field_index("position")
        arrays[position] = pc.add(arrays[position], pa.array(within, pa.int32()))
        return pa.Table.from_arrays(arrays, schema=MESSAGE_SCHEMA)

    def _column(self, name: str) -> list[Any]:
        if name == "role":
            return self._roles
        if name == "content":
            return self._contents
        column: list[Any] = ["{}" if name == "attributes" else None] * len(self._roles)
        for number, value in zip(*self._few[name], strict=True):
            column[number] = value
        return column

    def one_by_one(self) -> Iterator[tuple[Row, str]]:
        """Each message alone, with lone surrogates replaced, and where it came from."""
        columns = {name: self._column(name) for name in _FEW}
        number = 0
        for (conversation_id, user_id, first, record, where), length in zip(self._common, self._lengths, strict=True):
            for i in range(length):
                own = {name: storable(column[number]) for name, column in columns.items()}
                attributes = own.pop("attributes")
                few = {name: {0: value} for name, value in own.items() if value is not None}
                alone = MessageRecords(storable(conversation_id), storable(user_id), record=record, few=few)
                alone.position = None if first is None else first + i
                alone.roles.append(self._roles[number])
                alone.contents.append(storable(self._contents[number]))
                yield (alone, attributes), where
                number += 1
