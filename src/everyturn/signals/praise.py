"""How often did the user praise or thank?

Thanks say something about a turn, but nothing about the task: nearly half of failed agent runs end in thanks.
"""

from __future__ import annotations

from everyturn.signals.rates import reply_signal

SIGNAL = reply_signal("praise", "How often did the user praise or thank?", ("praise", "thanks"), is_good=True)
