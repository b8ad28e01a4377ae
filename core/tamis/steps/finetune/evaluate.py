"""Base and fine-tuned model over the same held-out rows: losses, answers, and what they share with the wanted ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tamis.compute.compare.paired import Verdict, change_verdicts, paired_change
from tamis.compute.text.text_overlap import exact_match, is_json, rouge_l, token_f1
from tamis.protocols import LanguageModel
from tamis.store.artifacts.adapters import GROUP, held_out_groups
from tamis.types import JSON, Float64s, Int64s

LOSS_WORDS: dict[Verdict, str] = {"lower": "better", "higher": "worse", "unclear": "not clear"}
CHUNK_ROWS = 16  # rows between two reports; answers are kept after each
MEASURES = ("loss", "exact_match", "token_f1", "rouge_l", "json_valid")
Report = Callable[[str, int, int, str], None]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Held-out rows side by side; ``cluster_ids`` is -1 where there is none, ``groups`` the same for rows that belong
    together.
    """

    example_ids: Int64s
    cluster_ids: Int64s
    prompts: Sequence[str]
    golds: Sequence[str]
    groups: Int64s


def evaluate(
    rows: HeldOut,
    base: LanguageModel,
    tuned: LanguageModel,
    *,
    answered: Int64s,
    max_new_tokens: int,
    report: Report,
) -> pa.Table:
    """One row per held-out row; ``answered`` are the positions that both models answer, greedily.

    Columns: example_id, cluster_id, group, prompt, gold, base_response and response (null where not answered), and each of
    MEASURES for the tuned model and with ``base_`` for its base (NaN where not measured; json_valid only where the
    wanted answer is JSON). A loss is the mean negative log-likelihood per token of the wanted answer.
    """
    columns: dict[str, pa.Array[Any]] = {
        "example_id": pa.array(rows.example_ids, pa.int64()),
        "cluster_id": pa.array(rows.cluster_ids, pa.int32()),
        GROUP: pa.array(rows.groups, pa.int64()),
        "prompt": pa.array(list(rows.prompts), pa.string()),
        "gold": pa.array(list(rows.golds), pa.string()),
    }
    models = (("base_", base), ("", tuned))
    for place, (prefix, model) in enumerate(models):
        losses = _losses(rows, model, _part(report, "held-out loss", place, len(rows.prompts)))
        columns[f"{prefix}loss"] = pa.array(losses, pa.float32())
    for place, (prefix, model) in enumerate(models):
        done = _part(report, "answer", place, len(answered))
        texts = _answers(rows, model, answered, max_new_tokens, done)
        columns[f"{prefix}response"] = pa.array(texts, pa.string())
        for name, values in _overlaps(rows.golds, texts).items():
            columns[f"{prefix}{name}"] = pa.array(values, pa.float32())
    return pa.table(columns)


def means(table: pa.Table) -> dict[str, JSON]:
    """Mean of every measure over the rows where it was measured; None where it was on none."""
    return {name: _mean(table.column(name).to_numpy()) for name in _measured()}


def by_cluster(table: pa.Table) -> pa.Table:
    """One row per cluster: cluster_id, n_rows, n_answered, and the mean of every measure (NaN where on no row)."""
    clusters = table.column("cluster_id").to_numpy()
    answered = np.array([text is not None for text in table.column("response").to_pylist()], dtype=np.bool_)
    lines: list[dict[str, JSON]] = []
    for cluster in np.unique(clusters).tolist():
        inside = clusters == cluster
        row: dict[str, JSON] = {
            "cluster_id": cluster,
            "n_rows": int(inside.sum()),
            "n_answered": int((inside & answered).sum()),
        }
        for name in _measured():
            value = _mean(table.column(name).to_numpy()[inside])
            row[name] = float("nan") if value is None else value
        lines.append(row)
    kinds: dict[str, pa.DataType] = {"cluster_id": pa.int32(), "n_rows": pa.int64(), "n_answered": pa.int64()}
    kinds |= {name: pa.float32() for name in _measured()}
    return pa.Table.from_pylist(lines, schema=pa.schema(kinds))


def loss_verdict(table: pa.Table) -> str:
    """What became of the held-out loss, over all rows and of each cluster, in words: verdicts on paired differences, rows of
    one group counting once.
    """
    change = table.column("loss").to_numpy() - table.column("base_loss").to_numpy()
    clusters, groups = table.column("cluster_id").to_numpy(), held_out_groups(table)
    whole = paired_change(change, groups)
    if not np.isfinite(whole.low):
        return ""
    (found,) = change_verdicts([whole])
    text = (
        f"Held-out loss changed by {whole.mean:+.3f} (95 % interval {whole.low:+.3f} to {whole.high:+.3f}, "
        f"{_paired(int(np.isfinite(change).sum()), whole.n)}): {LOSS_WORDS[found]}."
    )
    parts = [clusters == one for one in np.unique(clusters)]
    each = change_verdicts([paired_change(change[part], groups[part]) for part in parts])
    if len(each) < 2:
        return text
    counted = ", ".join(f"{each.count(key):,} {word}" for key, word in LOSS_WORDS.items())
    return f"{text} Of {len(each):,} clusters {counted} (Benjamini-Hochberg at 5 %)."


def _paired(n_rows: int, n_groups: int) -> str:
    together = "" if n_groups == n_rows else f" in {n_groups:,} groups of like rows, each counted once"
    return f"{n_rows:,} rows paired{together}"


def _part(report: Report, stage: str, place: int, n: int) -> Callable[[int], None]:
    """Reports of the first or the second of two models as a part of one stage."""
    return lambda done: report(stage, place * n + done, 2 * n, "")


def _measured() -> list[str]:
    return [f"{prefix}{name}" for prefix in ("", "base_") for name in MEASURES]


def _mean(values: Float64s) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def _losses(rows: HeldOut, model: LanguageModel, done: Callable[[int], None]) -> Float64s:
    losses = np.full(len(rows.prompts), np.nan)
    done(0)
    for start in range(0, len(losses), CHUNK_ROWS):
        part = slice(start, start + CHUNK_ROWS)
        losses[part] = -model.loglikelihood(rows.prompts[part], rows.golds[part]).mean
        done(min(len(losses), part.stop))
    return losses


def _answers(
    rows: HeldOut, model: LanguageModel, answered: Int64s, max_new_tokens: int, done: Callable[[int], None]
) -> list[str | None]:
    texts: list[str | None] = [None] * len(rows.prompts)
    for start in range(0, len(answered), CHUNK_ROWS):
        done(start)
        part = answered[start : start + CHUNK_ROWS].tolist()
        completions = model.complete([rows.prompts[i] for i in part], max_new_tokens=max_new_tokens)
        for i, several in zip(part, completions, strict=True):
            texts[i] = several[0]
    done(len(answered))
    return texts


def _overlaps(golds: Sequence[str], texts: Sequence[str | None]) -> dict[str, Float64s]:
    measures = {name: np.full(len(golds), np.nan) for name in MEASURES if name != "loss"}
    for i, (gold, text) in enumerate(zip(golds, texts, strict=True)):
        if text is None:
            continue
        measures["exact_match"][i] = exact_match(gold, text)
        measures["token_f1"][i] = token_f1(gold, text)
        measures["rouge_l"][i] = rouge_l(gold, text)
        if is_json(gold):
            measures["json_valid"][i] = float(is_json(text))
    return measures
