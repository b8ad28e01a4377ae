"""The kinds of file that are read, by the endings that their names mostly have: one list for every door."""

from __future__ import annotations

from collections.abc import Mapping

FILE_KINDS: Mapping[str, tuple[str, ...]] = {
    "JSON": (".json",),
    "JSON lines": (".jsonl", ".ndjson"),
    "CSV": (".csv",),
    "TSV": (".tsv",),
    "Parquet": (".parquet",),
    "Arrow": (".arrow",),
}
TEXT_ENDING = ".txt"  # data at times: what is in such a file is seen from its content alone
COMPRESSION_ENDINGS = (".gz", ".zst", ".zstd", ".bz2", ".xz")
DATA_ENDINGS = (*(ending for endings in FILE_KINDS.values() for ending in endings), TEXT_ENDING)
ARCHIVE_ENDINGS = (
    ".zip",
    ".tar",
    ".tgz",
    ".tbz2",
    ".txz",
    ".7z",
    ".rar",
)  # of several files, which are not looked into


def said_kinds() -> str:
    """The kinds in words."""
    packed = [ending.removeprefix(".") for ending in COMPRESSION_ENDINGS]
    return f"{_listed(list(FILE_KINDS))}, each also as {_listed(packed)}"


def is_archive(name: str) -> bool:
    """Whether a name is that of an archive of several files."""
    bare = name.lower()
    for ending in COMPRESSION_ENDINGS:
        bare = bare.removesuffix(ending)
    return bare.endswith(ARCHIVE_ENDINGS)


def _listed(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
