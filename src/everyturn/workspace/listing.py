"""Lists the signals and formats, including those of installed packages."""

from __future__ import annotations

from typing import Literal

from everyturn.workspace.observing import signals
from everyturn.workspace.result import Result


def list_plugins(kind: Literal["signals", "formats"]) -> Result:
    """All signals, or all formats that can be read."""
    from everyturn.readers.recognise import readers

    rows = (
        [{"signal": s.name, "question": s.question, "unit": s.unit, "version": s.version} for s in signals().values()]
        if kind == "signals"
        else [{"format": name, "kind": r.kind, "description": r.description} for name, r in readers().items()]
    )
    return Result.of("list", **{kind: rows})
