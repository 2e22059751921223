"""What the data types share: the type of JSON values, content hashes, and immutable classes that are quick to instantiate."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, dataclass_transform

Json: TypeAlias = Any  # a decoded JSON value: str, int, float, bool, None, list or dict of the same
Attributes: TypeAlias = Mapping[str, str]


def digest(*parts: str | None) -> str:
    """A hash of the parts as 32 hex digits, the same on every machine; None and "" give different hashes.

    >>> digest("a", None) == digest("a", None), digest("a", None) == digest("a", "")
    (True, False)
    """
    h = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = b"" if part is None else part.encode("utf-8", "surrogatepass")
        h.update(b"\x00" if part is None else b"\x01%d:" % len(data))
        h.update(data)
    return h.hexdigest()


T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def frozen(cls: type[T]) -> type[T]:
    """A dataclass decorator for types with millions of instances: immutable to the type checker only.

    A dataclass that is also frozen at run time takes four times as long to instantiate.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
