"""Campaigns: loops over steps and people, started once, which say where they stand, go on by themselves, and end for a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tamis.actions.campaign_moves import as_seen, begin, facts_when_ended, n_waiting
from tamis.actions.campaign_rights import check_keys, in_its_hands
from tamis.actions.jobs import cancel_job, find_job, resume_job
from tamis.actions.roles import needs
from tamis.actions.submit import check_options
from tamis.campaigns import CAMPAIGNS, REASONS
from tamis.campaigns.moves import CampaignHistory, Done, Move, NextMove, Past
from tamis.errors import CurationError, DatasetMissing, InvalidOptions, JobConflict
from tamis.models.endpoints import check_use
from tamis.registry import parse_options
from tamis.reprs import HtmlFacts
from tamis.steps.resolve_rows import freeze
from tamis.store.artifacts.batches import is_synthetic
from tamis.store.artifacts.frozen_rows import freeze_rows, read_frozen
from tamis.store.artifacts.store import utc_now
from tamis.store.database import campaigns as table
from tamis.store.database.campaigns import UNDER_WAY, CampaignRow, CampaignState, MoveRow
from tamis.store.workspace import Workspace
from tamis.types import JSON, Int64s

__all__ = [
    "CAMPAIGNS", "REASONS", "Campaign", "CampaignState", "Move", "MoveRow", "go_on", "go_on_with_all", "list_campaigns",
    "plan_campaign", "resume_campaign", "revise_brief", "show_campaign", "start_campaign", "states_under_way",
    "stop_campaign",
]  # fmt: skip
MOST_PLANNED = 40
# What a rehearsal takes for granted of each move.
_AS_HOPED: Mapping[str, JSON] = {
    "n_wrong": 1, "n_passed": 1, "n_accepted": 10, "n_dropped": 10, "n_answered": 1, "share_wrong": 1.0, "eta": 0.0,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign(HtmlFacts):
    """Where a campaign stands.

    ``dataset_id`` is the dataset that it began with, ``dataset_now`` that of its last join; ``said`` is one sentence.
    ``n_waiting`` of ``n_asked`` rows wait for people. ``best_round`` is the round with the highest held-out measure, known
    at the end. Tokens and cost are those of the teacher.
    """

    campaign_id: str
    kind: str
    title: str
    dataset_id: str
    dataset_now: str
    state: CampaignState
    said: str
    reason: str
    round: int
    best_round: int | None
    n_waiting: int
    n_asked: int
    waits_in: str
    job_id: str
    questions: int
    tokens: int
    cost: float
    options: Mapping[str, JSON]
    moves: tuple[MoveRow, ...]


@needs("curator")
def start_campaign(
    workspace: Workspace, dataset_id: str, kind: str, options: Mapping[str, JSON], *, reviewer: str
) -> Campaign:
    """Begin a campaign on a dataset and make its first move; it goes on by itself wherever jobs are looked after.

    ``reviewer`` is the name under which rows are accepted by its rule. Raises UnknownName, DatasetMissing, and InvalidOptions for
    options of any of its moves, NotAllowed for a key that is not theirs to use, before anything is queued.
    """
    parsed = parse_options(CAMPAIGNS[kind].options, options)
    workspace.artifacts.examples(dataset_id)
    values = parsed.model_dump(mode="json")
    _check_moves(workspace, kind, values, dataset_id)
    frozen = _frozen_rows(workspace, dataset_id, values)
    number, now = 1, utc_now()
    while True:
        row = CampaignRow(
            campaign_id=f"{kind}-{number}", kind=kind, dataset_id=dataset_id, options=values, frozen=frozen,
            state="running", reason="", best_round=None, started_by=reviewer, created_at=now, updated_at=now,
        )  # fmt: skip
        if table.insert_campaign(workspace.database, row):
            return go_on(workspace, row.campaign_id)
        number += 1


def _check_moves(workspace: Workspace, kind: str, values: Mapping[str, JSON], dataset_id: str) -> None:
    """Refuse options of any of its moves that cannot be, or name what who asks may not name or have sent."""
    check_use(dict(values), workspace.actor.asker())
    for move in plan_campaign(kind, values, dataset_id):
        if move.kind == "run":
            check_options(workspace, move.step, move.options)


def plan_campaign(kind: str, options: Mapping[str, JSON], dataset_id: str = "dataset") -> list[Move]:
    """The moves of a campaign as they would be if every round gave rows; raises UnknownName and InvalidOptions."""
    next_move, parsed = CAMPAIGNS[kind].load(), parse_options(CAMPAIGNS[kind].options, options)
    past: list[Past] = []
    while len(past) < MOST_PLANNED:
        move: NextMove = next_move(parsed, dataset_id, CampaignHistory(past))
        if isinstance(move, Done):
            break
        # A measure that rises each time: a plan shows all rounds.
        facts = {**_AS_HOPED, "accuracy": len(past), "pair_accuracy": len(past), "brief": "", "version": 1}
        past.append(Past(move, dataset_id, "made", facts))
    return [one.move for one in past]


def list_campaigns(
    workspace: Workspace, *, dataset_id: str = "", states: Sequence[CampaignState] = ()
) -> list[Campaign]:
    """Campaigns, newest first: all, those that began with a dataset, or those in these states."""
    return [_shown(workspace, row) for row in table.read_campaigns(workspace.database, states, dataset_id)]


def states_under_way(workspace: Workspace) -> dict[str, tuple[CampaignState, int]]:
    """The state and the number of moves of campaigns that run or wait, by id, without all else that ``list_campaigns`` reads: a
    page asks every moment whether one went on, which may wait again by then.
    """
    rows = table.read_campaigns(workspace.database, UNDER_WAY)
    return {
        row.campaign_id: (row.state, len(table.read_moves(workspace.database, row.campaign_id)))
        for row in rows
    }


def show_campaign(workspace: Workspace, campaign_id: str) -> Campaign:
    """Where a campaign stands, with all its moves; raises UnknownName naming the newest ones."""
    return _shown(workspace, table.read_campaign(workspace.database, campaign_id))


@needs("curator")
def go_on(workspace: Workspace, campaign_id: str, *, with_what_is_decided: bool = False) -> Campaign:
    """Make every move that can be made now, and say where the campaign stands.

    It stops at a job under way and where people are waited for; ``with_what_is_decided`` waits for them no longer and takes the
    rows, or the brief, as they are. Each move acts as whoever started the campaign or resumed it last; where that one may not
    any more, the campaign fails with that sentence. Raises UnknownName, and NotAllowed where who ends a wait may not have its
    keys sent.
    """
    if with_what_is_decided:
        check_keys(workspace, table.read_campaign(workspace.database, campaign_id))
    while (row := table.read_campaign(workspace.database, campaign_id)).state in UNDER_WAY:
        try:
            moved = _step(workspace, row, waits=not with_what_is_decided)
        except CurationError as error:
            table.set_state(workspace.database, campaign_id, "failed", _why_failed(workspace, row, error))
            break
        if not moved:
            break
        with_what_is_decided = False  # of the wait that is meant, not of the next one
    return show_campaign(workspace, campaign_id)


@needs("curator")
def go_on_with_all(workspace: Workspace) -> list[str]:
    """Make every move that can be made of any campaign under way; returns their ids. An app does so all the time."""
    found = [row.campaign_id for row in table.read_campaigns(workspace.database, UNDER_WAY)]
    for one in found:
        go_on(workspace, one)
    return found


@needs("curator")
def stop_campaign(workspace: Workspace, campaign_id: str, *, reviewer: str) -> Campaign:
    """Stop a campaign where it stands and cancel its job under way; ``resume_campaign`` goes on from there.

    Raises UnknownName, and JobConflict for one that has ended.
    """
    row = table.read_campaign(workspace.database, campaign_id)
    if row.state == "done":
        raise JobConflict(f"Campaign {campaign_id} has ended already: {REASONS[row.reason]}")
    table.note_campaign(workspace.database, row, table.STOPPED, reviewer)
    table.set_state(workspace.database, campaign_id, "stopped", f"Stopped by {reviewer}.")
    for one in table.read_moves(workspace.database, campaign_id):
        job = find_job(workspace, one.job_id) if one.ended_at is None and one.job_id else None
        if job is not None and not job.state.final:
            cancel_job(workspace, job.job_id)
    return show_campaign(workspace, campaign_id)


@needs("curator")
def resume_campaign(workspace: Workspace, campaign_id: str) -> Campaign:
    """Go on with a campaign that was stopped or could not go on: its job is queued again, finished moves stay.

    From then on it acts as whoever resumed it. Raises UnknownName, JobConflict for one that has ended or a job that cannot be
    resumed, and what ``start_campaign`` raises for its options.
    """
    row = table.read_campaign(workspace.database, campaign_id)
    if row.state == "done":
        raise JobConflict(f"Campaign {campaign_id} has ended: {REASONS[row.reason]} Start another one.")
    _check_moves(workspace, row.kind, row.options, row.dataset_id)
    table.note_campaign(workspace.database, row, table.RESUMED)
    for one in table.read_moves(workspace.database, campaign_id):
        job = find_job(workspace, one.job_id) if one.ended_at is None and one.job_id else None
        if job is not None and job.resumable:
            resume_job(workspace, job.job_id)
    table.set_state(workspace.database, campaign_id, "running")
    return go_on(workspace, campaign_id)


@needs("curator")
def revise_brief(workspace: Workspace, campaign_id: str, text: str) -> Campaign:
    """Save the next version of a campaign's brief and go on with it; the versions before stay in its moves.

    Raises UnknownName, InvalidOptions where no brief is waited for, and NotAllowed where its keys are not theirs to use.
    """
    check_keys(workspace, table.read_campaign(workspace.database, campaign_id))
    open_move = _open_move(workspace, campaign_id)
    if open_move is None or open_move.move.kind != "brief":
        raise InvalidOptions(
            f"Campaign {campaign_id} does not wait for a brief now. Where it stands: tamis campaign show {campaign_id}."
        )
    _end_brief(workspace, table.read_campaign(workspace.database, campaign_id), open_move, text.strip())
    return go_on(workspace, campaign_id)


def _step(workspace: Workspace, row: CampaignRow, *, waits: bool) -> bool:
    """Close the open move or make the next one; False where nothing can be done now."""
    workspace.artifacts.examples(row.dataset_id)  # nothing goes on without what it began with
    moves = table.read_moves(workspace.database, row.campaign_id)
    last = moves[-1] if moves else None
    if last is not None and last.ended_at is None:
        return _close(workspace, row, last, waits=waits)
    parsed = parse_options(CAMPAIGNS[row.kind].options, row.options)
    move: NextMove = CAMPAIGNS[row.kind].load()(
        parsed, row.dataset_id, CampaignHistory([one.past for one in moves])
    )
    if isinstance(move, Done):
        table.set_state(workspace.database, row.campaign_id, "done", move.reason, move.best_round)
        return True
    begun = begin(in_its_hands(workspace, row), row, move)
    table.insert_move(
        workspace.database, row.campaign_id, len(moves), move,
        job_id=begun.job_id, made_dataset=begun.dataset_id, made=begun.made,
    )  # fmt: skip
    return True


def _close(workspace: Workspace, row: CampaignRow, last: MoveRow, *, waits: bool) -> bool:
    if last.move.kind == "brief" and not waits:
        _end_brief(workspace, row, last, None)
        return True
    facts = facts_when_ended(workspace, last, go_on=not waits)
    if facts is None:
        state: CampaignState = "waiting" if last.move.kind in ("review", "brief") else "running"
        if row.state != state:
            table.set_state(workspace.database, row.campaign_id, state)
        return False
    table.end_move(workspace.database, row.campaign_id, last.number, facts)
    table.set_state(workspace.database, row.campaign_id, "running")
    return True


def _end_brief(workspace: Workspace, row: CampaignRow, last: MoveRow, text: str | None) -> None:
    """The next version of the brief, or the same one where nobody wrote another."""
    before = str(row.options.get("brief") or ""), int(bool(row.options.get("brief")))
    for one in table.read_moves(workspace.database, row.campaign_id):
        if one.move.kind == "brief" and one.facts is not None:
            before = str(one.facts["brief"]), int(one.facts["version"])
    told = (
        {"brief": before[0], "version": before[1]}
        if text is None
        else {"brief": text, "version": before[1] + 1}
    )
    table.end_move(workspace.database, row.campaign_id, last.number, told)


def _open_move(workspace: Workspace, campaign_id: str) -> MoveRow | None:
    table.read_campaign(workspace.database, campaign_id)
    moves = table.read_moves(workspace.database, campaign_id)
    return moves[-1] if moves and moves[-1].ended_at is None else None


def _frozen_rows(workspace: Workspace, dataset_id: str, options: Mapping[str, JSON]) -> dict[str, str]:
    """The rows that are held out of every round and those that may be written from, frozen once."""
    store = workspace.artifacts
    real = np.flatnonzero(~is_synthetic(store.examples(dataset_id))).astype(np.int64)
    if demos := str(options.get("demos") or ""):
        shown = read_frozen(store.get(dataset_id, "rows", freeze(workspace, dataset_id, demos)))
        parts = {"seeds": np.intersect1d(real, shown), "held_out": np.setdiff1d(real, shown)}
    else:
        fraction = 0.0 if "demos" in options else float(options.get("held_out_fraction") or 0.0)
        rng = np.random.default_rng([int(options.get("seed") or 0), 17])
        n_apart = min(len(real) - 1, max(1, round(fraction * len(real)))) if fraction else 0
        order = rng.permutation(real)
        parts = {"held_out": np.sort(order[:n_apart]), "seeds": np.sort(order[n_apart:])}
    return {name: _frozen(workspace, dataset_id, rows, name) for name, rows in parts.items() if len(rows)}


def _frozen(workspace: Workspace, dataset_id: str, rows: Int64s, label: str) -> str:
    return freeze_rows(workspace.artifacts, dataset_id, rows, f"campaign: {label}").id


def _why_failed(workspace: Workspace, row: CampaignRow, error: CurationError) -> str:
    """One sentence on what is in the way, and how to go on."""
    again = f"tamis campaign resume {row.campaign_id}"
    gone = row.dataset_id
    try:
        workspace.artifacts.examples(gone)
    except DatasetMissing:
        return f"Dataset {gone!r} was deleted: put it back (tamis datasets restore {gone}), then: {again}."
    return f"{str(error).rstrip('.')}. Once that is mended, go on: {again}."


def _shown(workspace: Workspace, row: CampaignRow) -> Campaign:
    moves = table.read_moves(workspace.database, row.campaign_id)
    history = CampaignHistory([one.past for one in moves if one.ended_at is not None])
    last = moves[-1] if moves and moves[-1].ended_at is None else None
    waiting, asked = (0, 0)
    if last is not None and row.state == "waiting":
        try:
            waiting, asked = n_waiting(workspace, last)
        except CurationError:  # what is in the way is said once the campaign is asked to go on
            waiting, asked = (0, 0)
    newest = moves[-1].move.round if moves else 1
    return Campaign(
        campaign_id=row.campaign_id, kind=row.kind, title=CAMPAIGNS[row.kind].title, dataset_id=row.dataset_id,
        dataset_now=history.dataset(row.dataset_id), state=row.state,
        said=_said(row, last, waiting, asked), reason=row.reason if row.state == "done" else "",
        round=newest, best_round=row.best_round, n_waiting=waiting, n_asked=asked,
        waits_in=last.move.dataset_id if last is not None and row.state == "waiting" else "",
        job_id=last.job_id if last is not None else "", questions=int(history.spent("questions_asked")),
        tokens=int(history.spent("tokens_asked")), cost=history.spent("cost_asked"), options=row.options,
        moves=tuple(as_seen(workspace, one) for one in moves),
    )  # fmt: skip


def _said(row: CampaignRow, last: MoveRow | None, waiting: int, asked: int) -> str:
    """Where it stands, in a sentence."""
    if row.state == "done":
        best = "" if row.best_round is None else f" Round {row.best_round} was the best."
        return REASONS[row.reason] + best
    if row.state in ("stopped", "failed"):
        return row.reason
    if last is None:
        return "Between two moves."
    if last.move.kind == "review":
        what = "labels" if last.move.subject else "additions"
        return f"Round {last.move.round}: {waiting:,} of {asked:,} {what} wait for you."
    if last.move.kind == "brief":
        return f"Round {last.move.round}: the brief waits for you to revise it, or to go on with it."
    return f"Round {last.move.round}: {last.move.name} is under way."


def moves_table(campaign: Campaign) -> list[dict[str, Any]]:
    """A line per move: round, name, dataset, artifact, and the figures that matter of it."""
    return [
        {
            "round": one.move.round, "move": one.move.name, "dataset": one.made_dataset, "made": one.made,
            "job": one.job_id, "state": "ended" if one.ended_at else "under way",
            **{name: value for name, value in (one.facts or {}).items() if isinstance(value, int | float | str)},
        }
        for one in campaign.moves
    ]  # fmt: skip
