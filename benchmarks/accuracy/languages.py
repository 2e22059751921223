"""How often the language of a short text is told: `python benchmarks/accuracy/languages.py FOLDER`.

FOLDER holds gettext catalogues, `…/<language>/LC_MESSAGES/*.po`, as translated programs ship them. Each translation of three words
or more stands for a message without a conversation around it, the hardest case. Of our languages: read as what it is, as unknown, or
as another (a wrong list of words is used); of all other languages: read as one of ours (it would count as calm) or not.
"""

from __future__ import annotations

import ast
import re
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

from everyturn.signals.cues import count_words, read
from everyturn.signals.languages import LANGUAGES

_ENTRY = re.compile(r'^msgstr ((?:"(?:[^"\\]|\\.)*"\s*)+)', re.MULTILINE)
_FILLED = re.compile(r"%\(?\w*\)?[sdi]|\{\w*\}|<[^>]+>|&\w+;")
_OURS = {"zh_Hans": "zh", "zh_Hant": "zh", "zh_CN": "zh", "zh_TW": "zh", "pt_BR": "pt", "es_AR": "es", "es_MX": "es"}


def texts_of(path: Path) -> list[str]:
    found = []
    for match in _ENTRY.finditer(path.read_text(encoding="utf-8")):
        text = "".join(ast.literal_eval(line) for line in match[1].split("\n") if line.strip())
        text = _FILLED.sub(" ", text).strip()
        if len(text.split()) >= 3 or (not text.isascii() and len(text) >= 8 and " " not in text):
            found.append(text)
    return found[1:]  # the first is the catalogue's header


if __name__ == "__main__":
    by_language: dict[str, set[str]] = defaultdict(set)
    for file in sorted(Path(sys.argv[1]).glob("**/LC_MESSAGES/*.po")):
        name = file.parent.parent.name
        by_language[_OURS.get(name, name.split("_")[0])].update(texts_of(file))
    others: Counter[str] = Counter()
    spent, number = 0.0, 0
    for name, texts in sorted(by_language.items()):
        if not texts or name == "en":
            continue
        start = time.process_time()
        told = Counter(read(text).language for text in texts)
        spent += time.process_time() - start
        number += len(texts)
        if name in LANGUAGES:
            alone = sorted(texts)
            pairs = [(one, two) for one, two in zip(alone[::2], alone[1::2], strict=False)]
            paired = Counter(read(one, tally=count_words([one, two])).language for one, two in pairs)
            print(
                f"{name}: {len(texts):>5} texts  right {told[name] / len(texts):.3f}  unknown {told[None] / len(texts):.3f}  wrong"
                f" {1 - (told[name] + told[None]) / len(texts):.3f}   with one more text: right {paired[name] / len(pairs):.3f}"
            )
        else:
            others.update({name: sum(told[each] for each in LANGUAGES)})
            others.update({"*": len(texts)})
    total = others.pop("*")
    print(f"other languages: {total} texts of {len(others)}, read as one of ours {sum(others.values()) / total:.3f}")
    for name, wrong in others.most_common(12):
        print(f"  {name}: {wrong / len(by_language[name]):.3f} of {len(by_language[name])}")
    print(f"{number / spent:,.0f} texts a second on one core")
