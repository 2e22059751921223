"""Everyturn: did the people who use your AI agent get what they came for?

>>> import everyturn
>>> with everyturn.open(":memory:") as ws:
...     ws.measure("acceptance")["rows"]
[{'group': {}, 'not_enough': {'users': 0, 'needed': 10}, 'smallest_change': None}]

Every verb is a method of the workspace; it returns the object that the command prints with `--json`. This module imports quickly,
because the libraries a verb needs are imported when it is first called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everyturn.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from everyturn.model import Conversation, Message, Observation, ToolCall, Turn
    from everyturn.signals import Signal
    from everyturn.stats import Estimate, NotEnough, Summary
    from everyturn.workspace import Result, Workspace

_HOMES = {
    "Conversation": "model",
    "Message": "model",
    "Observation": "model",
    "ToolCall": "model",
    "Turn": "model",
    "Signal": "signals",
    "Estimate": "stats",
    "NotEnough": "stats",
    "Summary": "stats",
    "Result": "workspace",
    "Workspace": "workspace",
}

__all__ = [
    "Conversation",
    "Estimate",
    "Message",
    "NotEnough",
    "Observation",
    "Result",
    "Signal",
    "Summary",
    "ToolCall",
    "Turn",
    "Workspace",
    "__version__",
    "open",
]


def open(path: str | Path = "everyturn.db") -> Workspace:  # noqa: A001 - everyturn.open reads as what it does
    """The workspace in the file `path`, which is created if it does not exist; ":memory:" stores nothing on disk.

    Only one process at a time can have a workspace open. Raises `WorkspaceError` if the file is not a workspace, was written by another
    version, or is open elsewhere.
    """
    from everyturn.workspace import Workspace

    return Workspace(path)


def __getattr__(name: str) -> Any:
    """A public name, imported from its module when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'everyturn' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"everyturn.{_HOMES[name]}"), name)
