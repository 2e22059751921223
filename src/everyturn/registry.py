"""Finds plug-ins: the modules of a package that assign a constant such as `READER`, and the entry points of installed packages."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points
from typing import Any


@cache
def find(folder: str, constant: str) -> dict[str, Any]:
    """The plug-ins of one kind by name: first those of the sub-package, in alphabetical order, then those of installed packages.

    `folder` is a sub-package such as "readers"; `constant` is the name its modules assign, such as "READER". Installed packages add
    theirs through the entry-point group `everyturn.<folder>`. Raises ValueError if two plug-ins have the same name.

    >>> "acceptance" in find("signals", "SIGNAL")
    True
    """
    package = importlib.import_module(f"everyturn.{folder}")
    found: dict[str, Any] = {}
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda i: i.name):
        plugin = getattr(importlib.import_module(f"{package.__name__}.{info.name}"), constant, None)
        if plugin is not None:
            found[plugin.name] = plugin
    for point in entry_points(group=f"everyturn.{folder}"):
        plugin = point.load()
        if plugin.name in found:
            raise ValueError(f"two {folder} are named {plugin.name!r}; {point.value} is the second")
        found[plugin.name] = plugin
    return found
