"""A seeded simulator: a support agent whose evals pass while its users turn away, written as ordinary files.

The files go through the same readers as a user's own. Nothing outside this folder knows what was planted.
"""

from __future__ import annotations

from everyturn.demo.world import World, write_chat, write_world

__all__ = ["World", "write_chat", "write_world"]
