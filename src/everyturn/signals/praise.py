"""How often did the user praise or thank?

Thanks clear a turn, never a task: of failed agent runs nearly half end in thanks.
"""

from __future__ import annotations

from everyturn.signals.rates import reply_signal

SIGNAL = reply_signal("praise", "How often did the user praise or thank?", ("praise", "thanks"), is_good=True)
