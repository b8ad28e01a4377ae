"""``tamis compare``: selections beside each other, or methods at one budget, as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tamis.cli.command import command, dataset_option
from tamis.cli.session import Session
from tamis.cli.waiting import end, follow
from tamis.errors import InvalidOptions
from tamis.types import JSON

if TYPE_CHECKING:
    from tamis.actions.submit import RunTarget, Submission
    from tamis.jobs.model import Job
    from tamis.steps.compare.comparison import Comparison

out_option = click.option("--out", type=click.Path(path_type=Path), required=True, help="HTML file to write.")


@command(
    "tamis compare --dataset my-data-1a2b3c --methods kmq,random,deita --budget 100 --seeds 3 --out report.html",
    "tamis compare --dataset my-data-1a2b3c --selection 3f9a2c --selection 77b1d0 --out report.html",
)
@dataset_option
@click.option(
    "--selection", "selections", multiple=True, metavar="ID", help="Artifact id of a selection; repeat it."
)
@click.option(
    "--methods", default="", help="Draw these instead, with commas between (tamis run select --help)."
)
@click.option("--budget", default=0.0, help="With --methods: how much each picks.")
@click.option(
    "--unit",
    type=click.Choice(("rows", "fraction", "tokens", "cost")),
    help="Of the budget; rows when left out.",
)
@click.option(
    "--cost", default="", metavar="column:NAME", help="What a row costs, where the budget counts that."
)
@click.option(
    "--seeds", default=1, show_default=True, help="With --methods: draws of each method that has chance."
)
@click.option("--seed", default=42, show_default=True, help="The first seed.")
@click.option("--quality", default="", metavar="SCORE", help="Score to pick by and to look at.")
@click.option(
    "--target", default="", metavar="NAME[,NAME]", help="Targets that methods which select for one go by."
)
@click.option("--within", default="", help="Pick from tag:NAME, scope:SCOPE or selection:ID only.")
@click.option(
    "--epochs", default=3.0, show_default=True, help="Passes over the rows, for the cost of training."
)
@click.option("--tokens-per-second", type=float, help="Of one GPU, for the cost in hours.")
@click.option("--backend", default="local", show_default=True, help="Where it runs.")
@out_option
def compare(
    session: Session, dataset: str, selections: tuple[str, ...], methods: str, out: Path, **choices: JSON
) -> int:
    """Hold selections, or methods at one budget, beside each other in a report."""
    from tamis.actions.submit import RunTarget, submit
    from tamis.formats.targets import check_place

    dataset_id, target = session.dataset(dataset), RunTarget(choices["backend"])
    check_place(out)  # before anything is drawn for it
    if bool(selections) == bool(methods):
        raise InvalidOptions(
            "Give selections (--selection ID, twice or more) or methods to draw (--methods kmq,random --budget 1000)."
        )
    asked = {name: choices[name] for name in ("epochs", "tokens_per_second")}
    asked |= {"quality": choices["quality"]} if choices["quality"] else {}
    if selections:
        asked["selections"] = list(selections)
        submission = submit(session.workspace, dataset_id, "compare", asked, target=target)
    else:
        submission = _submit_grid(session, dataset_id, methods, target, choices, asked)
    job = follow(session, submission)
    return end(session, job, write_report(session, job, out) if job.state == "succeeded" else {})


def _submit_grid(
    session: Session,
    dataset_id: str,
    methods: str,
    target: RunTarget,
    choices: dict[str, JSON],
    asked: dict[str, JSON],
) -> Submission:
    from tamis.actions.grid import Grid, submit_grid

    if choices["budget"] <= 0:
        raise InvalidOptions("--methods needs a --budget above 0, the same for every method.")
    grid = Grid(
        methods=tuple(name.strip() for name in methods.split(",") if name.strip()),
        budget=choices["budget"],
        unit=choices["unit"] or ("cost" if choices["cost"] else "rows"),
        cost=choices["cost"],
        n_seeds=choices["seeds"],
        first_seed=choices["seed"],
        quality=choices["quality"],
        shared={name: choices[name] for name in ("within", "target") if choices[name]},
        compare=asked,
    )
    submitted = submit_grid(session.workspace, dataset_id, grid, target=target)
    made = sum(one.already_done for one in submitted.selections)
    session.say(f"{len(submitted.selections)} selections, {made} of them there already, and their comparison")
    return submitted.comparison


def write_report(session: Session, job: Job, out: Path) -> dict[str, JSON]:
    """Write the report of a comparison that is done, and show its summary; returns the answer for a program."""
    from tamis.actions.report import report as report_file
    from tamis.steps.compare.comparison import read_comparison
    from tamis.store.names import dataset_names

    made = session.workspace.artifacts.get(job.dataset_id, "comparison", job.artifact_id)
    name = dataset_names(session.workspace)[job.dataset_id]
    report = report_file.write_report(session.workspace.artifacts, made, out, dataset_name=name)
    comparison = read_comparison(made)
    notes = report_file.notes_of(comparison)
    for line in [*_table(comparison), comparison.legend("*", "~"), *notes]:
        session.show(line)
    session.show(f"{report.path}: {report.n_bytes:,} bytes, sha256 {report.sha256}")
    return {
        "artifact_id": made.id,
        "selections": [one.id for one in comparison.selections],
        "legend": comparison.legend("*", "~"),
        "notes": notes,
        "path": str(report.path),
        "sha256": report.sha256,
    }


MARKS = {True: "*", False: "~", None: ""}


def _table(comparison: Comparison) -> list[str]:
    """The summary as lines of text: one per method, the best of each column with a star, and with ~ what is not told from it."""
    metrics = comparison.shown_metrics()
    bests = [comparison.best(metric) for metric in metrics]
    lines = [f"{'':28}" + "".join(f"{metric.title:>20}" for metric in metrics)]
    for i, method in enumerate(comparison.methods):
        cells = ""
        for metric, best in zip(metrics, bests, strict=True):
            value = method.values.get(metric.key)
            text = "-" if value is None or value.value is None else f"{value.value:,.{metric.digits}f}"
            if (
                value is not None
                and value.over == "seeds"
                and value.low is not None
                and value.high is not None
            ):
                text += f" ±{(value.high - value.low) / 2:,.{metric.digits}f}"
            cells += f"{text + MARKS[best.get(i)]:>20}"
        lines.append(f"{method.title[:27]:28}{cells}")
    return lines
