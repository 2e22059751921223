"""Documents that cannot rot: generated pages are current, examples run, paths and commands exist."""

import importlib.util
import json
import pkgutil
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from everyturn import readers
from everyturn.readers import Context, Sample

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
spec = importlib.util.spec_from_file_location("write_docs", ROOT / "scripts" / "write_docs.py")
write_docs = importlib.util.module_from_spec(spec)
spec.loader.exec_module(write_docs)


@pytest.mark.parametrize("name", write_docs.PAGES)
def test_a_generated_page_is_what_the_code_says(name):
    assert (ROOT / "docs" / name).read_text() == write_docs.PAGES[name](), "run: make docs"


def blocks(language, pages=PAGES):
    for page in pages:
        for i, code in enumerate(re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)):
            yield pytest.param(code, id=f"{page.relative_to(ROOT)}-{i}")


@pytest.mark.parametrize("code", list(blocks("python")))
def test_python_examples_run(code, tmp_path, monkeypatch):
    (tmp_path / "traces").mkdir()
    lines = [
        {"conversation_id": f"c{i}", "user_id": f"u{i % 14}", "messages": [
            {"role": "user", "content": "where is my parcel", "at": f"2026-09-{1 + i % 28:02d}T08:00:00Z"},
            {"role": "assistant", "content": "On its way.", "at": f"2026-09-{1 + i % 28:02d}T08:00:02Z"},
            {"role": "user", "content": "great, thanks", "at": f"2026-09-{1 + i % 28:02d}T08:01:00Z"}]}
        for i in range(40)
    ]  # fmt: skip
    (tmp_path / "traces" / "day.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "example", "exec"), {"__name__": "example"})


def test_the_reader_of_the_guide_reads_its_own_example():
    code = next(blocks("python", [ROOT / "CONTRIBUTING.md"])).values[0]
    made = {"__name__": "example"}
    exec(compile(code, "example", "exec"), made)
    record = json.loads(made["__doc__"].split("\n\n")[1])
    assert made["READER"].looks_like(Sample((record,))) > 0.9
    (messages,) = made["READER"].read(record, Context(0, "f:1", datetime(2026, 3, 2, tzinfo=UTC)))
    assert (messages.roles, messages.contents) == (["user", "assistant"], ["Where is my order?", "On its way."])


def test_every_file_of_the_readers_is_a_format_or_stands_in_the_overview():
    files = {module.name for module in pkgutil.iter_modules(readers.__path__)}
    formats = {name for name in files if hasattr(importlib.import_module(f"everyturn.readers.{name}"), "READER")}
    _, overview = readers.__doc__.split("is one of these:")
    named = [word for line in overview.splitlines() for word in re.split(r"\s{2,}", line.strip())[-1].split()]
    assert sorted(named) == sorted(files - formats)


def commands():
    found = set()
    for page in PAGES:
        for line in re.findall(r"^(?:\$ )?everyturn (?!\[)(.+)$", page.read_text(), re.MULTILINE):
            found.add(line.split("#")[0].strip())
        found.update(re.findall(r"`everyturn ([^`]+)`", page.read_text()))
    return sorted(found)


@pytest.mark.parametrize("line", commands())
def test_commands_named_in_prose_exist_with_their_options(line):
    from everyturn.cli import cli

    words = re.sub(r"--db \S+ ", "", line).split()
    if words[0] in {"--help", "VERB"}:
        return
    command = cli.commands[words[0]]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    assert {w.split("=")[0] for w in words if w.startswith("--")} <= known


def test_paths_named_in_prose_exist():
    missing = []
    for page in PAGES:
        text = page.read_text()
        paths = re.findall(r"`((?:src|tests|docs|benchmarks|scripts|signals|stats)/[\w./-]+)`", text)
        links = re.findall(r"\]\((?!http)([^)#]+)\)", text)
        missing += [(page.name, p) for p in paths if not any((r / p).exists() for r in (ROOT, ROOT / "src/everyturn"))]
        missing += [(page.name, link) for link in links if not (page.parent / link).exists()]
    assert not missing


def test_every_public_name_is_documented_and_real():
    import everyturn

    for name in everyturn.__all__:
        assert getattr(everyturn, name) is not None
        assert name == "__version__" or getattr(everyturn, name).__doc__
    assert everyturn.__all__ == sorted(everyturn.__all__)


def test_every_option_is_on_the_commands_page():
    from everyturn.cli import cli

    page = (ROOT / "docs" / "commands.md").read_text()
    for command in cli.commands.values():
        for parameter in command.params:
            assert all(o in page for o in parameter.opts if o.startswith("--"))
