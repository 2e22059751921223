"""Real repositories: which lines a commit added, which of them the days left, and what was taken back."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from everyturn.errors import InputError
from everyturn.readers.git_history import read_git

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
TOTAL = [
    "def total(items, tax):",
    "    amount = sum(item.price * item.count for item in items)",
    "    if amount > 100:",
    "        amount = amount - amount * 0.05",
    "    return round(amount * (1 + tax), 2)",
]
OWN = [
    "def total(items, tax):",
    "    cents = 0",
    "    for each in items:",
    "        cents += each.cents * each.pieces",
    "    return Money(cents, rate=tax)",
]


class Repository:
    """A repository in a folder, and commits in it at chosen times by chosen people."""

    def __init__(self, folder):
        self.folder = folder
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments, at=START, author="ann@shop.example"):
        stamp = at.isoformat()
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": author, "GIT_AUTHOR_EMAIL": author, "GIT_COMMITTER_NAME": author,
            "GIT_COMMITTER_EMAIL": author, "GIT_AUTHOR_DATE": stamp, "GIT_COMMITTER_DATE": stamp,
        }  # fmt: skip
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, files, *, days=0.0, author="ann@shop.example", message="work"):
        for name, lines in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(line + "\n" for line in lines))
            self.git("add", "--", name)
        self.git("commit", "-q", "-m", message, at=START + timedelta(days=days), author=author)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path)


def actions(repository, **options):
    found, counts = [], None
    for batch in read_git(repository.folder, now=NOW, **options):
        assert batch.rejected == ()
        (counts,) = batch.files
        if "actions" in batch.tables:
            found += batch.tables["actions"].to_pylist()
    assert counts.records == counts.data + counts.rejected + sum(counts.skipped.values())
    return found


def test_a_commit_is_its_authors_and_holds_the_lines_it_added(repository):
    sha = repository.commit({"cart.py": ["import money", "", *TOTAL], "notes/new file.md": ["# Cart"]})
    (found,) = actions(repository)
    assert (found["kind"], found["user_id"], found["at"]) == ("committed", "ann@shop.example", START)
    assert found["artefact"].split("\n") == ["import money", "", *TOTAL, "# Cart"]
    assert sha in found["attributes"]


def test_lines_that_others_replace_within_the_days_are_gone(repository):
    first = repository.commit({"cart.py": ["import money", *TOTAL]})
    repository.commit({"cart.py": ["import money", *OWN]}, days=2, author="bob@shop.example")
    added, left, others = sorted(actions(repository), key=lambda action: (action["at"], action["before"] is None))
    assert added["artefact"].split("\n") == ["import money", *TOTAL]
    assert left["artefact"].split("\n") == ["import money", TOTAL[0]]
    assert (left["user_id"], left["at"]) == ("ann@shop.example", START + timedelta(days=2))
    assert left["before"] == added["artefact"]
    assert first in left["attributes"]
    assert others["user_id"] == "bob@shop.example"
    assert others["artefact"].split("\n") == OWN[1:]


def test_what_is_replaced_after_the_days_still_stood(repository):
    repository.commit({"cart.py": TOTAL})
    repository.commit({"cart.py": OWN}, days=8)
    assert [action["before"] for action in actions(repository)] == [None, None]
    assert len(actions(repository, days=9)) == 3


def test_a_new_indentation_and_a_move_within_the_file_leave_lines_their_authors(repository):
    repository.commit({"cart.py": [*TOTAL, "", "def main():", "    print(total([], 0.2))  # nothing to pay"]})
    moved = [
        "def main():",
        "    print(total([], 0.2))  # nothing to pay",
        "",
        "class Cart:",
        *("    " + line for line in TOTAL),
    ]
    repository.commit({"cart.py": moved}, days=1, author="bob@shop.example")
    (left,) = [action for action in actions(repository) if action["before"]]
    assert {line.strip() for line in TOTAL} <= {line.strip() for line in left["artefact"].split("\n")}


def test_lines_of_a_file_that_is_deleted_are_gone(repository):
    repository.commit({"cart.py": TOTAL, "README": ["Cart"]})
    repository.git("rm", "-q", "cart.py")
    repository.git("commit", "-q", "-m", "gone", at=START + timedelta(days=3))
    (left,) = [action for action in actions(repository) if action["before"]]
    assert left["artefact"] == "Cart"


def test_a_commit_taken_back_is_reverted(repository):
    repository.commit({"cart.py": ["import money"]})
    sha = repository.commit({"cart.py": ["import money", *TOTAL]}, days=1)
    repository.git("revert", "--no-edit", sha, at=START + timedelta(days=2), author="bob@shop.example")
    (reverted,) = [action for action in actions(repository) if action["kind"] == "reverted"]
    assert (reverted["user_id"], reverted["at"]) == ("ann@shop.example", START + timedelta(days=2))
    assert reverted["artefact"].split("\n") == TOTAL
    (left,) = [
        action
        for action in actions(repository)
        if action["before"] and action["user_id"] == "ann@shop.example" and sha in action["attributes"]
    ]
    assert left["artefact"] == ""


def test_a_trailer_names_the_conversation_and_mailmap_the_person(repository):
    message = "Add total\n\nWith the agent.\n\nConversation-Id: c-17"
    repository.commit(
        {"cart.py": TOTAL, ".mailmap": ["Ann <ann@shop.example> <ann@home.example>"]},
        author="ann@home.example",
        message=message,
    )
    (found,) = actions(repository)
    assert (found["conversation_id"], found["user_id"]) == ("c-17", "ann@shop.example")


def test_work_on_a_branch_counts_from_the_merge_that_brought_it(repository):
    repository.commit({"README": ["Cart"]})
    repository.git("checkout", "-q", "-b", "topic")
    repository.commit({"cart.py": TOTAL}, days=1)
    repository.git("checkout", "-q", "main")
    repository.git("merge", "-q", "--no-ff", "-m", "merge", "topic", at=START + timedelta(days=2))
    repository.commit({"cart.py": OWN}, days=3, author="bob@shop.example")
    found = actions(repository)
    assert [action["kind"] for action in found] == ["committed"] * 4
    (left,) = [action for action in found if action["before"]]
    assert left["artefact"] == TOTAL[0]


def test_only_commits_since_a_day_are_read(repository):
    repository.commit({"a.py": TOTAL})
    repository.commit({"b.py": OWN}, days=20)
    assert len(actions(repository, since=START + timedelta(days=10))) == 1


def test_odd_names_bytes_and_binary_files_are_survived(repository):
    (repository.folder / "b.bin").write_bytes(bytes(range(256)) * 50)
    (repository.folder / "latin.txt").write_bytes("Grüße aus Köln\n".encode("latin-1"))
    repository.git("add", ".")
    repository.commit(
        {'q"uo\tte é.py': ["x = 1  # \u202e\U0001f600", "@@ -1 +1 @@", "+++ b/other"]}, message="odd\x02 \x01 body"
    )
    (found,) = actions(repository)
    assert "@@ -1 +1 @@" in found["artefact"]
    assert "\U0001f600" in found["artefact"]


def test_reading_again_gives_the_same_ids(repository):
    repository.commit({"cart.py": TOTAL})
    repository.commit({"cart.py": OWN}, days=1)
    ids = [action["action_id"] for action in actions(repository)]
    assert ids == [action["action_id"] for action in actions(repository)]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", ["missing", "plain"])
def test_a_folder_without_a_repository_is_an_error_with_four_parts(tmp_path, name):
    (tmp_path / "plain").mkdir()
    with pytest.raises(InputError) as caught:
        list(read_git(tmp_path / name, now=NOW))
    assert caught.value.expected == "a git repository"
    assert caught.value.where
    assert caught.value.try_
