"""The text of a CSV: whether it is packed, in which encoding it is written, and its numbers with a comma."""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from dnis.limits import DataError, check_unpacked

GZIP_FAULTS = (EOFError, gzip.BadGzipFile, zlib.error)
"""What a damaged gzip file raises."""

_BLOCK_BYTES = 1 << 20
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_UTF32_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
# West European text has an accent here and there; several in a row are another script. Control bytes are no text.
_NOT_LATIN = re.compile(rb"[\x80-\xff]{3}|[\x81\x8d\x8f\x90\x9d\x00-\x08\x0e-\x1f\x7f]")
# at most 30 letters on either side: tried from every letter of a long line, a bound is what keeps it quick
_ACCENTED_WORD = re.compile(rb"[A-Za-z]{0,30}[\x80-\xff][A-Za-z\x80-\xff]{0,30}")
_DECIMAL_COMMA = r"-?(?:0|[1-9]\d*)(?:,\d+)?"
_MOST = 0.75
_SURE_DECIMAL = r"-?(?:0,\d+|\d+,(?:\d{1,2}|\d{4,}))"


@dataclass(frozen=True)
class Encoding:
    """How a text file is written: a codec's name, and a sentence where that was not plain UTF-8."""

    codec: str
    note: str = ""


def opened(path: Path) -> BinaryIO:
    """A file's bytes, unpacked where its first bytes say gzip.

    Args:
        path: The file.

    Returns:
        A binary stream.
    """
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    return cast("BinaryIO", gzip.open(path, "rb")) if packed else path.open("rb")


def encoding_of(path: Path) -> Encoding:
    """Tell a text file's encoding from all of its bytes, with a bounded amount of them in memory.

    A byte order mark decides; else UTF-8 where every byte fits, UTF-16 where every other byte is zero, and Latin-1
    where the odd ones out stand singly in words, as the accents of West European text do.

    Args:
        path: A CSV, packed by gzip or not.

    Returns:
        The encoding.

    Raises:
        DataError: If it cannot be told, or the file is a damaged gzip or unpacks to too much.
    """
    try:
        blocks = _blocks(path)
        head = next(blocks, b"")
        found = _marked(path, head) or _wide(head)
        if found is not None:
            for _ in blocks:  # a packed file is measured to its end
                pass
            return found
        return _narrow(path, head, blocks)
    except GZIP_FAULTS as error:
        raise DataError(f"{path.name} is a damaged gzip file: {str(error).splitlines()[0]}") from error


def has_decimal_commas(values: list[str]) -> bool:
    """Whether a column of text holds numbers with a decimal comma, a few words among them aside.

    ``1,234`` alone could as well be a thousand, so at least one value must have another number of decimals.

    Args:
        values: Distinct values, without missing ones.

    Returns:
        True if three quarters of the values are such numbers and at least one cannot be anything else.

    >>> has_decimal_commas(["3,5", "4"]), has_decimal_commas(["1,234"]), has_decimal_commas(["3,5", "good"])
    (True, False, False)
    """
    numbers = [value for value in values if re.fullmatch(_DECIMAL_COMMA, value, re.ASCII)]
    sure = any(re.fullmatch(_SURE_DECIMAL, value, re.ASCII) for value in numbers)
    return sure and len(numbers) >= _MOST * len(values)


def _blocks(path: Path) -> Iterator[bytes]:
    n_bytes, n_packed = 0, path.stat().st_size
    with opened(path) as stream:
        while block := stream.read(_BLOCK_BYTES):
            n_bytes += len(block)
            if n_bytes > n_packed:
                check_unpacked(path.name, n_bytes)
            yield block


def _marked(path: Path, head: bytes) -> Encoding | None:
    if head.startswith(_UTF32_MARKS):
        raise DataError(f"{path.name} is UTF-32 text; save it with the encoding UTF-8")
    codec = next((codec for mark, codec in _MARKS if head.startswith(mark)), None)
    if codec is None:
        return None
    return Encoding(codec, "The file is UTF-16 text, as its byte order mark says." if codec == "utf-16" else "")


def _wide(head: bytes) -> Encoding | None:
    """UTF-16 without a mark: of text in any alphabet of Europe, nearly every other byte is zero, the others never."""
    sample = head[: 4096 & ~1]
    even, odd = sample[::2], sample[1::2]
    for codec, zeros, others in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if len(zeros) > 1 and zeros.count(0) > 0.9 * len(zeros) and not others.count(0):
            return Encoding(codec, f"The file was read as {codec.upper()} text: every other byte is zero.")
    return None


def _narrow(path: Path, head: bytes, rest: Iterator[bytes]) -> Encoding:
    decoder, is_utf8, odd, word = codecs.getincrementaldecoder("utf-8")(), True, None, b""
    for block in _chain(head, rest):
        if block.isascii() and not decoder.getstate()[0]:
            continue
        is_utf8 = is_utf8 and _decodes(decoder, block)
        odd = odd or _NOT_LATIN.search(block)
        accented = _ACCENTED_WORD.search(block)
        word = word or (accented.group() if accented else b"")
    if is_utf8 and _decodes(decoder, b"", final=True):
        return Encoding("utf-8")
    if odd is not None:
        found = odd.group()[:3].hex(" ")
        raise DataError(
            f"{path.name} is not UTF-8 text, and its encoding cannot be told (bytes {found}); save it as UTF-8"
        )
    shown = word.decode("cp1252")[:40]
    return Encoding("cp1252", f"The file is not UTF-8; it was read as Latin-1, where {shown!r} should look right.")


def _chain(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from rest


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        decoder.reset()
        return False
    return True
