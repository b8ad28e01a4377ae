"""Examples of targets that trainings are measured on beside the held-out rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.models.chat_rows import chat_record
from tamis.store.artifacts.store import Artifact
from tamis.store.artifacts.targets import TargetExample, read_target
from tamis.types import JSON, Float64s, Int64s

TARGET_LOSSES = "target_losses.parquet"


@dataclass(frozen=True, slots=True)
class JudgedExamples:
    """The examples (e,) that measure, the target ``part`` (e,) of each, and the targets' ``names``."""

    examples: list[TargetExample]
    part: Int64s
    names: tuple[str, ...]

    @property
    def texts(self) -> tuple[list[str], list[str]]:
        """Prompts and responses."""
        return [one.prompt for one in self.examples], [one.response for one in self.examples]


def judged_examples(target: Artifact) -> JudgedExamples:
    """Of every target the half that was set aside to judge by, or all of one that was not split; those without an answer are left out."""
    held = read_target(target)
    taken = [
        i
        for i, one in enumerate(held.examples)
        if one.turns()[-1]["role"] == "assistant"
        and (held.judges[i] or not held.judges[held.part == held.part[i]].any())
    ]
    return JudgedExamples([held.examples[i] for i in taken], held.part[taken], held.names)


def judged_records(judged: JudgedExamples) -> Iterator[dict[str, JSON]]:
    """The examples as rows of a training file."""
    return (chat_record(one.turns(), {}) for one in judged.examples)


def write_judged(file: Path, judged: JudgedExamples) -> Path:
    """Write them as a training file; returns its path."""
    file.write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in judged_records(judged)))
    return file


def say_judged(judged: JudgedExamples, read: Int64s, limit: int) -> list[str]:
    """Of every target that is not measured on whole, how much of it is: ``read`` (r,) is the target of every example that can
    be read within ``limit`` tokens.
    """
    n_read = np.bincount(read, minlength=len(judged.names)).tolist()
    said = []
    for number, name in enumerate(judged.names):
        n = int((judged.part == number).sum())
        if not n:
            said.append(
                f"No example of {name} has an answer: what selects goes by it, and it is not measured on."
            )
        elif n_read[number] < n:
            said.append(
                f"{n_read[number]:,} of {n:,} examples of {name} can be read within {limit:,} tokens; the "
                "others are left out."
            )
    return said


def write_target_losses(folder: Path, part: Int64s, sums: Float64s, tokens: Int64s) -> None:
    """Summed loss and learned tokens of every example that was read, with the number of its target, ``part``."""
    columns = {"target": pa.array(part), "loss_sum": pa.array(sums), "n_tokens": pa.array(tokens)}
    pq.write_table(pa.table(columns), folder / TARGET_LOSSES, compression="zstd")


def target_loss_sums(proxy: Artifact) -> Float64s:
    """Summed loss (e,) of every example after a training; none where it was measured on no target."""
    if TARGET_LOSSES not in proxy.manifest.files:
        return np.empty(0)
    column: Float64s = pq.read_table(proxy.file(TARGET_LOSSES), columns=["loss_sum"])["loss_sum"].to_numpy()
    return column


def target_tokens(proxy: Artifact) -> tuple[Float64s, Int64s]:
    """Learned tokens (e,) of every example, and the number (e,) of its target."""
    if TARGET_LOSSES not in proxy.manifest.files:
        return np.empty(0), np.empty(0, dtype=np.int64)
    table = pq.read_table(proxy.file(TARGET_LOSSES), columns=["n_tokens", "target"])
    tokens = np.asarray(table["n_tokens"].to_numpy(), dtype=np.float64)
    return tokens, np.asarray(table["target"].to_numpy(), dtype=np.int64)
