"""embed: texts to unit vectors, chunk by chunk, so that a stopped run goes on where it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.compute.projection import pca_2d
from core.encoders.cache import VectorCache, text_key
from core.protocols import Encoder
from core.steps.context import StepContext
from core.steps.options import EmbedOptions
from core.types import JSON, Float32s, Int64s

# Big enough that sorting by length inside a chunk wastes little padding, small enough that a killed run loses
# a few seconds of work on a CPU.
CHUNK_ROWS = 1024
TEXTS = {"both": ("prompt", "response"), "prompt": ("prompt",), "response": ("response",)}


@dataclass(slots=True)
class _Counts:
    """What the chunks said about their texts."""

    encoded: int = 0
    reused: int = 0
    truncated: int = 0
    texts: int = 0


def run(context: StepContext, options: EmbedOptions) -> dict[str, JSON]:
    """Write prompt.npy, response.npy (as asked), vectors.npy, tokens.npy and pca.npy; return the summary."""
    context.progress("load model", 0, 1)
    encoder: Encoder = options.build("encoder")(options.chosen_options("encoder"))
    cache = VectorCache(context.workspace / "cache" / "vectors", encoder.identity, encoder.dimension)
    texts = TEXTS[options.text]
    n_rows = int(context.input("examples").summary["n_examples"])
    counts = _encode_chunks(context, encoder, cache, texts)
    _assemble(context, texts, n_rows, encoder.dimension)
    return {
        "n_rows": n_rows,
        "dimension": encoder.dimension,
        "encoder": encoder.identity,
        "max_tokens": encoder.max_tokens,
        "truncated_fraction": counts.truncated / max(counts.texts, 1),
        "n_texts": counts.texts,
        "n_reused": counts.reused,
    }


def _encode_chunks(
    context: StepContext, encoder: Encoder, cache: VectorCache, texts: tuple[str, ...]
) -> _Counts:
    counts = _Counts()
    done = 0
    n_rows = int(context.input("examples").summary["n_examples"])
    for number, columns in enumerate(_chunks(context.input("examples").file("examples.parquet"), texts)):
        part = context.output.part(f"{number:06d}.npz")
        if not part.exists():
            arrays = _encode_chunk(encoder, cache, columns)
            aside = part.with_suffix(".aside")
            with aside.open("wb") as stream:
                np.savez(stream, allow_pickle=False, **arrays)
            aside.replace(part)
        with np.load(part) as saved:
            counts.texts += int(saved["n_texts"])
            counts.reused += int(saved["n_reused"])
            counts.truncated += int(saved["n_truncated"])
        done += len(columns[texts[0]])
        context.progress("embed", done, n_rows, f"{counts.reused:,} of {counts.texts:,} texts reused")
    return counts


def _chunks(path: Path, texts: tuple[str, ...]) -> Iterator[dict[str, list[str]]]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=CHUNK_ROWS, columns=list(texts)):
            yield {name: [str(text) for text in batch.column(name).to_pylist()] for name in texts}


def _encode_chunk(
    encoder: Encoder, cache: VectorCache, columns: dict[str, list[str]]
) -> dict[str, NDArray[Any]]:
    names = list(columns)
    flat = [text for name in names for text in columns[name]]
    unique = list(dict.fromkeys(flat))
    position = {text: i for i, text in enumerate(unique)}
    vectors, lengths, n_reused = _vectors(encoder, cache, unique)
    rows = np.fromiter((position[t] for t in flat), dtype=np.int64, count=len(flat))
    size = len(columns[names[0]])
    window = encoder.max_tokens
    arrays: dict[str, NDArray[Any]] = {
        name: vectors[rows[i * size : (i + 1) * size]] for i, name in enumerate(names)
    }
    arrays["tokens"] = lengths[rows].reshape(len(names), size).sum(axis=0)
    arrays["n_texts"] = np.array(len(flat))
    arrays["n_reused"] = np.array(n_reused + len(flat) - len(unique))
    arrays["n_truncated"] = np.array((lengths[rows] > window).sum() if window else 0)
    return arrays


def _vectors(encoder: Encoder, cache: VectorCache, texts: list[str]) -> tuple[Float32s, Int64s, int]:
    """Vectors and token counts of texts, and how many vectors were known already."""
    keys = [text_key(text) for text in texts]
    vectors, found = cache.get(keys)
    known, missing = np.flatnonzero(found), np.flatnonzero(~found)
    lengths = np.zeros(len(texts), dtype=np.int64)
    lengths[known] = encoder.count_tokens([texts[i] for i in known])
    if len(missing):
        vectors[missing], lengths[missing] = encoder.encode_with_counts([texts[i] for i in missing])
        cache.put([keys[i] for i in missing], vectors[missing])
    return vectors, lengths, int(found.sum())


def _assemble(context: StepContext, texts: tuple[str, ...], n_rows: int, dimension: int) -> None:
    """Join the parts into memory-mapped files, so that memory stays flat whatever the number of rows."""
    folder = context.output.path
    wanted = ["vectors", *(name for name in texts if len(texts) > 1)]
    maps = {
        name: np.lib.format.open_memmap(
            folder / f"{name}.npy", mode="w+", dtype=np.float32, shape=(n_rows, dimension)
        )
        for name in wanted
    }
    tokens = np.zeros(n_rows, dtype=np.int32)
    start = 0
    for path in sorted((folder / "parts").glob("*.npz")):
        with np.load(path) as saved:
            end = start + len(saved["tokens"])
            tokens[start:end] = saved["tokens"]
            parts = [saved[name] for name in texts]
        for name, array in zip(texts, parts, strict=True):
            if name in maps:
                maps[name][start:end] = array
        maps["vectors"][start:end] = parts[0] if len(parts) == 1 else _average(*parts)
        start = end
        context.progress("write", end, n_rows)
    for array in maps.values():
        array.flush()
    np.save(folder / "tokens.npy", tokens)
    np.save(folder / "pca.npy", pca_2d(maps["vectors"]))


def _average(prompts: Float32s, responses: Float32s) -> Float32s:
    """Unit vector halfway between two unit vectors; zero where both are empty."""
    total = prompts + responses
    norms = np.linalg.norm(total, axis=1, keepdims=True)
    averaged: Float32s = np.divide(total, norms, out=np.zeros_like(total), where=norms > 0)
    return averaged
