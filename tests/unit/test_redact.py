"""What is masked, what stays, and that masking twice changes nothing."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everyturn.redact import mask, mask_json, pseudonym, redact


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("mail jo.smith+shop@mail.shop.example now", "mail [email] now"),
        ("ring +49 (0)30 901820 or 415-555-0100", "ring [phone] or [phone]"),
        ("card 4111-1111-1111-1111 exp 12/28", "card [card] exp 12/28"),
        ("to DE89 3704 0044 0532 0130 00 please", "to [iban] please"),
        ("key sk-abcdefghijklmnopqrstuvwx", "key [secret]"),
    ],
)
def test_personal_data_is_masked(text, masked):
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "order NW-48213 of 2026-11-25 for 129.00",
        "call_fa32e3ec50ceb2aabb10571b",
        "1795419960232519120",
        "4111 1111 1111 1112",  # fails its check digit
        "2026-11-25T10:00:00+00:00",
        "version 1.8.0, 3 of 5, 12/28, 10.000,50",
        "@handle and a @ b",
    ],
)
def test_what_is_no_personal_data_stays(text):
    assert mask(text) == text


@given(st.text())
def test_masking_twice_changes_nothing(text):
    assert mask(mask(text)) == mask(text)


def test_json_stays_json():
    assert mask_json('[{"content":"x\\nsam@shop.example","n":4111111111111111}]') == (
        '[{"content":"x\\n[email]","n":"[card]"}]'
    )


def test_an_address_as_user_id_is_one_user_under_another_name():
    ids = {pseudonym(a, salt="s") for a in ("Jo@shop.example", "jo@shop.example ")}
    assert len(ids) == 1
    assert "jo" not in ids.pop()
    assert pseudonym("jo@shop.example", salt="s") != pseudonym("jo@shop.example", salt="t")
    assert pseudonym("u-17", salt="s") == "u-17"


def test_only_suspect_rows_of_text_columns_change():
    table = pa.table({"content": ["fine", None, "a@b.example"], "role": ["a@b.example"] * 3})
    masked = redact(table, salt="s")
    assert masked["content"].to_pylist() == ["fine", None, "[email]"]
    assert masked["role"].to_pylist() == ["a@b.example"] * 3
