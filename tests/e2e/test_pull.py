"""A pull that is killed, and the one after it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loopback import GOLDEN, Vendor, serving
from vendors import Datadog

pytestmark = pytest.mark.e2e

COMMAND = str(Path(sys.executable).parent / "everyturn")
(EXPORT,) = Datadog.files


def everyturn(*arguments, cwd, env):
    done = subprocess.run(
        [COMMAND, *arguments], cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_pull_that_is_killed_is_finished_by_the_next(tmp_path):
    vendor = Vendor()
    Datadog(vendor)
    with serving(vendor, delay=0.2) as vendor:
        env = {**os.environ, "NO_COLOR": "1", "DD_API_KEY": "a-key", "DD_APP_KEY": "b-key",
               "DD_LLMOBS_OVERRIDE_ORIGIN": vendor.url}  # fmt: skip
        pull = ["pull", "datadog", "--since", "2026-11-22"]
        with subprocess.Popen([COMMAND, *pull], cwd=tmp_path, env=env, stderr=subprocess.DEVNULL) as killed:
            deadline = time.monotonic() + 60
            while len(vendor.asked) < 5 and time.monotonic() < deadline:
                time.sleep(0.02)
            killed.kill()
        assert killed.returncode < 0, "it was to be killed in the middle"
        assert "4 conversations, 2 users, 0 rejected" in everyturn(*pull, cwd=tmp_path, env=env)
        pulled = everyturn("export", "conversations", "--to", "-", cwd=tmp_path, env=env)
        everyturn("--db", "files.db", "load", str(GOLDEN / EXPORT), cwd=tmp_path, env=env)
        loaded = everyturn("--db", "files.db", "export", "conversations", "--to", "-", cwd=tmp_path, env=env)
        assert pulled == loaded
        assert pulled.count("\n") == 4
