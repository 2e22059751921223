"""Words are cut as the model's own tokenizer cuts them: its answers, taken once (tokenizers 0.23, all-MiniLM-L6-v2)."""

from __future__ import annotations

import pytest

from everyturn.intents.embedders.token_table import _table
from everyturn.intents.embedders.wordpiece import cut

TAKEN = {
    "Refunds!": [25416, 26698, 999],
    "na\xefve caf\xe9": [15743, 7668],
    "Stra\xdfe": [2358, 27807],
    "\u6211\u7684\u5305\u88f9 late": [1855, 1916, 100, 100, 2397],
    "don't": [2123, 1005, 1056],
    "\u20ac129.00": [1574, 12521, 2683, 1012, 4002],
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx": [100],
    "a_b-c": [1037, 1035, 1038, 1011, 1039],
    "\u0130stanbul": [9960],
    "\u200bzero\u200d width": [5717, 9381],
    "\ufb01nd": [1984, 4859],
    "E=mc\xb2": [1041, 1027, 11338, 10701],
    "it\u2019s": [2009, 1521, 1055],
    "\u2026": [1529],
    "emoji \U0001f600 here": [7861, 29147, 2072, 100, 2182],
    "\ufffdbad": [2919],
    "tab\tsep\u3000wide": [21628, 19802, 2898],
    "\u03a9\u2248\xe7\u221a": [1179, 30133, 2278, 30127],
    "\xfcn\xefc\xf6d\xe9": [27260],
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0643": [1295, 17149, 29820, 29816, 25573, 1271, 29835],
    "\uc548\ub155\ud558\uc138\uc694": [
        1463,
        30006,
        30021,
        29992,
        30010,
        30025,
        30005,
        30006,
        29997,
        30009,
        29999,
        30013,
    ],
    "\u65e5\u672c\u8a9e\u30c6\u30ad\u30b9\u30c8": [1864, 1876, 1950, 1713, 30227, 30233, 30240],
    "--": [1011, 1011],
    "$5": [1002, 1019],
    "##ing": [1001, 1001, 13749],
    "\xc5NGSTR\xd6M": [17076, 15687],
    "e\u0301te\u0301": [3802, 2063],
    "\xadsoft": [3730],
    "\x00nul": [16371, 2140],
    "\U0001f600\U0001f600": [100],
}


@pytest.mark.parametrize("text", TAKEN)
def test_pieces_are_those_of_the_model(text):
    vocabulary = _table()[2]
    assert [piece for word in text.split() for piece in cut(word, vocabulary)] == TAKEN[text]


def test_a_word_nothing_fits_is_unknown():
    assert cut("\u16b1", {"[UNK]": 7}) == [7]
