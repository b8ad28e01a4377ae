"""Examples of targets that trainings are measured on beside the held-out rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.models.chat_rows import chat_record
from tamis.store.artifacts.store import Artifact
from tamis.store.artifacts.targets import TargetExample, read_target
from tamis.types import Float64s, Int64s

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


def append_judged(file: Path, judged: JudgedExamples) -> None:
    """Write them after the rows of a training file."""
    with file.open("ab") as stream:
        for one in judged.examples:
            stream.write(orjson.dumps(chat_record(one.turns(), {})) + b"\n")


def write_target_losses(folder: Path, judged: JudgedExamples, sums: Float64s, tokens: Int64s) -> None:
    """Summed loss and learned tokens of every example, with the number of its target."""
    columns = {"target": pa.array(judged.part), "loss_sum": pa.array(sums), "n_tokens": pa.array(tokens)}
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
