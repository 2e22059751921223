"""Eval cases out, in the form each platform imports.

A platform is one file that ends in `CASES = CaseFormat(…)`. It writes the same cases in its own form and, where the platform
has a server, uploads them with the platform's official client; the client is imported there and nowhere else, and finds its
credentials in the vendor's own environment variables. Every written file is read back by `load --as evals`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from everyturn import registry
from everyturn.errors import InputError, MissingPackage, UnknownName
from everyturn.model import Message
from everyturn.outputs.places import appearing, make_folder


@dataclass(frozen=True, slots=True)
class NewCase:
    """One proposed eval case.

    `messages` is what the agent saw, the user's question last; `expected` the answer as the user corrected it, None where
    there is none; `rubric` one sentence on what a good answer must do and what went wrong; `metadata` flat texts.
    """

    case_id: str
    messages: tuple[Message, ...]
    expected: str | None
    rubric: str
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def question(self) -> str:
        """What the user asked: the last message."""
        return self.messages[-1].content or ""


@dataclass(frozen=True, slots=True)
class CaseFormat:
    """One platform's form.

    `files` gives the content of every file to write for a target named by the user. `upload` sends the cases to a dataset of
    that name and gives how many the server took; None where the platform reads files alone.
    """

    name: str
    description: str
    files: Callable[[Sequence[NewCase], str, Path], Mapping[Path, bytes]]
    upload: Callable[[Sequence[NewCase], str], int] | None = None


def formats() -> dict[str, CaseFormat]:
    """The platforms by name.

    >>> list(formats())
    ['braintrust', 'jsonl', 'langfuse', 'langsmith', 'openai-evals', 'ragas']
    """
    found: dict[str, CaseFormat] = registry.find("outputs.cases", "CASES")
    return dict(sorted(found.items()))


def named(name: str) -> CaseFormat:
    """The platform of that name; `UnknownName` for one there is not."""
    known = formats()
    if name not in known:
        raise UnknownName.among("form of eval cases", name, known, example="--to {}")
    return known[name]


def write_cases(cases: Sequence[NewCase], target: str | Path, *, to: str) -> list[Path]:
    """Writes the cases in a platform's form and gives the files made; each appears whole or not at all.

    The suite is named after the file. Errors: `UnknownName` for a platform that is none, `InputError` for a place where nothing
    can be written.
    """
    path = Path(target)
    files = named(to).files(cases, suite_name(path), path)
    for place, content in files.items():
        make_folder(place.parent)
        with appearing(place) as file:
            file.write(content)
    return list(files)


def upload_cases(cases: Sequence[NewCase], dataset: str, *, to: str) -> int:
    """Sends the cases to a dataset of that platform and gives how many it took. Sending them again adds none."""
    platform = named(to)
    if platform.upload is None:
        able = ", ".join(name for name, f in formats().items() if f.upload is not None)
        raise InputError(
            f"{to} reads its cases from files and has no server to upload to",
            where="--upload",
            expected=f"one of {able}",
            try_=f"--write FILE --to {to}",
        )
    return platform.upload(cases, dataset)


def suite_name(path: Path) -> str:
    """A suite's name from its file's.

    >>> suite_name(Path("evals/refund gaps.jsonl"))
    'refund-gaps'
    """
    stem = path.name.split(".")[0] or "cases"
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in stem)


# --- what the platforms' files share ------------------------------------------------------------------------------


def json_lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """The rows as JSON Lines, keys in the order given."""
    return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z) for row in rows)


def chat_messages(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """The messages as OpenAI's chat form, which all platforms but Ragas take: arguments as JSON text, no times."""
    found = []
    for message in messages:
        form: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.tool_calls:
            form["tool_calls"] = [
                {
                    "id": call.id or f"call-{i}",
                    "type": "function",
                    "function": {
                        "name": call.name,
                        "arguments": call.arguments
                        if isinstance(call.arguments, str)
                        else orjson.dumps(call.arguments or {}).decode(),
                    },
                }
                for i, call in enumerate(message.tool_calls)
            ]
        if message.role == "tool":
            form["tool_call_id"] = message.tool_call_id or "call-0"
        found.append(form)
    return found


def without_missing(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row without its fields that have no value."""
    return {name: value for name, value in row.items() if value is not None and value != {}}


def credentials(platform: str, *names: str) -> None:
    """Raises InputError unless the vendor's environment variables are set; only the vendor's own client reads them."""
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        raise InputError(
            f"no credentials for {platform}",
            where="the environment",
            expected=", ".join(names),
            try_=" ".join(f"{name}=…" for name in missing),
        )


def missing_client(package: str) -> MissingPackage:
    """The error for a vendor's client that is not installed."""
    return MissingPackage(
        f"uploading needs the package {package}",
        where="this Python environment",
        expected="its official client",
        try_=f"pip install 'everyturn[{package}]'",
    )
