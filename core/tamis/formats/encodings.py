"""In which encoding a text file is: by its mark, by where NUL bytes stand, else guessed from the bytes."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from tamis.errors import UnreadableFile

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What files of this field are written in. Left to itself the guesser also weighs code pages of typewriters and mainframes,
# which by chance fit a short text best.
_GUESSED = (
    "cp1252", "gb18030", "cp932", "euc_jp", "big5", "euc_kr", "cp1251", "koi8_r", "cp1250", "cp1253", "cp1254", "cp1255",
    "cp1256", "cp1257", "cp1258", "cp874", "mac_roman",
)  # fmt: skip
_OF_NO_FILE = ("idna", "punycode", "undefined")  # of names on the net, and of nothing
_SAMPLE_BYTES = 1 << 16
_USUAL = "cp1252"
_RARER = (
    "cp1250",
    "cp1254",
    "cp1257",
    "cp1258",
    "mac_roman",
)  # of the same letters, and a short text fits them all
_MARGIN = 0.05
_HALF_SURE_BYTES = 60  # outside ASCII: so few fit several encodings, however well they fit the best one
_FEWEST_BYTES = 2  # outside ASCII: a single one is more likely damage than a letter


@dataclass(frozen=True, slots=True)
class Encoding:
    """A codec's name; ``confidence`` in [0, 1] is below 1 where it was guessed from the bytes of the text."""

    name: str
    confidence: float = 1.0


def detect_encoding(head: bytes) -> Encoding:
    """Return the encoding of a text from its first bytes.

    Text without a mark is UTF-8 unless most of its lines outside ASCII are not; only then is there a guess, by
    charset-normalizer: a single damaged line does not change how the others are read.
    """
    for mark, name in _BOMS:
        if head.startswith(mark):
            return Encoding(name)
    sample = head[: len(head) // 2 * 2][:4096]
    if _is_wide(sample[::2], sample[1::2]):
        return Encoding("utf-16-le")
    if _is_wide(sample[1::2], sample[::2]):
        return Encoding("utf-16-be")
    return _guess(head)


def check_encoding(name: str) -> str:
    """Return Python's name for an encoding; raises UnreadableFile for one that it does not know.

    ``utf-8,cp1252`` is UTF-8 whose lines that are none are in the other one.
    """
    first, _, second = name.partition(",")
    if second and check_encoding(first.strip()) == "utf-8":
        return f"utf-8,{check_encoding(second.strip())}"
    try:
        codec = codecs.lookup(name)
        if not codec._is_text_encoding or codec.name in _OF_NO_FILE:
            raise LookupError(name)
        codec.incrementaldecoder("strict").decode(b"")
    except (LookupError, TypeError, AttributeError) as error:
        raise UnreadableFile(
            f"There is no text encoding {name!r}. Name one such as utf-8, gb18030, shift_jis or latin-1."
        ) from error
    return codec.name


def _is_wide(letters: bytes, zeros: bytes) -> bool:
    """Tell whether text in Latin letters takes two bytes each: zeros on one side, printable bytes on the
    other.
    """
    printable = sum(byte >= 32 or byte in b"\t\r\n" for byte in letters)
    return bool(zeros) and zeros.count(0) > 0.4 * len(zeros) and printable > 0.95 * len(letters)


def _guess(head: bytes) -> Encoding:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        if error.end == len(head) and error.reason == "unexpected end of data":
            return Encoding("utf-8")  # the sample stops in the middle of a character
    else:
        return Encoding("utf-8")
    lines = [line for line in head.splitlines() if not line.isascii()]
    broken = [line for line in lines if not _is_utf8(line)]
    n_high = sum(byte > 127 for byte in b"".join(broken)[:_SAMPLE_BYTES])
    if b"\0" in head or 2 * len(broken) <= len(lines) or n_high < _FEWEST_BYTES:
        return Encoding("utf-8")
    return _best(b"\n".join(lines)[:_SAMPLE_BYTES])


def _best(sample: bytes) -> Encoding:
    from charset_normalizer import from_bytes

    sample = sample[: sample.rfind(b"\n")] if len(sample) == _SAMPLE_BYTES and b"\n" in sample else sample
    guesses = from_bytes(sample, cp_isolation=list(_GUESSED))
    found = guesses.best()
    if found is None:
        return Encoding("utf-8")
    text, name = str(found), found.encoding
    try:
        if sample.decode(_USUAL) == text:
            name = _USUAL  # of several that give the same text
    except UnicodeDecodeError:
        pass
    usual = next((guess for guess in guesses if guess.encoding == _USUAL), None)
    if name in _RARER and usual is not None and usual.chaos - found.chaos <= _MARGIN:
        found, name = usual, _USUAL
    n_high = sum(byte > 127 for byte in sample)
    likely = min(1 - found.chaos, 0.99) * n_high / (n_high + _HALF_SURE_BYTES)
    return Encoding(codecs.lookup(name).name, max(round(likely, 2), 0.01))


def recoded_lines(text: bytes, other: str) -> bytes:
    """Return whole lines as UTF-8, those that are none read in another encoding."""
    if _is_utf8(text):
        return text
    return b"".join(
        line if _is_utf8(line) else line.decode(other, "surrogateescape").encode("utf-8", "surrogateescape")
        for line in text.splitlines(keepends=True)
    )


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8", "surrogatepass")  # lone surrogates are damage of another kind
    except UnicodeDecodeError:
        return False
    return True
