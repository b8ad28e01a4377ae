"""Lists of records in JSON, streamed: cut into the texts of their items without parsing these."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from tamis.formats import containers
from tamis.formats.containers import KEPT_BYTES, TOO_LONG, bad_chunk
from tamis.formats.json_rows import SPLITS
from tamis.formats.notes import Notes, first_notes
from tamis.formats.parsing import Chunk, with_split
from tamis.formats.streams import TextStream

_MOST_BESIDE = 1_000  # names in an object around records that are remembered
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},"]', re.DOTALL)
_QUOTE, _COMMA, _OPEN_LIST, _OPEN_OBJECT = b'",[{'


def slice_chunks(stream: TextStream, *, wrapped: bool, block_bytes: int, batch_rows: int) -> Iterator[Chunk]:
    """Yield the JSON texts of the items of a list, or of every list of objects inside one object: of several, each item with
    the name of its list as its split.
    """
    scanner = _ListScanner(wrapped=wrapped)
    first, n_bytes = 1, 0
    waiting: list[bytes] = []
    blocks = stream.blocks()
    start = next(blocks, b"")
    has_splits = wrapped and _has_splits(start)
    for block in chain((start,), blocks):
        for item in scanner.feed(block):
            waiting.append(_in_split(item, scanner.list_name) if has_splits else item)
            n_bytes += len(item)
            if n_bytes >= block_bytes or len(waiting) >= batch_rows:
                yield Chunk("slices", waiting, first, stream.bytes_read)
                first, waiting, n_bytes = first + len(waiting), [], 0
        if scanner.stuck:
            break
    if waiting or scanner.beside:
        yield Chunk("slices", waiting, first, stream.bytes_read, notes=first_notes(scanner.beside))
    first += len(waiting)
    if reason := _list_problem(scanner, stream.damage):
        yield bad_chunk(first, scanner.left, f"{reason} after record {first - 1:,}", stream)


def _list_problem(scanner: _ListScanner, damage: str | None) -> str | None:
    if damage:
        return damage
    if scanner.stuck:
        return f"a record {TOO_LONG}, or a JSON list that is broken,"
    if not scanner.done:
        return "the file ends in the middle of its JSON list"
    return "the file has more text behind the end of its JSON" if scanner.left.strip() else None


class _ListScanner:
    """Finds where the items of a streamed JSON list begin and end, without parsing them."""

    def __init__(self, *, wrapped: bool) -> None:
        self._base = 2 if wrapped else 1  # the depth just inside the list
        self._wrapped = wrapped
        self._depth = 0
        self._in_list = False
        self._objects = (
            False  # whether the present list holds objects: in a wrapper, other lists are not records
        )
        self._resume = 0
        self._key = ""  # the last name in the object around the list
        self._awaits_key = False
        self.beside = Notes()  # parts of that object which are no records, by name
        self.list_name = ""  # what that object calls the present list
        self.left = b""  # what is not yet part of a complete item
        self.done = False

    @property
    def stuck(self) -> bool:
        return not self.done and len(self.left) > containers.MAX_RECORD_BYTES

    def feed(self, block: bytes) -> Iterator[bytes]:
        if self.done:
            self.left = (self.left + block)[:KEPT_BYTES]
            return
        text = self.left + block
        start, resume = 0, len(text)
        for match in _TOKEN.finditer(text, self._resume):
            at = match.start()
            if text[at] == _QUOTE:
                if match.end() - at > 1:
                    self._awaits_key = self._awaits_key and self._name(match[0])
                    continue
                resume = at  # a string that goes on in the next block
                break
            ends_item, begins_item = self._step(text[at])
            if ends_item:
                yield from self._item(text[start:at])
            if ends_item or begins_item:
                start = at + 1
            if self.done:
                self.left = text[at + 1 :][:KEPT_BYTES]
                return
        start = start if self._in_list else resume
        self.left, self._resume = text[start:], resume - start

    def _step(self, char: int) -> tuple[bool, bool]:
        """Follow a bracket or comma; tell whether an item ends before it and whether one begins after it."""
        if char == _COMMA:
            self._awaits_key = self._wrapped and self._depth == 1
            between = self._in_list and self._depth == self._base
            return between, between
        if char in (_OPEN_LIST, _OPEN_OBJECT):
            return False, self._open(char)
        return self._close(), False

    def _open(self, char: int) -> bool:
        self._depth += 1
        self._awaits_key = self._wrapped and self._depth == 1
        if self._depth != self._base or char != _OPEN_LIST:
            return False
        self._in_list, self._objects = True, not self._wrapped
        self.list_name = self._key
        self.beside.pop((self._key, "beside"), None)  # until it turns out to hold no records
        return True

    def _name(self, text: bytes) -> bool:
        """Take note of a name in the object around the list; returns that no other one is to follow it now."""
        self._key = text.decode("utf-8", "replace")[1:-1]
        if len(self.beside) < _MOST_BESIDE:
            self.beside[self._key, "beside"] = 1
        return False

    def _close(self) -> bool:
        """Go up one level and tell whether that ended the list."""
        self._depth -= 1
        self.done = self._depth <= 0
        ended = self._in_list and self._depth < self._base
        self._in_list = self._in_list and not ended
        return ended

    def _item(self, text: bytes) -> Iterator[bytes]:
        item = text.strip()
        if not self._objects and item.startswith(b"{"):
            self._objects = True
            if n_before := self.beside.pop((self._key, "beside"), 0):
                self.beside[self._key, "not-objects"] = n_before
        if item and self._objects:
            yield item
        elif item:
            self.beside[self._key, "beside"] += 1


def _has_splits(start: bytes) -> bool:
    """Whether an object has several lists of objects, as far as its start shows, or one that is called as splits are."""
    scanner = _ListScanner(wrapped=True)
    names = {scanner.list_name for _ in scanner.feed(start)}
    return len(names) > 1 or (not scanner.done and bool({name.lower() for name in names} & SPLITS))


def _in_split(item: bytes, split: str) -> bytes:
    if b'"split"' in item or not item.endswith(b"}"):
        return item
    return with_split(item, split)
