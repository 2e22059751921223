"""Bodies of multipart/form-data requests (RFC 7578) -> their parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_NAME = re.compile(rb'^content-disposition:[^\r\n]*[; ]name="([^"\r\n]*)"', re.IGNORECASE | re.MULTILINE)
_LENGTH = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)
_BOUNDARY_LENGTH = 74  # two dashes and up to 70 characters (RFC 2046), and room for a line's end


class Part(NamedTuple):
    """One part: its name, its bytes, and whether these are all that were sent."""

    name: str
    content: bytes
    is_whole: bool


def is_multipart(head: bytes) -> bool:
    r"""Whether bytes begin like a multipart body: a boundary, then the headers of its first part.

    >>> is_multipart(b'--b1\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b1--\r\n'), is_multipart(b"--\n")
    (True, False)
    """
    boundary, _, rest = head[:256].partition(b"\r\n")
    return boundary[:2] == b"--" and 2 < len(boundary) <= _BOUNDARY_LENGTH and rest[:8].lower() == b"content-"


def parts(body: bytes) -> Iterator[Part]:
    r"""The parts in order. A body that ends early has a last part that is not whole.

    >>> [p.content for p in parts(b'--b1\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b1--\r\n')]
    [b'1']
    """
    boundary = body.partition(b"\r\n")[0]
    pieces = (b"\r\n" + body).split(b"\r\n" + boundary)[1:]
    is_closed = pieces[-1][:2] == b"--"
    pieces = pieces[:-1] if is_closed else pieces
    for number, piece in enumerate(pieces, 1):
        head, _, content = piece.partition(b"\r\n\r\n")
        name, length = _NAME.search(head), _LENGTH.search(head)
        is_all = length is None or int(length[1]) == len(content)
        text = name[1].decode("utf-8", "replace") if name is not None else ""
        yield Part(text, content, is_all and (is_closed or number < len(pieces)))
