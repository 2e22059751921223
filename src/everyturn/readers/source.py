"""A file's bytes, unpacked and in UTF-8.

gzip and zstd are told by their magic numbers, UTF-16 and UTF-8 by their byte order marks. All of it streams, so that a file
that unpacks to a terabyte costs no memory.
"""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, TypeAlias

import zstandard

from everyturn.model import Json, frozen
from everyturn.readers import BadRecord

RECORD_LIMIT = 64 * 2**20  # a longer record is a mistake or an attack; decoding one costs some ten times its size
HEAD = 2**20  # what framing and recognition may look at
_CHUNK = 2**20

_BYTE_ORDER_MARKS = (  # the longer ones first: UTF-16's little-endian mark begins UTF-32's
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@frozen
class Frame:
    """One input record.

    `place` is where in the file it stands (":12", ":1 item 3", " row 7"), `value` its decoded value, `bad` what is wrong where it
    has none, `size` its length in bytes.
    """

    place: str
    value: Json
    bad: BadRecord | None
    size: int


_Read: TypeAlias = Callable[[int], bytes]  # at most that many bytes, b"" at the end


class _Counted:
    """A file that knows how far it has been read, with its first bytes put back."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._head = b""
        self.bytes_read = 0

    def peek(self, size: int) -> bytes:
        self._head = self.read(size)
        return self._head

    def read(self, size: int) -> bytes:
        if self._head:
            data, self._head = self._head[:size], self._head[size:]
            return data
        data = self._file.read(size)
        self.bytes_read += len(data)
        return data


def _unzstd(read: _Read) -> _Read:
    """Reading the frames of a zstd file.

    The input is fed in small pieces, since the output of one piece is not bounded: 4 bytes may stand for 128 KiB (RFC 8878).
    """
    frame: zstandard.ZstdDecompressionObj | None = None
    fed = out = b""

    def read_unpacked(size: int) -> bytes:
        nonlocal frame, fed, out
        while not out:
            fed = fed or read(512)
            if not fed and frame is None:
                return b""
            if not fed:
                raise EOFError
            frame = frame or zstandard.ZstdDecompressor().decompressobj()
            out = frame.decompress(fed)
            fed = b""
            if frame.eof:
                fed, frame = frame.unused_data, None
        piece, out = out[:size], out[size:]
        return piece

    return read_unpacked


def _recoded(read: _Read, encoding: str) -> _Read:
    """Reading UTF-16 or UTF-32 as UTF-8; what cannot be decoded becomes U+FFFD."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")

    def read_recoded(size: int) -> bytes:
        text = ""
        while not text:
            data = read(size)
            text = decoder.decode(data, final=not data)
            if not data:
                break
        return text.encode("utf-8", "replace")

    return read_recoded


def _prefixed(head: bytes, read: _Read) -> _Read:
    """Reading with bytes put back in front."""

    def read_prefixed(size: int) -> bytes:
        nonlocal head
        if not head:
            return read(size)
        piece, head = head[:size], head[size:]
        return piece

    return read_prefixed


class Damaged(Exception):
    """The file's packing is broken from here on."""


class Source:
    """A file's content, decompressed and in UTF-8: its `head`, and all of it through `read`.

    `is_whole` says whether the head is all there is; `is_parquet` that the file is to be read by `parquet_rows`.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._counted = _Counted(file)
        magic = self._counted.peek(4)
        self.is_parquet = magic == b"PAR1"
        self._read: _Read = self._counted.read
        if magic[:2] == b"\x1f\x8b":
            # read1 hands out what it has when the next piece is damaged; read would drop it
            self._read = gzip.GzipFile(fileobj=self._counted, mode="rb").read1  # type: ignore[call-overload]  # it calls read alone
        elif magic == b"\x28\xb5\x2f\xfd":
            self._read = _unzstd(self._counted.read)
        self._failure: Exception | None = None
        head = b"" if self.is_parquet else self._unpack(HEAD)
        if head.startswith(codecs.BOM_UTF8):
            head = head[3:]
        for mark, encoding in _BYTE_ORDER_MARKS:
            if head.startswith(mark):
                self._read = _recoded(_prefixed(head[len(mark) :], self._read), encoding)
                head = self._unpack(HEAD)
                break
        self.head = head
        self.is_whole = len(head) < HEAD
        self._rest = head

    @property
    def bytes_read(self) -> int:
        """How much of the file itself has been read."""
        return self._counted.bytes_read

    def _unpack(self, size: int) -> bytes:
        """Bytes of at least the size, fewer only at the end or where the packing is broken."""
        parts: list[bytes] = []
        length = 0
        while length < size and self._failure is None:
            try:
                data = self._read(size - length)
            except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
                self._failure = error
                break
            if not data:
                break
            parts.append(data)
            length += len(data)
        return b"".join(parts)

    def read(self, size: int = _CHUNK) -> bytes:
        """The next bytes, b"" at the end; `Damaged` where the packing is broken, after all that could be unpacked."""
        if self._rest:
            data, self._rest = self._rest[:size], self._rest[size:]
            return data
        data = self._unpack(size)
        if not data and self._failure is not None:
            early = isinstance(self._failure, EOFError)
            raise Damaged("compressed data that ends early" if early else "damaged compressed data")
        return data


def is_text(head: bytes) -> bool:
    """Whether the bytes are plain text: UTF-8 without control characters. Cut characters at the end are allowed."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return not head.translate(None, _PLAIN)


_PLAIN = bytes(b for b in range(256) if b >= 32 or b in b"\t\n\r\f\x1b")


def too_long(place: str, length: int) -> Frame:
    """The frame of a record over the limit."""
    bad = BadRecord(expected=f"a record of up to {RECORD_LIMIT // 2**20} MiB", found=f"one of {length:,} bytes")
    return Frame(place, None, bad, 0)


def damaged(place: str, error: Damaged) -> Frame:
    """The frame of all that could not be unpacked."""
    return Frame(place, None, BadRecord(expected="a whole file", found=str(error)), 0)


def lines(source: Source) -> Iterator[tuple[int, bytes | int]]:
    """The lines with their numbers from 1; of a line over the limit, its length alone."""
    number = 1
    parts: list[bytes] = []
    length = 0
    while chunk := source.read():
        lines = chunk.split(b"\n")
        if len(lines) > 1:
            if length:
                length += len(lines[0])
                parts.append(lines[0])
                yield number, length if length > RECORD_LIMIT else b"".join(parts)
            else:
                yield number, lines[0]
            yield from enumerate(lines[1:-1], number + 1)
            number += len(lines) - 1
            parts, length = [], 0
        if lines[-1]:
            length += len(lines[-1])
            parts.append(lines[-1])
            if length > RECORD_LIMIT:
                parts.clear()
    if length:
        yield number, length if length > RECORD_LIMIT else b"".join(parts)
