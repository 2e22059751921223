"""The files a company would have: chat logs, events and a help-desk export, written as they come."""

from __future__ import annotations

import csv
import gzip
import heapq
import io
import random
from datetime import UTC, datetime
from json.encoder import encode_basestring as quoted
from pathlib import Path
from typing import BinaryIO

from everyturn.demo.talk import Done, Talk

SYSTEM = (
    "You are the assistant of Tidewater Commerce, a platform for small shops. Help shop owners and their staff with orders, "
    "products, texts and their account. Be brief and friendly, use the tools, and stay with what they return."
)
_GZIP_LEVEL = 3  # packing is the slowest step; the usual 9 takes three times as long for a sixth less


def stamp(at: float) -> str:
    """The moment as ISO 8601 text in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Packed(gzip.GzipFile):
    """A gzip file that also closes the file it writes to. Its header has no name and no time, so the same world gives the same bytes."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        super().__init__(filename="", mode="wb", compresslevel=_GZIP_LEVEL, fileobj=raw, mtime=0)

    def close(self) -> None:
        """Writes what is left and closes both."""
        super().close()
        self._raw.close()


def opened(path: Path) -> _Packed | BinaryIO:
    """A new text file open for writing, gzipped if its name ends in .gz; missing folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = path.open("wb", buffering=1 << 20)
    return _Packed(raw) if path.suffix == ".gz" else raw


# --- chat logs: JSON lines in the OpenAI messages form --------------------------------------------------------


class ChatFile:
    """One conversation a line, as the mobile app keeps them; gzip where the path ends in .gz."""

    def __init__(self, path: Path) -> None:
        self._file = opened(path)

    def write(self, talk: Talk, *, version: str) -> None:
        """One line."""
        person = talk.person
        messages = [f'{{"role":"system","content":{quoted(SYSTEM)}}}']
        for exchange in talk.exchanges:
            messages.append(f'{{"role":"user","content":{quoted(exchange.user)}}}')
            if exchange.tools:
                asked = ",".join(
                    f'{{"id":"{tool.call_id}","type":"function","function":'
                    f'{{"name":"{tool.name}","arguments":{quoted(tool.arguments)}}}}}'
                    for tool in exchange.tools
                )
                messages.append(f'{{"role":"assistant","content":null,"tool_calls":[{asked}]}}')
                messages.extend(
                    f'{{"role":"tool","tool_call_id":"{tool.call_id}","content":{quoted(tool.result)}}}'
                    for tool in exchange.tools
                )
            messages.append(f'{{"role":"assistant","content":{quoted(exchange.agent)}}}')
        self._file.write(
            (
                f'{{"conversation_id":"{talk.conversation_id}","user_id":"{person.user_id}",'
                f'"created_at":"{stamp(talk.started)}","metadata":{{"cohort":"{person.cohort}","plan":"{person.plan}",'
                f'"channel":"mobile","agent_version":"{version}","locale":"{person.locale}"}},'
                f'"messages":[{",".join(messages)}]}}\n'
            ).encode()
        )

    def close(self) -> None:
        """Writes what is left."""
        self._file.close()


# --- actions: CloudEvents, and tickets as CSV -----------------------------------------------------------------


class _InOrder:
    """A file whose lines are written in order of time, though they are handed over slightly out of order."""

    def __init__(self, path: Path) -> None:
        self._file = opened(path)
        self._waiting: list[tuple[float, int, str]] = []
        self._count = 0

    def _keep(self, at: float, line: str) -> None:
        self._count += 1
        heapq.heappush(self._waiting, (at, self._count, line))

    def flush(self, until: float) -> None:
        """Writes what happened before that moment; nothing earlier may be added after this."""
        ready = []
        while self._waiting and self._waiting[0][0] < until:
            ready.append(heapq.heappop(self._waiting)[2])
        if ready:
            self._file.write("".join(ready).encode())

    def close(self) -> None:
        """Writes what is left."""
        self.flush(float("inf"))
        self._file.close()


class EventFile(_InOrder):
    """What users did in the product, as CloudEvents, one a line."""

    def __init__(self, path: Path, *, rng: random.Random) -> None:
        super().__init__(path)
        self._bits = rng.getrandbits

    def add(self, talk: Talk, done: Done) -> None:
        """Takes one action."""
        data = [f'"user_id":"{talk.person.user_id}"']
        if done.linked:
            data.append(f'"conversation_id":"{talk.conversation_id}"')
        if done.turn is not None:
            data.append(f'"turn":{done.turn}')
        for name in ("before", "artefact", "subject", "description"):
            value = getattr(done, name)
            if value is not None:
                data.append(f'"{name}":{quoted(value)}')
        tool = "shop-editor" if done.artefact is not None else "assistant-widget"
        line = (
            f'{{"specversion":"1.0","id":"{self._bits(64):016x}","source":"/tidewater/{tool}",'
            f'"type":"com.tidewater.assistant.{done.kind}","time":"{stamp(done.at)}",'
            f'"datacontenttype":"application/json","data":{{{",".join(data)}}}}}\n'
        )
        self._keep(done.at, line)


class TicketFile(_InOrder):
    """The human queue as the help desk exports it: CSV, one ticket a row."""

    COLUMNS = ("action_id", "at", "user_id", "kind", "conversation_id", "subject", "description")

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file.write((",".join(self.COLUMNS) + "\n").encode())
        self._number = 41_200

    def add(self, talk: Talk, done: Done) -> None:
        """Takes one ticket."""
        self._number += 1
        known = talk.conversation_id if done.linked else ""
        row = io.StringIO()
        csv.writer(row, lineterminator="\n").writerow(
            (
                f"ticket-{self._number}",
                stamp(done.at),
                talk.person.user_id,
                done.kind,
                known,
                done.subject,
                done.description,
            )
        )
        self._keep(done.at, row.getvalue())
