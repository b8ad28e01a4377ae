"""Names for datasets that follow from what was imported, so that the same import twice is one dataset."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from pathlib import Path

import orjson

BLOCK_BYTES = 1 << 22


def dataset_id_for(name: str, content_hash: str, format_name: str, fields: dict[str, str]) -> str:
    """A readable id: the name as a slug, then 6 hex digits of content, format and mapping."""
    identity = orjson.dumps([content_hash, format_name, fields], option=orjson.OPT_SORT_KEYS)
    return f"{slug(name)}-{hashlib.blake2b(identity, digest_size=3).hexdigest()}"


def slug(name: str) -> str:
    """Lower-case ASCII letters, digits and dashes, at most 40; ``dataset`` when nothing is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:40].strip("-") or "dataset"


def content_hash(path: Path) -> str:
    """BLAKE2b (32 hex digits) of a file, or of a folder's relative names and contents; of the text of a hub id."""
    digest = hashlib.blake2b(digest_size=16)
    if path.is_dir():
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            digest.update(str(file.relative_to(path)).encode())
            _update(digest, file)
    elif path.is_file():
        _update(digest, path)
    else:
        digest.update(str(path).encode())
    return digest.hexdigest()


def display_name(path: str) -> str:
    """The file's name without its suffixes; a hub id stays as it is."""
    name = Path(path).name
    for suffix in (".gz", ".zst", ".jsonl", ".json", ".csv", ".tsv", ".parquet"):
        name = name.removesuffix(suffix)
    return name or path


def _update(digest: hashlib._Hash, file: Path) -> None:
    with file.open("rb") as stream:
        while block := stream.read(BLOCK_BYTES):
            digest.update(block)
