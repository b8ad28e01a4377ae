"""``tamis worth``: what more of each cluster does to the loss, by training on mixtures of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tamis.cli.command import command, dataset_option
from tamis.cli.session import Session, as_percent
from tamis.cli.studies import say_estimate, show_runs
from tamis.cli.waiting import end, end_all, follow
from tamis.types import JSON

if TYPE_CHECKING:
    from tamis.actions.worth import WorthReport, WorthRequest


@command(
    "tamis worth --dataset my-data-1a2b3c --budget-tokens 20000 --estimate",
    "tamis worth --dataset my-data-1a2b3c --budget-tokens 20000",
    "tamis worth --dataset my-data-1a2b3c --extend 0f1e2d3c --search improve",
)
@dataset_option
@click.option("--budget-tokens", default=20_000, show_default=True, help="Tokens of every training, exactly.")
@click.option("--step-tokens", default=1024, show_default=True, help="Tokens of a step.")
@click.option(
    "--count",
    type=click.Choice(("all", "response")),
    default="all",
    show_default=True,
    help="Tokens that are counted.",
)
@click.option("--runs", default=0, show_default=True, help="Mixtures; 0: four for each super-cluster.")
@click.option("--most-clusters", default=12, show_default=True, help="Super-clusters at most.")
@click.option("--max-passes", default=4.0, show_default=True, help="How often a run may read a row.")
@click.option(
    "--furthest", type=float, default=None, metavar="NATS", help="Limit of KL from the pool's shares."
)
@click.option(
    "--held-out-rows", default=500, show_default=True, help="Rows held out of every mixture, at most."
)
@click.option("--model", default="smollm2", show_default=True, help="Model that is trained on each mixture.")
@click.option("--recipe", default="sft_full", show_default=True, metavar="NAME", help="How it is trained.")
@click.option(
    "--recipe-options", default="{}", metavar="JSON", help="Options of the recipe, the same for all."
)
@click.option(
    "--target", default="", metavar="NAME[,NAME]", help="Targets whose losses are looked at beside."
)
@click.option("--seed", default=42, show_default=True, help="Seed of everything.")
@click.option("--extend", default="", metavar="WORTH", help="Add the next four runs of that worth instead.")
@click.option(
    "--search",
    type=click.Choice(("narrow", "improve")),
    default="narrow",
    show_default=True,
    help="Next runs: what narrows the worths most, or the most promising.",
)
@click.option(
    "--estimate", is_flag=True, help="Time one step and say how long it would take; nothing is queued."
)
@click.option("--list", "list_them", is_flag=True, help="Every worth of this dataset.")
@click.option("--backend", default="local", show_default=True, help="Where it runs.")
@click.option(
    "--workers", default=1, show_default=True, help="Trainings at once: tasks of an array on Slurm."
)
@click.option("--no-wait", is_flag=True, help="Submit and return at once.")
def worth(
    session: Session, dataset: str, *, extend: str, search: str, list_them: bool, no_wait: bool, **asked: JSON
) -> int:
    """Train on mixtures of clusters at equal tokens, and say what each cluster is worth."""
    from tamis.actions.submit import RunTarget
    from tamis.actions.worth import estimate_worth, extend_worth, list_worths, read_report, submit_worth

    dataset_id = session.dataset(dataset)
    if list_them:
        return show_runs(session, list_worths(session.workspace, dataset_id), "worths")
    if asked["estimate"]:
        return say_estimate(session, estimate_worth(session.workspace, dataset_id, _request(asked)))
    target = RunTarget(asked["backend"], {"workers": asked["workers"]} if asked["workers"] > 1 else {})
    if extend:
        made = extend_worth(session.workspace, dataset_id, extend, search, target=target)
    else:
        made = submit_worth(session.workspace, dataset_id, _request(asked), target=target)
    if no_wait:
        return end_all(session, [made], wait=False)
    job = follow(session, made)
    if job.state != "succeeded":
        return end(session, job, {})
    artifact = session.workspace.artifacts.get(dataset_id, "worth", job.artifact_id)
    for line in worth_lines(read_report(artifact)):
        session.show(line)
    return end(session, job, {"artifact_id": artifact.id, **artifact.summary})


def _request(asked: dict[str, JSON]) -> WorthRequest:
    from tamis.actions.worth import WorthRequest
    from tamis.cli.flags import json_object

    named = (
        "budget_tokens",
        "step_tokens",
        "count",
        "runs",
        "most_clusters",
        "max_passes",
        "furthest",
        "model",
    )
    return WorthRequest(
        n_held_out=asked["held_out_rows"],
        recipe_options=json_object("--recipe-options", asked["recipe_options"]),
        **{name: asked[name] for name in (*named, "recipe", "seed", "target")},
    )


def worth_lines(report: WorthReport) -> list[str]:
    """The answer, a line per super-cluster, the matrix with what covers 0 left blank, and what has to be known beside it."""
    lines = [
        report.sentence,
        "",
        f"    {'super-cluster':44}{'pool':>6}{'found':>7}{'worth':>10}{'±':>9}",
    ]
    lines += [
        f"{i:>3} {one.name[:43]:44}{as_percent(one.share):>6}{as_percent(one.solved):>7}{one.worth:>+10.4f}{one.half_width:>9.4f}"
        f"{'' if one.is_clear else '  not told from 0'}"
        for i, one in enumerate(report.groups)
    ]
    heads = [{-1: "all", -2: one.name[:8]}.get(one.group, str(one.group)) for one in report.heads]
    lines += ["", f"{'more of … on':>14}" + "".join(f"{one:>9}" for one in heads)]
    cells = {(one.group, one.head): one for one in report.cells}
    for i in range(len(report.groups)):
        row = [cells[i, j] for j in range(len(heads))]
        lines.append(
            f"{i:>14}" + "".join(f"{one.worth:>+9.4f}" if one.is_clear else f"{'':9}" for one in row)
        )
    return [*lines, "", *report.notes]
