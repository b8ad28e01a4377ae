"""One round: select, train, generate, score, update; every stage leaves parts, so that a stopped round goes on."""

from __future__ import annotations

import os
import shutil
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.compute.refine.draw import draw_round, spread_order
from tamis.compute.select.groups import places_in_groups
from tamis.compute.select.kmq import Selection
from tamis.compute.select.quality_gain import quality_gain
from tamis.compute.text.near_duplicates import NONE, exact_duplicates
from tamis.recipes import RECIPES, Trained, TrainingRequest
from tamis.registry import parse_options
from tamis.selectors.quality import gain_remark
from tamis.steps.base_model import base_model_folder
from tamis.steps.context import StepContext
from tamis.steps.finetune.company import row_prompts
from tamis.steps.finetune.curves import write_curves
from tamis.steps.finetune.rows import training_records, write_training_file
from tamis.steps.refine.chunks import (
    Client,
    GapChunks,
    GenerateChunks,
    generated_part,
    n_chunks,
    scored_part,
    texts_in,
)
from tamis.steps.refine.options import EPOCHS, LEAST_SCORED, RefineOptions, RoundOptions
from tamis.steps.refine.state import RoundState, read_state
from tamis.steps.refine.texts import texts_of
from tamis.steps.refine.update import Update, update
from tamis.store.artifacts.adapters import CURVES
from tamis.store.artifacts.readers import read_scores
from tamis.store.artifacts.refinements import (
    ADAPTER,
    CLUSTERS,
    FLAGS,
    GENERATIONS,
    GENERATIONS_SCHEMA,
    PICKS,
    PREVIOUS,
    ROUND_PICKS_SCHEMA,
    ROW_SCORES,
    ROW_SCORES_SCHEMA,
    make_table,
    round_chain,
)
from tamis.store.artifacts.store import ArtifactStore
from tamis.types import JSON, NOISE, Int64s


@dataclass(frozen=True, slots=True)
class Answered:
    """What the model said and how both answers scored, for the rows that were looked at."""

    generations: pa.Table
    scores: pa.Table

    @staticmethod
    def nothing() -> Answered:
        """No row was looked at."""
        return Answered(GENERATIONS_SCHEMA.empty_table(), ROW_SCORES_SCHEMA.empty_table())


def run(context: StepContext, options: RoundOptions) -> dict[str, JSON]:
    """Write picks, generations, row scores, clusters, flags and the round model's adapter; return the summary."""
    settings = options.refine_options()
    history = []
    if PREVIOUS in context.inputs:
        history = round_chain(ArtifactStore(context.workspace), context.input(PREVIOUS))
    state = read_state(context.inputs, settings, history)
    context.progress("select", 0, 1)
    picked = draw_round_rows(state, settings, options)
    selected = np.sort(np.concatenate([np.flatnonzero(state.kept), picked.rows]))
    context.progress("select", 1, 1, f"{len(picked.rows):,} rows added, {len(selected):,} selected")
    looked_at = rows_to_score(settings, picked.rows, selected, state, options.round)
    trained, train_hash = None, ""
    answered = Answered.nothing()
    if len(looked_at):
        round_model, trained, train_hash = _train_round_model(context, settings, state, selected)
        answered = _answers(context, settings, state, looked_at, round_model)
    context.progress("update", 0, 1)
    scores = answered.scores
    moved = update(
        state,
        settings,
        options.round,
        rows=scores["example_id"].to_numpy(),
        gap=scores["gap"].to_numpy().astype(np.float64),
        together=_asked_alike(context, state, scores["example_id"].to_numpy()),
        selected=selected,
        confidence=read_scores(context.input("confidence")) if "confidence" in context.inputs else None,
        allocated=picked.allocated,
    )
    _write(context.output.path, picked, answered, moved)
    summary = _summary(options, settings, state, picked, moved, selected=selected)
    summary |= _answer_summary(answered, trained, train_hash)
    if trained is not None:
        if trained.stopped == "nan loss":
            summary["notes"] = [*moved.notes, "The loss became no number: the last good checkpoint answered."]
        write_curves(trained.curves, context.output.path / CURVES)
        _keep_adapter(trained.folder, context.output.path / ADAPTER)
    context.progress("update", 1, 1)
    return summary


def _asked_alike(context: StepContext, state: RoundState, rows: Int64s) -> Int64s:
    """The same number for rows (sorted) that ask the same, to which a model gives one answer, shape (n,)."""
    of = exact_duplicates(row_prompts(context.input("examples"), rows, state.corrections.replaced)).of
    return np.where(of == NONE, np.arange(len(of)), of)


def draw_round_rows(state: RoundState, settings: RefineOptions, options: RoundOptions) -> Selection:
    """The rows that the round adds: its own, and as many as decisions have dropped from earlier rounds."""
    wanted = state.n_planned + options.n_rows - int(state.kept.sum())
    if wanted < 1:
        return _no_rows(state)
    rng = np.random.default_rng(stage_seed(settings.seed, options.round, "select"))
    if settings.control == "random":
        return _draw_anywhere(state, wanted, rng)
    return draw_round(
        state.pool,
        state.drawn_by,
        wanted,
        taken=state.taken,
        rng=rng,
    )


def _draw_anywhere(state: RoundState, wanted: int, rng: np.random.Generator) -> Selection:
    """A draw that knows of no clusters, told by cluster afterwards."""
    pool = replace(state.pool, cluster_id=np.zeros_like(state.pool.cluster_id), n_clusters=1, quality=None)
    drawn = draw_round(pool, [1.0, 0.0], wanted, taken=state.taken, rng=rng)
    groups = state.pool.groups()[drawn.rows]
    return replace(
        drawn,
        cluster_id=state.pool.cluster_id[drawn.rows],
        allocated=np.bincount(groups, minlength=state.pool.n_clusters + 1).astype(np.int64),
        available=state.pool.sizes(),
    )


def rows_to_score(
    settings: RefineOptions, new: Int64s, selected: Int64s, state: RoundState, number: int
) -> Int64s:
    """Sorted ids of the rows that the model answers in this round; none for a control that never looks.

    Where rounds are pooled, every cluster with rows left is heard twice at least, by rows that are not selected where it
    has too few: a cluster that has fallen could not rise again otherwise.
    """
    if settings.static:
        return np.zeros(0, dtype=np.int64)
    rows = np.sort(new if settings.score_rows == "new" else selected)
    if settings.generate_rows is not None and len(rows) > settings.generate_rows:
        rng = np.random.default_rng(stage_seed(settings.seed, number, "generate"))
        order = spread_order(state.pool.groups()[rows], rng)
        rows = np.sort(rows[order[: settings.generate_rows]])
    if not settings.pools_rounds:
        return rows
    rng = np.random.default_rng(stage_seed(settings.seed, number, "probe"))
    return np.sort(np.concatenate([rows, _probes(state, rows, selected, rng)]))


def _probes(state: RoundState, rows: Int64s, selected: Int64s, rng: np.random.Generator) -> Int64s:
    """Rows that bring every group to ``LEAST_SCORED``, those that are selected first, then any that may still be."""
    group = state.pool.groups()
    missing = LEAST_SCORED - np.bincount(group[rows], minlength=state.pool.n_clusters + 1)
    missing[state.drawn_by <= 0] = 0  # nobody asks about a cluster that is left out
    may = ~state.pool.excluded & ~state.taken
    may[selected] = True
    may[rows] = False
    first = np.ones(group.size, dtype=np.bool_)
    first[selected] = False
    candidates = np.flatnonzero(may & (missing[group] > 0))
    order = candidates[np.lexsort((rng.random(candidates.size), first[candidates], group[candidates]))]
    place = places_in_groups(np.bincount(group[order], minlength=missing.size))
    return order[place < missing[group[order]]]


def stage_seed(seed: int, number: int, stage: str) -> list[int]:
    """A seed for each stage of each round, so that no stage shares its luck with another."""
    return [seed, number, zlib.crc32(stage.encode())]


def _no_rows(state: RoundState) -> Selection:
    none = np.zeros(0, dtype=np.int64)
    groups = np.zeros(state.pool.n_clusters + 1, dtype=np.int64)
    return Selection(none, none, none, np.zeros(0), groups, state.pool.sizes(), shortfall=0, n_forced=0)


def _train_round_model(
    context: StepContext, settings: RefineOptions, state: RoundState, selected: Int64s
) -> tuple[Path | None, Trained | None, str]:
    """The folder of the model that answers (None: the base), trained from the base on everything selected."""
    if settings.cheap:
        return None, None, ""
    context.progress("train", 0, 0, "reading rows")
    rows = training_records(context.input("examples"), selected, state.corrections.replaced)
    file = context.output.part("train.jsonl")
    _, train_hash = write_training_file(file, rows)
    recipe = RECIPES[settings.recipe]
    recipe_options = parse_options(recipe.options, {**settings.recipe_options, EPOCHS: settings.guide_epochs})
    request = TrainingRequest(
        model=base_model_folder(settings.model, context.workspace),
        train_file=file,
        eval_file=None,
        folder=context.output.part("train"),
        seed=settings.seed,
        on_progress=lambda done, total, message: context.progress("train", done, total, message),
        on_metric=context.reporter.metric,
    )
    trained: Trained = recipe.load()(request, recipe_options)
    return trained.folder.absolute(), trained, train_hash


def _answers(
    context: StepContext, settings: RefineOptions, state: RoundState, rows: Int64s, round_model: Path | None
) -> Answered:
    base = _base_client(context, settings)
    generating = base if round_model is None else _client(context, settings, round_model)
    texts = context.output.part("texts.parquet").absolute()
    pq.write_table(texts_of(context.input("examples"), rows, state.corrections), texts)
    parts, names = context.output.part("").absolute(), range(n_chunks(len(rows)))
    generate = GenerateChunks(generating, texts, parts, settings)
    paths = context.compute_parts(
        generate, [generated_part(i) for i in names], _Counted(context, "generate", len(rows)).landed
    )
    generations = pa.concat_tables([pq.read_table(path) for path in paths])
    whole = context.output.part("generations.parquet").absolute()
    pq.write_table(generations, whole)
    scoring: Client | None = generating if settings.scored_by == "guide" else base
    if settings.asks() == "judge":
        scoring = Client(context.workspace.absolute(), settings.judge, settings.judge_options)
    elif settings.asks() == "none":
        scoring = None
    score = GapChunks(scoring, texts, whole, parts, settings)
    paths = context.compute_parts(
        score, [scored_part(i) for i in names], _Counted(context, "score", len(rows)).landed
    )
    return Answered(generations, pa.concat_tables([pq.read_table(path) for path in paths]))


def _base_client(context: StepContext, settings: RefineOptions) -> Client:
    if settings.model == "smollm2":
        return Client(context.workspace.absolute(), "smollm2", settings.model_options)
    return _client(context, settings, base_model_folder(settings.model, context.workspace))


def _client(context: StepContext, settings: RefineOptions, folder: Path) -> Client:
    named = {**settings.model_options, "model": str(folder)}
    return Client(context.workspace.absolute(), "transformers", named)


class _Counted:
    """Says how many rows of a stage are there."""

    def __init__(self, context: StepContext, stage: str, n_rows: int) -> None:
        self._context, self._stage, self._n_rows, self._done = context, stage, n_rows, 0
        context.progress(stage, 0, n_rows, "loading the model")

    def landed(self, path: Path | None) -> None:
        """A part is there, or None while none comes."""
        self._done += 0 if path is None else pq.read_metadata(path).num_rows
        self._context.progress(self._stage, self._done, self._n_rows)


def _write(folder: Path, picked: Selection, answered: Answered, moved: Update) -> None:
    columns = {
        "example_id": picked.rows,
        "cluster_id": picked.cluster_id,
        "rank": np.arange(len(picked.rows)),
        "weight": picked.weight,
    }
    picks = make_table(ROUND_PICKS_SCHEMA, columns)
    tables = {
        PICKS: picks,
        GENERATIONS: answered.generations,
        ROW_SCORES: answered.scores,
        CLUSTERS: moved.clusters,
        FLAGS: moved.flags,
    }
    for name, table in tables.items():
        pq.write_table(table, folder / name, compression="zstd")


def _keep_adapter(made: Path, folder: Path) -> None:
    """Put the round model into the artifact; linked rather than moved, so that a round stopped here need not train again."""
    if made.exists():
        shutil.copytree(made, folder, copy_function=_link, dirs_exist_ok=True)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _summary(
    options: RoundOptions,
    settings: RefineOptions,
    state: RoundState,
    picked: Selection,
    moved: Update,
    *,
    selected: Int64s,
) -> dict[str, JSON]:
    return {
        "round": options.round,
        "mode": settings.mode,
        "scorer": "none" if settings.static else settings.scorer,
        "control": settings.control,
        "cheap": settings.cheap,
        "n_new": len(picked.rows),
        "n_selected": len(selected),
        "n_refilled": max(0, state.n_planned - int(state.kept.sum())),
        "shortfall": int(picked.shortfall),
        "n_forced": int(picked.n_forced),
        "n_pool": int((~state.pool.excluded & ~state.taken).sum()),
        "n_outside": int((picked.cluster_id == NOISE).sum()),
        "n_flags": moved.flags.num_rows,
        "n_clusters_scored": moved.n_clusters_scored,
        "rank_correlation": moved.rank_correlation,
        **moved.evidence,
        "notes": [*_quality_notes(settings, state, picked), *moved.notes],
    }


def _quality_notes(settings: RefineOptions, state: RoundState, picked: Selection) -> list[str]:
    """Where the rows of the round were to be drawn by quality and hardly were."""
    if state.pool.quality is None or settings.control == "random":
        return []
    notes = []
    if picked.n_forced:
        notes.append(
            f"{picked.n_forced:,} of {len(picked.rows):,} rows had no chance by quality and were picked because nothing "
            "else was left in their clusters: weigh by rank."
        )
    available = ~(state.pool.excluded | state.pool.pinned | state.taken)
    gain = quality_gain(state.pool.quality, picked.rows, available=available, group=state.pool.groups())
    remark = "" if np.isnan(gain) else gain_remark("kmq", gain, len(picked.rows))
    return [*notes, *([remark] if remark else [])]


def _answer_summary(answered: Answered, trained: Trained | None, train_hash: str) -> dict[str, JSON]:
    gap = answered.scores["gap"].to_numpy()
    known = gap[np.isfinite(gap)]
    generated = texts_in(answered.generations, "generated")
    summary: dict[str, JSON] = {
        "n_answered": len(gap),
        "n_scored": len(known),
        "n_not_scored": len(gap) - len(known),
        "n_empty": sum(not text.strip() for text in generated),
        "mean_gap": float(known.mean()) if len(known) else None,
    }
    if trained is not None:
        loss = float(trained.train_loss)
        summary["training"] = {
            "n_steps": trained.n_steps,
            "n_tokens": trained.n_tokens,
            "train_loss": loss if np.isfinite(loss) else None,
            "stopped": trained.stopped,
            "fit": trained.fit.text if trained.fit else "",
            "train_sha256": train_hash,
        }
    return summary
