"""Bytes of a file as UTF-8 text: unpacked, recoded, and honest about where the file stops being readable."""

from __future__ import annotations

import bz2
import codecs
import io
import itertools
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

import zstandard

from tamis.errors import UnreadableFile
from tamis.formats.encodings import detect_encoding, recoded_lines

Compression = Literal["none", "gzip", "zstd", "bzip2", "xz"]
READ_BYTES = 1 << 20
# Small, because what one call unpacks is lost when the stream breaks in it, and can be 1,000 times larger.
_PACKED_BYTES = 1 << 13
_MAX_OUTPUT_BYTES = 8 << 20
_ZSTD_BYTES = 1 << 10
_MAX_WINDOW_BYTES = (
    1 << 31
)  # of zstd --long=31, the longest there is; less than its default is refused otherwise
_MAGIC: tuple[tuple[bytes, Compression], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
)


def detect_compression(head: bytes) -> Compression:
    """Return how a file is compressed, from its first bytes."""
    # A text may well begin with the letters of bzip2's mark; what follows them is a digit and the number pi.
    if head.startswith(b"BZh") and head[4:10] not in (b"1AY&SY", b"\x17rE8P\x90"):
        return "none"
    return next((name for mark, name in _MAGIC if head.startswith(mark)), "none")


class TextStream:
    """A file's content as UTF-8 bytes without byte order mark, read once from start to end.

    Bytes that are no valid UTF-8 pass through, so that the one line which holds them can be refused.
    ``encoding`` is how the file is read, detected unless it is given; ``encoding_confidence`` in [0, 1] is below 1 where
    it was guessed. ``damage`` is None or, after the last block, how the compressed stream broke: what stood before the
    break has been returned.
    """

    def __init__(self, path: Path, compression: Compression, encoding: str = "") -> None:
        self._file = open_binary(path)
        self._compression = compression
        self._decompressor = _decompressor(compression)
        self._head = b""
        self.damage: str | None = None
        self.encoding = encoding
        self.encoding_confidence = 1.0
        self._blocks = self._decoded()

    def __enter__(self) -> TextStream:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def bytes_read(self) -> int:
        """How many bytes of the stored file have been read."""
        return self._file.tell()

    def blocks(self) -> Iterator[bytes]:
        """Yield the content in pieces of at most about 8 MB."""
        return self._blocks

    def read(self, n_bytes: int) -> bytes:
        """Return at least ``n_bytes`` from the start, fewer at the end of the file."""
        parts: list[bytes] = []
        n_got = 0
        while n_got < n_bytes and (block := next(self._blocks, None)) is not None:
            parts.append(block)
            n_got += len(block)
        return b"".join(parts)

    def _decoded(self) -> Iterator[bytes]:
        plain = self._plain()
        head = b""
        while len(head) < 4096 and (block := next(plain, None)) is not None:
            head += block
        if not self.encoding:
            found = detect_encoding(head)
            self.encoding, self.encoding_confidence = found.name, found.confidence
        if self.encoding in ("utf-8", "utf-8-sig"):
            yield head.removeprefix(codecs.BOM_UTF8)
            yield from plain
            return
        _, _, other = self.encoding.partition(",")
        if other:
            yield from _mixed(itertools.chain((head.removeprefix(codecs.BOM_UTF8),), plain), other)
            return
        # A byte that the encoding does not know travels on as itself, which is no UTF-8: its one line is refused.
        errors = "surrogatepass" if self.encoding.startswith("utf") else "surrogateescape"
        decoder = codecs.getincrementaldecoder(self.encoding)(errors)
        is_first = True
        try:
            for block in itertools.chain((head,), plain):
                text = decoder.decode(block)
                # Where the encoding was named (utf-16-le), its decoder leaves the mark in the text.
                yield (text.removeprefix("\ufeff") if is_first else text).encode("utf-8", errors)
                is_first = False
        except UnicodeDecodeError as error:
            # Only UTF-32 can hold numbers that are no character; UTF-16 text passes, lone surrogates and all.
            self.damage = f"the {self.encoding} text is damaged ({error.reason})"
            return
        if decoder.getstate()[0]:
            # Half a character at the end: one byte that is no UTF-8 makes the last line say so.
            yield b"\xff"

    def _plain(self) -> Iterator[bytes]:
        """Yield unpacked pieces, gathered to READ_BYTES so that nobody joins thousands of them."""
        parts: list[bytes] = []
        n_bytes = 0
        for part in self._unpacked():
            parts.append(part)
            n_bytes += len(part)
            if n_bytes >= READ_BYTES:
                yield b"".join(parts)
                parts, n_bytes = [], 0
        if n_bytes:
            yield b"".join(parts)

    def _unpacked(self) -> Iterator[bytes]:
        step = READ_BYTES if self._compression == "none" else _PACKED_BYTES
        try:
            while block := self._file.read(step):
                yield from self._decompressor.feed(block)
        except (zlib.error, zstandard.ZstdError, lzma.LZMAError, OSError, EOFError) as error:
            self.damage = f"the {self._compression} stream is damaged ({error})"
            return
        if not self._decompressor.complete:
            self.damage = f"the file ends in the middle of its {self._compression} stream"


def _mixed(blocks: Iterable[bytes], other: str) -> Iterator[bytes]:
    """Pieces of whole lines as UTF-8, where some lines are in another encoding."""
    begun = b""
    for block in blocks:
        text = begun + block
        cut = text.rfind(b"\n") + 1
        begun = text[cut:]
        if cut:
            yield recoded_lines(text[:cut], other)
    if begun:
        yield recoded_lines(begun, other)


def open_binary(path: Path) -> BinaryIO:
    """Open a file for reading; raises UnreadableFile with the system's reason."""
    try:
        return path.open("rb")
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be opened: {error.strerror or error}.") from error


def read_head(path: Path, n_bytes: int) -> bytes:
    """Return the first bytes of a file as they are stored."""
    with open_binary(path) as file:
        return file.read(n_bytes)


class _Decompressor(Protocol):
    @property
    def complete(self) -> bool: ...

    def feed(self, block: bytes) -> Iterator[bytes]: ...


def _decompressor(compression: Compression) -> _Decompressor:
    starts: dict[str, Callable[[], _Member]] = {
        "gzip": _Gzip,
        "zstd": _Zstd,
        "bzip2": lambda: _Bounded(bz2.BZ2Decompressor()),
        "xz": lambda: _Bounded(lzma.LZMADecompressor(lzma.FORMAT_XZ)),
    }
    return _Members(starts[compression]) if compression in starts else _Stored()


class _Stored:
    complete = True

    def feed(self, block: bytes) -> Iterator[bytes]:
        yield block


class _Member(Protocol):
    @property
    def eof(self) -> bool: ...

    def feed(self, block: bytes) -> Iterator[bytes]: ...

    def rest(self) -> bytes: ...


class _Gzip:
    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    def feed(self, block: bytes) -> Iterator[bytes]:
        while block and not self._stream.eof:
            yield self._stream.decompress(block, _MAX_OUTPUT_BYTES)
            block = self._stream.unconsumed_tail

    def rest(self) -> bytes:
        return self._stream.unused_data


class _Zstd:
    def __init__(self) -> None:
        self._stream = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES).decompressobj()
        self._rest = b""

    @property
    def eof(self) -> bool:
        return self._stream.eof

    def feed(self, block: bytes) -> Iterator[bytes]:
        # The library hands out all that a piece holds, which can be 32,000 times its size.
        for at in range(0, len(block), _ZSTD_BYTES):
            yield self._stream.decompress(block[at : at + _ZSTD_BYTES])
            if self._stream.eof:
                self._rest = self._stream.unused_data + block[at + _ZSTD_BYTES :]
                return

    def rest(self) -> bytes:
        return self._rest


class _Bounded:
    """A stream of bzip2 or xz, whose decompressors of the standard library work alike."""

    def __init__(self, stream: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._stream = stream

    @property
    def eof(self) -> bool:
        return self._stream.eof

    def feed(self, block: bytes) -> Iterator[bytes]:
        yield self._stream.decompress(block, _MAX_OUTPUT_BYTES)
        while not self._stream.eof and not self._stream.needs_input:
            yield self._stream.decompress(b"", _MAX_OUTPUT_BYTES)

    def rest(self) -> bytes:
        return self._stream.unused_data


class _Members:
    """Compressed streams one after another, as joining files or parallel compressors leave them."""

    def __init__(self, start: Callable[[], _Member]) -> None:
        self._start = start
        self._member: _Member | None = None
        self._n_members = 0

    @property
    def complete(self) -> bool:
        return self._member is None or self._member.eof

    def feed(self, block: bytes) -> Iterator[bytes]:
        while block:
            if self._member is None or self._member.eof:
                block = self._next_member(block)
                continue
            yield from self._member.feed(block)
            block = self._member.rest() if self._member.eof else b""

    def _next_member(self, block: bytes) -> bytes:
        # Tools pad the end with zeros; other bytes after a stream raise the library's own error when fed.
        block = block.lstrip(b"\0") if self._n_members else block
        if block:
            self._member = self._start()
            self._n_members += 1
        return block


class RawText(io.RawIOBase):
    """A TextStream as a raw Python stream, for readers that want a file."""

    def __init__(self, stream: TextStream) -> None:
        self._blocks = stream.blocks()
        self._left = memoryview(b"")

    def readable(self) -> bool:
        """Say yes, as Python's streams are asked."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill ``buffer`` and return the number of bytes; 0 at the end."""
        while not self._left:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._left = memoryview(block)
        n_bytes = min(len(buffer), len(self._left))
        buffer[:n_bytes] = self._left[:n_bytes]
        self._left = self._left[n_bytes:]
        return n_bytes
