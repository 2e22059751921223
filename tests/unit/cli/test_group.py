"""What the command says to calls that cannot be carried out: four parts, status 2, nothing left behind."""

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from everyturn.cli import cli
from everyturn.cli.group import STOPPED
from everyturn.workspace import Workspace

DAY = "2026-09-07T10:00:00Z"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        done = CliRunner().invoke(cli, [str(a) for a in arguments], prog_name="everyturn")
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert "bug of Everyturn" not in done.output
        return done.exit_code, done.output

    return call


@pytest.fixture
def loaded(tmp_path, run):
    (tmp_path / "one.jsonl").write_text(
        '{"conversation_id": "c1", "user_id": "u1", "metadata": {"plan": "pro"}, "messages": ['
        f'{{"role": "user", "content": "Where is it?", "at": "{DAY}"}},'
        f'{{"role": "assistant", "content": "On its way.", "at": "{DAY}"}}]}}\n'
    )
    assert run("load", "one.jsonl")[0] == 0
    return run


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (["measur", "acceptance"], ['no command named "measur"', "  try      everyturn measure"]),
        (["measure"], ["SIGNAL is missing", "  try      everyturn measure --help"]),
        (["--bd", "x.db", "load"], ['no option named "--bd"', "  expected --db"]),
        (["load", "--formt", "x"], ['no option named "--formt"', "  try      everyturn load --help"]),
        (["load", "day.jsonl", "--db", "x.db"], ["--db stands before the verb", "  try      everyturn --db … load …"]),
        (["load", "--as", "action", "x"], ["  where    everyturn load", "  try      everyturn load --help"]),
        (["load"], ["nothing to load is named", "  try      everyturn load traces/"]),
    ],
)
def test_a_mistyped_command_is_an_error_in_four_parts_with_the_nearest_name(run, arguments, lines):
    status, said = run(*arguments)
    assert status == 2
    assert set(lines) <= set(said.splitlines())


@pytest.mark.parametrize("verb", ["measure acceptance", "watch", "gap", "cover", "report page.html", "show acceptance"])
def test_a_verb_that_reads_makes_no_workspace(run, tmp_path, verb):
    status, said = run(*verb.split())
    assert status == 2
    assert said.splitlines()[0] == "there is no workspace here yet"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["report {}", "export conversations --to {}.jsonl", "check --markdown {}"])
def test_a_place_where_nothing_can_be_written_is_an_error(loaded, tmp_path, verb):
    (tmp_path / "everyturn.toml").write_text("")
    status, said = loaded(*verb.format("nowhere/file").split())
    assert status == 2
    assert said.splitlines()[0] == "no file can be written there"
    assert "nowhere/file" in said


def test_a_folder_is_no_file_to_write(loaded):
    status, said = loaded("report", ".")
    assert (status, said.splitlines()[1]) == (2, "  where    .: it is a folder")


@pytest.mark.parametrize(
    ("verb", "first"),
    [
        ("show intent", "which intent?"),
        ("show conversation", "which conversation?"),
        ("show acceptance --limit -1", "invalid value for '--limit': -1 is not in the range x>=0"),
        ("cohorts --divide-by plam", 'no attribute named "plam"'),
        ("load one.jsonl --cohort plam", 'no attribute named "plam"'),
    ],
)
def test_what_is_asked_of_a_workspace_must_be_there(loaded, verb, first):
    status, said = loaded(*verb.split())
    assert (status, said.splitlines()[0]) == (2, first)


def test_the_error_for_an_unknown_name_lists_what_can_be_shown(loaded):
    status, said = loaded("show", "acceptanse")
    assert status == 2
    assert "intent NAME, user ID or conversation ID" in said
    assert said.splitlines()[-1] == "  try      everyturn show acceptance"


def test_ctrl_c_is_a_status_of_its_own(loaded, monkeypatch):
    def stop(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(Workspace, "measure", stop)
    status, said = loaded("measure", "acceptance")
    assert status == STOPPED
    assert "Stopped" in said


@pytest.mark.parametrize(
    "verb",
    [
        "measure acceptance",
        "watch",
        "gap",
        "cohorts",
        "check",
        "compare acceptance --current plan='a' --baseline plan='b'",
    ],
)
def test_every_command_says_when_no_conversation_has_a_user_id(run, tmp_path, verb):
    (tmp_path / "everyturn.toml").write_text("")
    (tmp_path / "nobody.jsonl").write_text(
        "".join(
            f'{{"conversation_id": "c{i}", "messages": [{{"role": "user", "content": "Where is it?", "at": "{DAY}"}},'
            f'{{"role": "assistant", "content": "On its way.", "at": "{DAY}"}}]}}\n'
            for i in range(12)
        )
    )
    assert run("load", "nobody.jsonl")[0] == 0
    status, said = run(*verb.split())
    assert status == 2
    assert said.splitlines()[0] == "no user ids, so no honest range can be given"
    assert "--user-id" in said
    status, said = run("report", "page.html")
    assert status == 0
    assert "No conversation has a user id" in said


@pytest.mark.parametrize(
    ("verb", "typed", "offered"),
    [
        ("measure", "acc", ["acceptance"]),
        ("show", "conv", ["conversation"]),
        ("export", "find", ["findings"]),
        ("pull", "lang", ["langfuse", "langsmith"]),
        ("cover --to", "open", ["openai-evals"]),
    ],
)
def test_the_shell_completes_names(verb, typed, offered):
    found = ShellComplete(cli, {}, "everyturn", "_EVERYTURN_COMPLETE").get_completions(verb.split(), typed)
    assert [item.value for item in found] == offered


def test_the_command_an_error_suggests_names_the_same_workspace(run, tmp_path):
    (tmp_path / "one.jsonl").write_text(
        f'{{"conversation_id": "c1", "user_id": "u1", "at": "{DAY}", "role": "user", "content": "hi"}}\n'
    )
    assert run("--db", "my shop.db", "load", "one.jsonl")[0] == 0
    status, said = run("--db", "my shop.db", "show", "acceptanc")
    assert (status, said.splitlines()[-1]) == (2, "  try      everyturn --db 'my shop.db' show acceptance")


def test_a_workspace_of_another_name_is_pointed_out(run, tmp_path):
    (tmp_path / "one.jsonl").write_text(
        f'{{"conversation_id": "c1", "user_id": "u1", "at": "{DAY}", "role": "user", "content": "hi"}}\n'
    )
    run("--db", "demo.db", "load", "one.jsonl")
    status, said = run("watch")
    assert status == 2
    assert "here there is demo.db" in said
    assert "everyturn --db demo.db " in said.splitlines()[-1]


def test_the_commands_a_result_suggests_name_the_same_workspace(run, tmp_path):
    (tmp_path / "one.jsonl").write_text(
        f'{{"conversation_id": "c1", "user_id": "u1", "at": "{DAY}", "role": "user", "content": "hi"}}\n'
    )
    said = run("--db", "demo.db", "load", "one.jsonl")[1]
    assert "Next: everyturn --db demo.db report page.html" in said
    run("--db", tmp_path / "demo.db", "report", "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "everyturn --db demo.db load SUITE.jsonl" in page
    assert str(tmp_path) not in page


def test_a_mark_that_is_not_there_cannot_be_removed(loaded):
    assert loaded("mark", "holiday", "2026-12-25")[0] == 0
    status, said = loaded("mark", "holiday", "2026-12-26", "--remove")
    assert status == 2
    assert said.splitlines()[:3] == [
        "there is no such mark to remove",
        "  where    holiday 2026-12-26",
        "  expected 2026-12-25",
    ]
    assert loaded("mark", "holiday", "2026-12-25", "--remove")[0] == 0


def test_no_conversations_asked_for_are_none_missing(loaded):
    asked, none = loaded("show", "acceptance"), loaded("show", "acceptance", "--limit", "0")
    assert "There is no conversation to read for it." not in none[1]
    assert none[1].strip()
    assert asked[0] == none[0] == 0


def test_the_error_for_conversations_without_a_time_says_what_to_do(run, tmp_path):
    (tmp_path / "log.csv").write_text("session_id,user_id,when,prompt,response\nc1,u1,2026-10-01,hello,hi\n")
    status, said = run("load", "log.csv")
    assert status == 0
    assert "1 conversation came without a time" in " ".join(said.split())
    assert "came without a time" not in run("load", "log.csv", "--json")[1]
