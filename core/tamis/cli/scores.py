"""``tamis scores …``: the scores of a dataset, and those of a file made elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from tamis.cli.command import dataset_option, group
from tamis.cli.session import Session

EXAMPLE = "--dataset my-data-1a2b3c"


@group(f"tamis scores list {EXAMPLE}", f"tamis scores import rewards.csv {EXAMPLE} --name reward")
def scores() -> None:
    """List scores, and join scores that were made elsewhere."""


@scores.command("list", examples=[f"tamis scores list {EXAMPLE}"])
@dataset_option
def list_all(session: Session, dataset: str) -> None:
    """List the newest scores of every name, and the columns that can be a quality."""
    from tamis.actions.given_scores import numeric_quality
    from tamis.steps.resolve_rows import look_at

    dataset_id = session.dataset(dataset)
    view = look_at(session.workspace, dataset_id)
    found = view.scores
    columns = numeric_quality(session.workspace, dataset_id)
    for name, artifact in found.items():
        active = "  active" if name == view.active_score else ""
        session.show(f"{name:24} {artifact.summary['n_scored']:>10,} rows  {artifact.id}{active}")
    for column in columns:
        session.show(f"{column:24} a column of numbers: --quality {column}")
    if not found and not columns:
        session.show(f"No scores yet: tamis run score --dataset {dataset_id}")
    listed = [{"name": name, "artifact_id": one.id, **one.summary} for name, one in found.items()]
    session.result({"scores": listed, "columns": list(columns)})


@scores.command("import", examples=[f"tamis scores import rewards.csv {EXAMPLE} --name reward --key id"])
@click.argument(
    "file", type=click.Path(path_type=Path), help="CSV, TSV, JSON, JSONL or Parquet, also .gz or .zst."
)
@dataset_option
@click.option("--name", required=True, help="What the score is called; --quality NAME then picks by it.")
@click.option(
    "--key",
    default="",
    metavar="COLUMN",
    help="Column of the file that says the row: content_hash, example_id, or a field of the source such as id.",
)
@click.option("--column", default="", metavar="COLUMN", help="Column of the file that holds the number.")
@click.option(
    "--non-negative",
    is_flag=True,
    help="The score is never below 0, the worst there is: --weighting linear may then be in proportion to it.",
)
def import_file(
    session: Session, file: Path, dataset: str, name: str, key: str, column: str, non_negative: bool
) -> None:
    """Join a file of scores to the rows, as a score of that name."""
    from tamis.actions.given_scores import import_scores

    done = import_scores(
        session.workspace,
        session.dataset(dataset),
        file,
        name=name,
        key=key,
        column=column,
        non_negative=non_negative,
    )
    session.show(f"{name}: {done.n_scored:,} rows have a score, from {done.column!r} by {done.key!r}.")
    if done.n_unmatched:
        first = ", ".join(repr(one) for one in done.unmatched)
        session.say(f"tamis: {done.n_unmatched:,} lines belong to no row; the first are {first}.")
    if done.n_repeated:
        session.say(
            f"tamis: {done.n_repeated:,} lines say otherwise of a row than an earlier one; the last counts."
        )
    session.result(
        {
            "artifact_id": done.scores.id,
            "name": name,
            "key": done.key,
            "column": done.column,
            "n_scored": done.n_scored,
            "n_matched": done.n_matched,
            "n_unmatched": done.n_unmatched,
            "n_repeated": done.n_repeated,
        }
    )
