"""embed: texts to unit vectors, chunk by chunk, so that a stopped run goes on where it was.

However the chunks are shared over processes, the artifact is the same byte for byte with an encoder that encodes a text
alike whatever stands beside it (hashing). A transformer's vectors depend on their batch by rounding (cosine above
0.999 in bfloat16), and which texts still have to be encoded depends on what the cache knew by then: a run that was
resumed, or shared, or found other datasets' texts in the cache, gives the same vectors up to that rounding.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from tamis.compute.map.projection import pca_2d
from tamis.encoders.cache import VectorCache, text_key
from tamis.models.pulse import listening
from tamis.protocols import Encoder
from tamis.registry import parse_options
from tamis.steps.chunks import Compute, RowReader, part_file
from tamis.steps.context import StepContext
from tamis.steps.embed.options import EmbedOptions
from tamis.types import JSON, Float32s, Int64s

# Big enough that sorting by length inside a chunk wastes little padding, small enough that a killed run loses
# a few seconds of work on a CPU.
CHUNK_ROWS = 256
TEXTS = {"both": ("prompt", "response"), "prompt": ("prompt",), "response": ("response",)}


@dataclass(slots=True)
class _Counts:
    """What the parts said about their texts and about the encoder."""

    rows: int = 0
    reused: int = 0
    truncated: int = 0
    texts: int = 0
    tokens: int = 0
    encoder: dict[str, JSON] = field(default_factory=dict)

    def add(self, path: Path) -> None:
        """Take in one part."""
        with np.load(path) as saved:
            self.rows += len(saved["tokens"])
            self.tokens += int(saved["tokens"].sum())
            self.texts += int(saved["n_texts"])
            self.reused += int(saved["n_reused"])
            self.truncated += int(saved["n_truncated"])
            self.encoder = orjson.loads(saved["encoder"].tobytes())

    def rows_with(self, tokens: int, n_rows: int) -> int:
        """About where the encoder is, of ``n_rows``, once it has read so many tokens of the next chunk, which is not done yet."""
        ahead = tokens * self.rows // max(self.tokens, 1)
        return min(self.rows + min(ahead, CHUNK_ROWS - 1), n_rows)


@dataclass(frozen=True, slots=True)
class EmbedChunks:
    """Vectors of ``chunk_rows`` consecutive examples as one part."""

    workspace: Path
    examples: Path
    parts: Path
    options: EmbedOptions
    chunk_rows: int

    def open(self) -> Compute:
        """Open the encoder and its cache."""
        encoder: Encoder = self.options.build("encoder")(self.options.chosen_options("encoder"))
        cache = VectorCache(self.workspace / "cache" / "vectors", encoder.identity, encoder.dimension)
        texts = TEXTS[self.options.text]
        reader = RowReader(self.examples, texts, self.chunk_rows)
        about = {
            "encoder": encoder.identity,
            "dimension": encoder.dimension,
            "max_tokens": encoder.max_tokens,
        }

        def compute(number: int) -> None:
            rows = reader.rows(number)
            columns = {name: [str(text) for text in rows.column(name).to_pylist()] for name in texts}
            arrays = _encode_chunk(encoder, cache, columns)
            arrays["encoder"] = np.frombuffer(orjson.dumps(about), dtype=np.uint8)
            with part_file(self.parts / vector_part_name(number)) as aside, aside.open("wb") as stream:
                np.savez(stream, allow_pickle=False, **arrays)

        return compute


def vector_part_name(number: int) -> str:
    """The part of a chunk."""
    return f"{number:06d}.npz"


def run(context: StepContext, options: EmbedOptions) -> dict[str, JSON]:
    """Write prompt.npy, response.npy (as asked), vectors.npy, tokens.npy and pca.npy; return the summary."""
    context.progress("load model", 0, 1)
    texts = TEXTS[options.text]
    n_rows = int(context.input("examples").summary["n_examples"])
    counts = _encode(context, options, n_rows)
    _assemble(context, texts, n_rows, counts.encoder["dimension"])
    return {
        "n_rows": n_rows,
        **counts.encoder,
        "truncated_fraction": counts.truncated / max(counts.texts, 1),
        "n_texts": counts.texts,
        "n_reused": counts.reused,
    }


def _encode(context: StepContext, options: EmbedOptions, n_rows: int) -> _Counts:
    examples = context.input("examples").file("examples.parquet")
    names = [vector_part_name(number) for number in range(math.ceil(n_rows / CHUNK_ROWS))]
    parts = context.output.part("").absolute()
    work = EmbedChunks(context.workspace.absolute(), examples.absolute(), parts, options, CHUNK_ROWS)
    counts, since = _Counts(), 0

    def heard(n_tokens: int) -> None:
        nonlocal since
        since += n_tokens
        if counts.rows:
            reused = f"{counts.reused:,} of {counts.texts:,} texts reused"
            context.progress("embed", counts.rows_with(since, n_rows), n_rows, reused)
        else:
            context.progress("embed", 0, n_rows, "loading the model, then the first rows")

    def landed(path: Path | None) -> None:
        nonlocal since
        if path is not None:
            counts.add(path)
            since = 0
        heard(0)

    with listening(heard):
        context.compute_parts(work, names, landed)
    return counts


def encode_like(
    workspace: Path, made_with: Mapping[str, JSON], texts: Mapping[str, Sequence[str]]
) -> Float32s:
    """Vectors (m, d) of other ``texts`` (prompts and responses by name) in the space of embeddings that were ``made_with``
    these options; a text that is blank takes no part. Those that are known are reused.
    """
    options = parse_options(EmbedOptions, made_with)
    encoder: Encoder = options.build("encoder")(options.chosen_options("encoder"))
    cache = VectorCache(workspace / "cache" / "vectors", encoder.identity, encoder.dimension)
    names = TEXTS[options.text]
    arrays = _encode_chunk(encoder, cache, {name: list(texts[name]) for name in names})
    parts = [arrays[name] for name in names]
    return parts[0] if len(parts) == 1 else _average(*parts)


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
    vectors, known_rows = cache.get(keys)
    known, missing = np.flatnonzero(known_rows), np.flatnonzero(~known_rows)
    lengths = np.zeros(len(texts), dtype=np.int64)
    lengths[known] = encoder.count_tokens([texts[i] for i in known])
    if len(missing):
        vectors[missing], lengths[missing] = encoder.encode_with_counts([texts[i] for i in missing])
        cache.put([keys[i] for i in missing], vectors[missing])
    return vectors, lengths, int(known_rows.sum())


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
