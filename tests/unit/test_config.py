"""The settings file is read strictly, and says what is wrong in it."""

from datetime import timedelta
from pathlib import Path

import pytest

from everyturn.config import Config, Success, read_config
from everyturn.errors import InputError


def read(tmp_path, text):
    path = tmp_path / "everyturn.toml"
    path.write_text(text)
    return read_config(path)


def test_no_file_is_no_settings_but_a_named_one_must_exist(tmp_path):
    assert read_config(tmp_path / "everyturn.toml") == Config()
    with pytest.raises(InputError, match="no such settings file"):
        read_config(tmp_path / "other.toml")


@pytest.mark.parametrize(
    ("text", "where", "expected"),
    [
        ("chekc = 1", "the file", "check, cohort, success"),
        ("check = 3", "check", "one [[check]] table a budget"),
        ("cohort = 3", "the file, cohort", "a text in quotes"),
        ("[[check]]\nmin = 0.5", "check 1", "the name of a signal"),
        ('[[check]]\nsignal = "edits"', "check 1", "either min or max"),
        ('[[check]]\nsignal = "edits"\nmin = 0.1\nmax = 0.2', "check 1", "either min or max"),
        ('[[check]]\nsignal = "edits"\nmax = 20', "check 1, max", "a share from 0 to 1"),
        ('[[check]]\nsignal = "edits"\nmax = true', "check 1, max", "a share from 0 to 1"),
        ('[[check]]\nsignal = "edits"\nmax = 0.2\nby = 3', "check 1, by", "names to group by"),
        ('[[check]]\nsignal = "edits"\nmax = 0.2\nunless = "x"', "check 1", "by, max, min, signal, where"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(tmp_path, text, where, expected):
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert caught.value.where == f"{tmp_path / 'everyturn.toml'}, {where}"
    assert caught.value.expected.startswith(expected)
    assert caught.value.try_


def test_a_file_that_is_not_toml_is_an_error(tmp_path):
    with pytest.raises(InputError, match="the settings file is not TOML"):
        read(tmp_path, "cohort =")
    Path(tmp_path / "everyturn.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="the settings file is not TOML"):
        read_config(tmp_path / "everyturn.toml")


@pytest.mark.parametrize(
    ("rule", "where", "expected"),
    [
        ('intent = "x"', "success 1", "either an action or a tool"),
        ('action = "a"\ntool = "b"', "success 1", "either an action or a tool"),
        ('action = "a"\nresult = "b"', "success 1, result", "a tool whose result is looked at"),
        (
            'action = "a"\nwithin = "soon"',
            "success 1, within",
            "hours or days after the conversation, beside an action",
        ),
        ('tool = "a"\nwithin = "1 day"', "success 1, within", "hours or days after the conversation, beside an action"),
        ("action = 3", "success 1, action", "a text in quotes"),
    ],
)
def test_a_success_rule_that_cannot_be_read(tmp_path, rule, where, expected):
    with pytest.raises(InputError) as caught:
        read(tmp_path, f"[[success]]\n{rule}")
    assert caught.value.where.endswith(where)
    assert caught.value.expected == expected


def test_success_rules(tmp_path):
    text = '[[success]]\nintent = "refund"\naction = "refund_issued"\nwithin = "2 hours"\n[[success]]\ntool = "find"\nresult = "ok"'
    assert read(tmp_path, text).successes == (
        Success("refund", action="refund_issued", within=timedelta(hours=2)),
        Success(None, tool="find", result="ok"),
    )
