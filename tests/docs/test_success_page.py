"""The success rules that the page shows are read as it says."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from everyturn.config import Success, read_config

PAGE = (Path(__file__).parents[2] / "docs" / "success.md").read_text()


def test_the_rules_on_the_page_are_read(tmp_path):
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "everyturn.toml"
    path.write_text(block)
    assert read_config(path).successes == (
        Success("refund request", action="refund_issued", within=timedelta(days=1)),
        Success("order status", tool="find_order", result="shipped"),
    )
