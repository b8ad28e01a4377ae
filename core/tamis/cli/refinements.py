"""``tamis refinements …``: what the rounds of a refinement did, more rounds, and deleting one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tamis.cli.command import dataset_option, group, reviewer_option
from tamis.cli.compare import out_option, write_report
from tamis.cli.deletion import dry_run_option, say_plan
from tamis.cli.session import Session
from tamis.cli.waiting import end, follow
from tamis.errors import InvalidOptions
from tamis.types import JSON

if TYPE_CHECKING:
    from tamis.actions.refinement_history import RoundEvidenceSummary

EXAMPLE = "--dataset my-data-1a2b3c"
refinement_argument = click.argument(
    "refinement", default="", required=False, help="Its id, as in the list; the newest when left out."
)


@group(f"tamis refinements list {EXAMPLE}", f"tamis refinements continue {EXAMPLE} --rounds 2")
def refinements() -> None:
    """List, show, continue and delete refinements; tamis run refine makes one."""


@refinements.command("list", examples=[f"tamis refinements list {EXAMPLE}"])
@dataset_option
def list_all(session: Session, dataset: str) -> None:
    """List the refinements of a dataset, the newest first."""
    from tamis.actions.artifact_names import name_runs
    from tamis.actions.refinements import STEP, control_of, n_rounds_asked, rounds_so_far
    from tamis.actions.runs import list_runs

    listed, runs = [], list_runs(session.workspace, session.dataset(dataset), STEP)
    names = name_runs(session.workspace, runs)
    for run in runs:
        one = {
            "refinement": run.run_id,
            "name": names[run.run_id],
            "state": run.state,
            "n_rounds": len(rounds_so_far(session.workspace, run)),
            "n_rounds_asked": n_rounds_asked(session.workspace, run),
            "control": control_of(run),
            "created_at": run.created_at,
        }
        session.show(
            f"{run.run_id}  {run.state:10} {one['n_rounds']} of {one['n_rounds_asked']} rounds  {run.created_at[:19]}"
            f"  {one['name']}"
        )
        listed.append(one)
    if not listed:
        session.show("No refinements yet. Make one: tamis run refine --dataset DATASET")
    session.result({"refinements": listed})


@refinements.command("show", examples=[f"tamis refinements show 3f9a2c {EXAMPLE}"])
@refinement_argument
@dataset_option
def show(session: Session, refinement: str, dataset: str) -> None:
    """Show every round of a refinement, and the clusters whose weight moved most."""
    from tamis.actions.refinement_history import effects_of, read_history, round_table
    from tamis.actions.refinements import STEP, rounds_so_far
    from tamis.actions.runs import find_run

    run = find_run(session.workspace, session.dataset(dataset), STEP, refinement)
    rounds = rounds_so_far(session.workspace, run)
    history, table = read_history(run.artifact, rounds), round_table(rounds)
    session.show(f"{run.run_id} {run.state}")
    for one in table:
        gap = "not scored" if one["gap"] is None else f"mean gap {one['gap']:+.4f}"
        session.show(
            f"  round {one['round']}: {one['new']:,} rows, {one['selected']:,} so far, {gap}, {one['flags']:,} flags"
        )
    change = (
        {}
        if history is None
        else dict(zip(history.cluster_ids.tolist(), history.change().tolist(), strict=True))
    )
    for word, ids in zip(("up", "down"), ([], []) if history is None else history.movers(), strict=True):
        session.show(f"  {word}: " + (", ".join(f"cluster {i} ×{change[i]:.2f}" for i in ids) or "none"))
    evidence = None if history is None else history.evidence()
    effects = {} if history is None or evidence is None else effects_of(history, evidence)
    session.result(
        {
            "refinement": run.run_id,
            "state": run.state,
            **_show_evidence(session, evidence, effects),
            "options": run.options,
            "summary": run.summary,
            "rounds": table,
            "weight_change": {str(cluster): ratio for cluster, ratio in change.items()},
            "notes": [] if history is None else history.notes(),
        }
    )


def _show_evidence(
    session: Session, evidence: RoundEvidenceSummary | None, effects: Mapping[str, Mapping[str, JSON]]
) -> dict[str, JSON]:
    """What the rounds tell of the clusters; every effect is listed only where one can be told from noise."""
    if evidence is None:
        return {"told": None, "said": None, "effective_clusters": None, "effects": {}}
    session.show(f"  effective clusters: {evidence.effective_clusters:.1f}")
    session.show(f"  {evidence.said()}")
    for cluster, one in effects.items() if evidence.told else ():
        session.show(
            f"  cluster {cluster}: effect {one['effect']:+.2f} ({one['low']:+.2f} to {one['high']:+.2f}), {one['n_scored']:,} rows"
        )
    return {
        "told": evidence.told,
        "said": evidence.said(),
        "effective_clusters": evidence.effective_clusters,
        "effects": effects,
    }


@refinements.command("continue", examples=[f"tamis refinements continue {EXAMPLE} --rounds 2 --budget 500"])
@refinement_argument
@dataset_option
@click.option("--rounds", default=1, show_default=True, help="How many more.")
@click.option("--budget", type=int, help="Rows on top; as many per round as before when left out.")
def go_on(session: Session, refinement: str, dataset: str, rounds: int, budget: int | None) -> int:
    """Add rounds to a refinement; its picks stay and its weights go on."""
    from tamis.actions.refinements import STEP, continue_refinement
    from tamis.actions.runs import find_run

    dataset_id = session.dataset(dataset)
    run = find_run(session.workspace, dataset_id, STEP, refinement)
    job = follow(
        session, continue_refinement(session.workspace, dataset_id, run, rounds=rounds, budget=budget)
    )
    return end(session, job, {"refinement": job.artifact_id})


@refinements.command("compare", examples=[f"tamis refinements compare {EXAMPLE} --out report.html"])
@refinement_argument
@dataset_option
@click.option(
    "--round", "number", type=int, help="Compare the selection of this round; of the last when left out."
)
@out_option
def compare(session: Session, refinement: str, dataset: str, number: int | None, out: Path) -> int:
    """Hold a round's selection beside kMQ, random and kM-random at its size, in a report."""
    from tamis.actions.refinements import STEP, compare_with_controls, rounds_so_far, selection_after
    from tamis.actions.runs import find_run

    dataset_id = session.dataset(dataset)
    run = find_run(session.workspace, dataset_id, STEP, refinement)
    last = len(rounds_so_far(session.workspace, run))
    selection = selection_after(session.workspace, run, last if number is None else number)
    if selection is None:
        raise InvalidOptions(
            f"{run.run_id} has no selection after round {number or last}; it has {last} rounds."
        )
    job = follow(session, compare_with_controls(session.workspace, dataset_id, run, selection))
    return end(session, job, write_report(session, job, out) if job.state == "succeeded" else {})


@refinements.command("flags", examples=[f"tamis refinements flags {EXAMPLE} --do tag"])
@refinement_argument
@dataset_option
@click.option(
    "--do", type=click.Choice(("tag", "drop")), help="Tag the flagged rows, or decide to drop them."
)
@reviewer_option
def flags(session: Session, refinement: str, dataset: str, do: str | None, reviewer: str) -> None:
    """List the rows that rounds flagged as probably bad; tag them for a review, or drop them as one decision."""
    import numpy as np

    from tamis.actions import refinements as actions
    from tamis.actions.refinement_history import read_history
    from tamis.actions.runs import find_run

    dataset_id = session.dataset(dataset)
    run = find_run(session.workspace, dataset_id, actions.STEP, refinement)
    history = read_history(run.artifact, actions.rounds_so_far(session.workspace, run))
    flagged = [] if history is None else history.flags.to_pylist()
    rows = np.unique(np.array([one["example_id"] for one in flagged], dtype=np.int64))
    for one in flagged:
        session.show("  ".join(f"{name} {value}" for name, value in one.items()))
    text = f"{len(rows):,} rows are flagged."
    if do and len(rows):
        about = (session.workspace, dataset_id, run)
        if do == "tag":
            text += f" They have the tag {actions.tag_flagged(*about, rows, reviewer=session.reviewer(reviewer))!r} now."
        else:
            actions.drop_flagged(*about, rows.tolist(), reviewer=session.reviewer(reviewer))
            text += " They are decided to be dropped; tamis decisions undo takes it back."
    session.show(text)
    session.result(
        {"refinement": run.run_id, "n_rows": len(rows), "flags": flagged, "done": do if len(rows) else None}
    )


@refinements.command("delete", examples=[f"tamis refinements delete 3f9a2c {EXAMPLE} --dry-run"])
@click.argument("refinement", help="Its id, as in the list.")
@dataset_option
@dry_run_option
def delete(session: Session, refinement: str, dataset: str, dry_run: bool) -> None:
    """Delete a refinement for good, with those of its rounds and selections that nothing else needs."""
    from tamis.actions.delete_refinement import delete_refinement, plan_deletion
    from tamis.actions.refinements import STEP
    from tamis.actions.runs import find_run

    dataset_id = session.dataset(dataset)
    run = find_run(session.workspace, dataset_id, STEP, refinement)
    said = say_plan(session, plan_deletion(session.workspace, dataset_id, run), done=not dry_run)
    if not dry_run:
        delete_refinement(session.workspace, dataset_id, run)
    session.result({"refinement": run.run_id, **said})
