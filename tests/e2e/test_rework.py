"""Shadow rework in code, from the command line: what a repository's later commits left of what the agent wrote."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def everyturn(*arguments, cwd):
    command = [str(Path(sys.executable).parent / "everyturn"), *map(str, arguments), "--json"]
    environment = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout), done.returncode


def git(folder, *arguments, at=START, author="ann@shop.example"):
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": author,
        "GIT_AUTHOR_EMAIL": author, "GIT_COMMITTER_NAME": author, "GIT_COMMITTER_EMAIL": author,
        "GIT_AUTHOR_DATE": at.isoformat(), "GIT_COMMITTER_DATE": at.isoformat(),
    }  # fmt: skip
    subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True, capture_output=True)


def function(user, number, word):
    return (
        f"def {word}_{user}_{number}(items, tax):\n    amount = sum(item.price_{user} * item.count_{number} for item in items)\n"
        f"    if amount > {user + 3}{number}:\n        amount = amount - amount * 0.0{user + 1}\n    return round(amount * (1 + tax), {number})\n"
    )


@pytest.fixture
def team(tmp_path):
    """Twelve people who each take two functions from the agent; a colleague rewrites the second one of every third of them."""
    shop = tmp_path / "shop"
    shop.mkdir()
    git(shop, "init", "-q", "-b", "main")
    conversations, commits = [], []
    for user in range(12):
        for number in range(2):
            at = START + timedelta(days=number, minutes=user)
            said = [
                ("user", "write it"),
                ("assistant", f"Here it is:\n\n```python\n{function(user, number, 'total')}```"),
                ("user", "great, thanks!"),
            ]
            messages = [
                {"role": role, "content": text, "at": (at + timedelta(seconds=i)).isoformat()}
                for i, (role, text) in enumerate(said)
            ]
            conversations.append(
                {"conversation_id": f"c{user}-{number}", "user_id": f"p{user}@shop.example", "messages": messages}
            )
            commits.append(
                (
                    at + timedelta(hours=1),
                    f"p{user}@shop.example",
                    f"p{user}_{number}.py",
                    f"import shop\n\n\n{function(user, number, 'total')}",
                )
            )
            if number and user % 3 == 0:
                own = "\n".join(f"    step_{i} = shop.rate({user}, {i})" for i in range(6))
                commits.append(
                    (
                        at + timedelta(days=2),
                        "bob@shop.example",
                        f"p{user}_{number}.py",
                        f"import shop\n\n\ndef rates():\n{own}\n",
                    )
                )
    for at, author, name, text in sorted(commits):
        (shop / name).write_text(text)
        git(shop, "add", name)
        git(shop, "commit", "-q", "-m", "work", at=at, author=author)
    (tmp_path / "chat.jsonl").write_text("".join(json.dumps(line) + "\n" for line in conversations))
    # The last thing known is weeks later, so that every week is over.
    late = {
        "conversation_id": "late",
        "user_id": "p0@shop.example",
        "messages": [{"role": "user", "content": "hello", "at": "2026-04-20T09:00:00Z"}],
    }
    (tmp_path / "late.jsonl").write_text(json.dumps(late) + "\n")
    return tmp_path


def test_code_that_colleagues_replaced_is_reworked_code(team):
    assert everyturn("load", "chat.jsonl", "late.jsonl", cwd=team)[1] == 0
    loaded, status = everyturn("load", "--as", "actions", "--git", "shop", cwd=team)
    assert status == 0
    assert (loaded["records"], loaded["data_records"], loaded["rejected"]) == (28, 28, [])
    measured, _ = everyturn("measure", "rework", cwd=team)
    (row,) = measured["rows"]
    assert (row["n"], row["users"]) == (24, 12)
    assert row["value"] == pytest.approx(4 / 24, abs=1e-5)
    shown, _ = everyturn("show", "conversation", "c3-1", cwd=team)
    outcome = shown["conversation"]["outcomes"][0]
    assert (outcome["outcome"], outcome["rework"]) == ("accepted", 1.0)
    again, _ = everyturn("load", "--as", "actions", "--git", "shop", cwd=team)
    assert again["records"] == 28
    assert everyturn("measure", "rework", cwd=team)[0]["rows"] == measured["rows"]


def test_a_repository_needs_as_actions_and_a_folder_that_is_one(team):
    for arguments, expected in (
        (["--git", "shop"], "--as actions"),
        (["--as", "actions", "--git", "nowhere"], "a git repository"),
    ):
        told, status = everyturn("load", *arguments, cwd=team)
        assert status == 2
        assert told["error"]["expected"] == expected
