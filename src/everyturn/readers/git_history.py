"""A git repository's history -> actions: what each commit added, how much of it the next days left, and what was taken back.

The history is asked of the git command itself. Each commit that adds lines becomes one action of its author (as `.mailmap` has it),
`committed`, with the lines it added. Where a commit within `days` days touched the same files, `git blame` says which of the lines
still stand at the end of those days, whoever changed the others, and a second action tells them. A commit named by "This reverts
commit …" is `reverted`. A trailer `Conversation-Id: c1` names the conversation; without one, lines are traced to the output
they came from.

Merges add nothing of their own. Commits that are not on the way of HEAD's first parents by the end of the days are not asked again.
"""

from __future__ import annotations

import os
import re
import subprocess
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from everyturn.errors import InputError, MissingPackage
from everyturn.model import Action, Rejected, digest
from everyturn.readers import BadRecord
from everyturn.readers.batches import Batch, BatchBuilder, RunningCount
from everyturn.readers.fields import AHEAD
from everyturn.readers.tables import row_of

_LARGEST = 2_000_000  # characters a commit adds; more is a generated or vendored tree, whose lines nobody wrote
_FORMAT = "%x01%H%x02%aE%x02%at%x02%(trailers:key=Conversation-Id,valueonly,separator=%x2C)%x02%B%x03"
_REVERTS = re.compile(r"^This reverts commit ([0-9a-f]{40})", re.MULTILINE)
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)")
_SIGNS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}
# Nothing a repository configures may run, and nothing is written into it.
_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "-c", "log.showSignature=false")


@dataclass(slots=True)
class Commit:
    """One commit: its id, author, time, the conversation it names, the commits it takes back, and the lines it adds by file."""

    sha: str
    author: str
    at: datetime
    conversation_id: str | None
    reverts: tuple[str, ...]
    added: dict[str, list[str]] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    _path: str | None = None
    _to_come: int = 0  # lines of the hunk

    @property
    def is_in_hunk(self) -> bool:
        """Whether the next line of its diff is one of a file's."""
        return self._to_come > 0

    def read(self, line: str) -> None:
        """Takes the next line of its diff."""
        if self._to_come:
            if line.startswith("\\"):  # "No newline at end of file"
                return
            self._to_come -= 1
            if line.startswith("+") and self._path is not None:
                self.added.setdefault(self._path, []).append(line[1:].rstrip("\r"))
        elif line.startswith(("+++ ", "--- ")):
            self._path = None if line[4:] == "/dev/null" else _unquoted(line[4:])[2:]
            self.touched.update({self._path} if self._path else ())
        elif match := _HUNK.match(line):
            self._to_come = sum(int(count) if count else 1 for count in match.groups())

    @property
    def text(self) -> str:
        """All the lines it adds."""
        return "\n".join(line for lines in self.added.values() for line in lines)


def read_git(folder: str | Path, *, days: int = 7, now: datetime, since: datetime | None = None) -> Iterator[Batch]:
    """The actions in a repository's history up to HEAD, in batches; `since` leaves out older commits.

    Errors: `InputError` where the folder is no git repository or has no commit, `MissingPackage` without git.
    """
    repository = _Repository(Path(folder))
    commits = list(repository.commits(since))
    known = {commit.sha: commit for commit in commits}
    later = _Later(repository, commits, timedelta(days=days))
    count = RunningCount(str(folder), total=len(commits), format="git")
    building = BatchBuilder()
    building.note(count)
    for commit in commits:
        text = commit.text
        actions = list(_taken_back(commit, known))
        reason = _no_data(text)
        if reason is None:
            actions = [_committed(commit, text), *_left(commit, text, later), *actions]
        where = f"{folder}, commit {commit.sha[:12]}"
        count.records += 1
        count.bytes_read += 1
        try:
            rows = [row_of(action, where, now + AHEAD) for action in actions]
        except BadRecord as bad:
            rows = []
            building.reject(Rejected(where, bad.expected, bad.found))
            count.rejected += reason is None
        else:
            count.data += reason is None
        if reason is not None:
            count.skipped[reason] += 1
        building.add(rows, where)
        building.size += sum(len(part) for _, row in rows for part in row if isinstance(part, str))
        if building.is_full and (batch := building.take()):
            yield batch
            building.note(count)
    if batch := building.take():
        yield batch


def _no_data(text: str) -> str | None:
    """Why what a commit adds is nothing to trace, None where it is something."""
    if not text.strip():
        return "a commit that adds no lines"
    if len(text) > _LARGEST:
        return f"a commit of more than {_LARGEST // 1_000_000} million characters"
    return None


def _committed(commit: Commit, text: str) -> Action:
    return Action(digest("git", commit.sha), commit.at, commit.author, "committed", commit.conversation_id, artefact=text,
                  attributes={"commit": commit.sha})  # fmt: skip


def _left(commit: Commit, text: str, later: _Later) -> Iterator[Action]:
    """What is left of a commit's lines after the days, if a later commit touched them."""
    found = later.left(commit)
    if found is not None:
        at, by, lines = found
        attributes = {"commit": commit.sha, "changed_by": by}
        yield Action(digest("git", commit.sha, "left"), at, commit.author, "committed", commit.conversation_id,
                     artefact="\n".join(lines), before=text, attributes=attributes)  # fmt: skip


def _taken_back(commit: Commit, known: dict[str, Commit]) -> Iterator[Action]:
    for sha in commit.reverts:
        reverted = known.get(sha)
        if reverted is not None:
            attributes = {"commit": sha, "changed_by": commit.sha}
            yield Action(digest("git", sha, "reverted"), commit.at, reverted.author, "reverted", reverted.conversation_id,
                         artefact=reverted.text, attributes=attributes)  # fmt: skip


class _Later:
    """What the days after a commit left of its lines."""

    def __init__(self, repository: _Repository, commits: list[Commit], span: timedelta) -> None:
        self._repository = repository
        self._span = span
        self._touching: defaultdict[str, list[Commit]] = defaultdict(list)
        for commit in sorted(commits, key=lambda commit: (commit.at, commit.sha)):
            for path in commit.touched:
                self._touching[path].append(commit)
        self._line = repository.first_parents()

    def left(self, commit: Commit) -> tuple[datetime, str, list[str]] | None:
        """When and by which commit they were last touched within the days, and the lines that still stand at their end.

        None where nothing touched those files, or where the commit has not come to HEAD's line by then.
        """
        end = commit.at + self._span
        after = [
            other
            for path in commit.added
            for other in self._touching[path]
            if other.sha != commit.sha and commit.at <= other.at <= end
        ]
        times, ids = self._line
        place = bisect_right(times, end) - 1
        if not after or place < 0 or not self._repository.holds(ids[place], commit.sha):
            return None
        last = max(after, key=lambda other: (other.at, other.sha))
        lines = [line for path in commit.added for line in self._repository.blamed(ids[place], path, commit.sha)]
        if lines == [line for path in commit.added for line in commit.added[path]]:
            return None  # touched beside them
        return last.at, last.sha, lines


class _Repository:
    """The git command, asked about one repository."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        if not folder.is_dir():
            raise InputError("no such folder", where=str(folder), expected="a git repository",
                             try_="everyturn load --as actions --git PATH")  # fmt: skip
        if self._ask("rev-parse", "--verify", "--quiet", "HEAD", may_fail=True) is None:
            raise InputError("this folder is not a git repository with a commit", where=str(folder), expected="a git repository",
                             try_="everyturn load --as actions --git PATH")  # fmt: skip

    def commits(self, since: datetime | None) -> Iterator[Commit]:
        """The commits HEAD is made of, the oldest first."""
        limit = [f"--since={since.astimezone(UTC).isoformat()}"] if since else []
        command = ("log", "--reverse", "--topo-order", f"--format={_FORMAT}", "-p", "-U0", "-M", "--no-color", "--no-ext-diff",
                   "--no-textconv", "--no-notes", *limit, "HEAD", "--")  # fmt: skip
        with self._output(*command) as out:
            yield from _parsed(out)

    def first_parents(self) -> tuple[list[datetime], list[str]]:
        """The states HEAD went through: when, and which commit. A clock set back does not undo what stood before it."""
        lines = (self._ask("log", "--first-parent", "--reverse", "--format=%ct %H", "HEAD", "--") or "").split("\n")
        times: list[datetime] = []
        ids: list[str] = []
        for line in filter(None, lines):
            seconds, sha = line.split()
            at = datetime.fromtimestamp(int(seconds), UTC)
            times.append(max(times[-1], at) if times else at)
            ids.append(sha)
        return times, ids

    def holds(self, state: str, sha: str) -> bool:
        """Whether a state of the repository has a commit in it."""
        return self._ask("merge-base", "--is-ancestor", sha, state, may_fail=True) is not None

    def blamed(self, state: str, path: str, sha: str) -> list[str]:
        """The lines of a file, as it stood then, that are that commit's own; layout and moves within the file aside."""
        told = self._ask("blame", "-w", "-M", "--line-porcelain", state, "--", path, may_fail=True) or ""
        found: list[str] = []
        owner = ""
        for line in told.split("\n"):
            if line.startswith("\t"):
                if owner == sha:
                    found.append(line[1:])
            elif re.match(r"[0-9a-f]{40} \d", line):
                owner = line[:40]
        return found

    def _ask(self, *arguments: str, may_fail: bool = False) -> str | None:
        with self._output(*arguments, may_fail=may_fail) as out:
            told = out.read()
        return None if self._failed else told.decode("utf-8", "replace")

    @contextmanager
    def _output(self, *arguments: str, may_fail: bool = False) -> Iterator[IO[bytes]]:
        environment = {**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
        try:
            process = subprocess.Popen(  # noqa: S603 - fixed arguments, no shell; paths follow "--"
                ["git", "-C", str(self._folder), *_SAFE, *arguments],  # noqa: S607 - the user's own git
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
        except FileNotFoundError:
            raise MissingPackage("the git command is not installed", where="the directories in PATH", expected="git on the path",
                                 try_="install git, then the same command") from None  # fmt: skip
        assert process.stdout is not None
        with process:
            yield process.stdout
            process.stdout.read()
        self._failed = process.returncode != 0
        if self._failed and not may_fail:
            raise InputError("git could not read this repository", where=str(self._folder),
                             expected=f"`git {arguments[0]}` to end well, not with status {process.returncode}",
                             try_=f"git -C {self._folder} {arguments[0]}")  # fmt: skip


def _parsed(out: IO[bytes]) -> Iterator[Commit]:
    """Commits from `git log -p` in our format."""
    commit: Commit | None = None
    head: list[str] = []
    for raw in out:
        line = raw.decode("utf-8", "replace").rstrip("\n")
        if head or (line.startswith("\x01") and (commit is None or not commit.is_in_hunk)):
            head.append(line)
            if line.endswith("\x03"):
                if commit is not None:
                    yield commit
                commit, head = _headed("\n".join(head)), []
        elif commit is not None:
            commit.read(line)
    if commit is not None:
        yield commit


def _headed(text: str) -> Commit:
    sha, author, seconds, trailers, body = text.strip("\x01\x03").split("\x02", 4)
    named = trailers.split(",")[0].strip() or None
    return Commit(sha, author, datetime.fromtimestamp(int(seconds), UTC), named, tuple(_REVERTS.findall(body)))


def _unquoted(name: str) -> str:
    """A file's name as git prints it in a diff: in quotes with C escapes where it holds a quote, a tab or the like."""
    name = name.removesuffix("\t")
    if not (name.startswith('"') and name.endswith('"')):
        return name
    return _ESCAPE.sub(_sign, name[1:-1].encode()).decode("utf-8", "replace")


def _sign(match: re.Match[bytes]) -> bytes:
    sign = match[1]
    return bytes([int(sign, 8) & 255]) if len(sign) == 3 else _SIGNS.get(sign, sign)
