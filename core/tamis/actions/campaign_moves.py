"""A campaign's moves, made and looked after: what a move starts, whether it has ended, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tamis.actions.augmenting import accept_passed, batch_funnel
from tamis.actions.jobs import find_job
from tamis.actions.label_rounds import freeze_label_round, label_round
from tamis.actions.proposals import find_proposals
from tamis.actions.submit import submit
from tamis.actions.teams import decides_blind, second_opinions_missing
from tamis.actions.versions import make_version
from tamis.campaigns.moves import HELD_OUT, RANDOM_SEEDS, SEEDS, Move
from tamis.errors import CurationError
from tamis.jobs.model import JobState
from tamis.steps import STEPS
from tamis.steps.propose.alc3 import asked_rows
from tamis.store.artifacts.batches import passed_rows
from tamis.store.artifacts.frozen_rows import freeze_rows, read_frozen
from tamis.store.artifacts.store import Artifact
from tamis.store.artifacts.versions import ancestor_ids
from tamis.store.database.campaigns import CampaignRow, MoveRow
from tamis.store.names import dataset_names
from tamis.store.workspace import Workspace
from tamis.types import JSON, Int64s

# What of a step's summary is worth remembering of a campaign, so that its story survives its artifacts.
FACTS: Mapping[str, tuple[str, ...]] = {
    "examine": (
        "n_rows", "n_marked", "n_right", "n_wrong", "accuracy", "accuracy_low", "accuracy_high", "groups", "not_marked",
    ),
    "augment": (
        "n_jobs", "n_drafts", "n_passed", "n_rejected", "stopped_by", "reasons", "reject_reasons", "questions",
        "prompt_tokens", "completion_tokens", "cost",
    ),
    "finetune": (
        "n_train", "n_held_out", "train_loss", "eval_loss", "first_loss", "pair_accuracy", "pair_accuracy_low",
        "pair_accuracy_high", "pair_margin", "logp_given", "seconds",
    ),
    "propose": ("round", "n_asked", "n_replace", "n_drop", "delta", "eta", "eta_0"),
    "curate": ("n_examples", "n_added"),
}  # fmt: skip
# What of a review tells how its rows were decided.
DECIDED_FACTS = frozenset(
    {"n_accepted", "n_dropped", "n_waiting", "n_answered", "n_wrong", "n_annotated", "n_mended", "share_wrong", "eta"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Begun:
    """What a move started: its job where it is a step, and the dataset and artifact that come of it."""

    job_id: str = ""
    dataset_id: str = ""
    made: str = ""


def begin(workspace: Workspace, row: CampaignRow, move: Move) -> Begun:
    """Make a move; the same move made twice is the same job and the same result. Raises what its step raises.

    ``workspace`` is in the hands of whoever began the campaign (``in_its_hands``). What its options name on this machine was
    looked at when it began, by the rights of those: whoever lets it go on names nothing.
    """
    workspace = workspace.unconfined()
    if move.kind == "run":
        done = submit(workspace, move.dataset_id, move.step, _resolved(workspace, row, move)).job
        return Begun(done.job_id, done.dataset_id, done.artifact_id)
    if move.kind == "join":
        name = f"{dataset_names(workspace)[row.dataset_id]}, {row.kind} round {move.round}"
        done = make_version(workspace, move.dataset_id, name, decisions="none", additions=[move.subject]).job
        return Begun(done.job_id, done.dataset_id, done.artifact_id)
    if move.kind == "accept" and batch_funnel(workspace, move.dataset_id).n_waiting:
        accept_passed(workspace, move.dataset_id, reviewer=workspace.actor.account or row.started_by)
    if move.kind == "freeze":
        return Begun("", move.dataset_id, _frozen_labels(workspace, move))
    return Begun("", move.dataset_id)


def facts_when_ended(workspace: Workspace, one: MoveRow, *, go_on: bool = False) -> Mapping[str, JSON] | None:
    """What came of a move, None while it is under way or people are waited for; ``go_on`` waits for them no longer.

    Raises CurationError for a job that did not succeed, DatasetMissing.
    """
    move = one.move
    if move.kind in ("run", "join"):
        return _facts_of_job(workspace, one)
    if move.kind == "brief":
        return None
    if move.kind == "freeze":
        return {}
    if not go_on and _second_opinions_missing(workspace, move):
        return None
    if move.subject:
        found = label_round(workspace, move.dataset_id, move.subject)
        if found.n_answered < found.n_asked and not go_on:
            return None
        told = {name: getattr(found, name) for name in ("share_wrong", "eta")}
        counts = ("n_asked", "n_answered", "n_wrong", "n_annotated", "n_mended", "n_corrected", "n_left_out")
        return {name: getattr(found, name) for name in counts} | {
            name: None if value != value else value for name, value in told.items()
        }
    funnel = batch_funnel(workspace, move.dataset_id)
    if funnel.n_waiting and not go_on:
        return None
    return {name: getattr(funnel, name) for name in ("n_passed", "n_accepted", "n_dropped", "n_waiting")}


def _second_opinions_missing(workspace: Workspace, move: Move) -> int:
    """About the rows that people are asked about: of a round of labels, or of a batch those that passed."""
    if move.subject:
        asked: Iterable[int] = asked_rows(find_proposals(workspace, move.dataset_id, move.subject))
    else:
        asked = passed_rows(workspace.artifacts.examples(move.dataset_id)).tolist()
    return second_opinions_missing(workspace, move.dataset_id, asked, move.subject)


def n_waiting(workspace: Workspace, one: MoveRow) -> tuple[int, int]:
    """Rows that people still have to decide about for a move, and how many there were."""
    move = one.move
    if move.kind != "review":
        return 0, 0
    if move.subject:
        found = label_round(workspace, move.dataset_id, move.subject)
        return found.n_asked - found.n_answered, found.n_asked
    funnel = batch_funnel(workspace, move.dataset_id)
    return funnel.n_waiting, funnel.n_passed


def as_seen(workspace: Workspace, one: MoveRow) -> MoveRow:
    """A move as who asks may know it: a review of rows that they share with others without how these were decided."""
    if one.facts is None or one.move.kind != "review" or not decides_blind(workspace, one.move.dataset_id):
        return one
    told = {name: value for name, value in one.facts.items() if name not in DECIDED_FACTS}
    return replace(one, facts=told)


def rows_here(workspace: Workspace, row: CampaignRow, dataset_id: str, what: str) -> Int64s:
    """Rows that were frozen when the campaign began, as they are numbered in a version of its dataset."""
    store = workspace.artifacts
    first = read_frozen(store.get(row.dataset_id, "rows", row.frozen[what]))
    before = ancestor_ids(store, store.examples(dataset_id), row.dataset_id)
    return np.flatnonzero(np.isin(before, first)).astype(np.int64)


def _facts_of_job(workspace: Workspace, one: MoveRow) -> Mapping[str, JSON] | None:
    step = "curate" if one.move.kind == "join" else one.move.step
    made = workspace.artifacts.find(one.made_dataset, STEPS[step].makes, one.made)
    if made is not None:
        return _facts(made, step)
    job = find_job(workspace, one.job_id)
    if job is not None and not job.state.final:
        return None
    if job is None or job.state is JobState.SUCCEEDED:
        workspace.artifacts.get(one.made_dataset, STEPS[step].makes, one.made)  # says what is missing
    assert job is not None
    raise CurationError(f"{step} {job.state}: {job.reason}")


def _facts(made: Artifact, step: str) -> dict[str, JSON]:
    told = {name: made.summary[name] for name in FACTS[step] if name in made.summary} if step in FACTS else {}
    if step == "augment":
        told |= {
            "questions_asked": told["questions"], "cost_asked": told["cost"] or 0.0,
            "tokens_asked": told["prompt_tokens"] + told["completion_tokens"],
        }  # fmt: skip
    return told


def _frozen_labels(workspace: Workspace, move: Move) -> str:
    found = label_round(workspace, move.dataset_id, move.subject)
    if not (found.n_annotated or found.n_corrected or found.n_left_out):
        return ""  # nothing was said and nothing changed: the rows as they are
    return freeze_label_round(workspace, move.dataset_id, move.subject).id


def _resolved(workspace: Workspace, row: CampaignRow, move: Move) -> dict[str, JSON]:
    """The options with the campaign's own words for rows as frozen rows of the dataset of the move."""
    return {name: _rows_named(workspace, row, move, value) for name, value in move.options.items()}


def _rows_named(workspace: Workspace, row: CampaignRow, move: Move, value: JSON) -> JSON:
    named = {HELD_OUT: "held_out", SEEDS: "seeds"}
    if not isinstance(value, str) or not value.startswith("campaign:"):
        return value
    store, dataset_id = workspace.artifacts, move.dataset_id
    if value in named:
        rows: Sequence[int] | Int64s = rows_here(workspace, row, dataset_id, named[value])
    else:
        seeds = rows_here(workspace, row, dataset_id, "seeds")
        wanted = min(int(value.removeprefix(RANDOM_SEEDS)), len(seeds))
        rng = np.random.default_rng([int(row.options["seed"]), move.round])
        rows = np.sort(rng.permutation(seeds)[:wanted])
    label = f"{row.campaign_id}: {value.removeprefix('campaign:')}"
    return freeze_rows(store, dataset_id, np.asarray(rows, dtype=np.int64), label).id
