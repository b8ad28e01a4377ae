"""``tamis target …``: what a dataset is wanted for, as examples that scores and selections go by."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from tamis.cli.command import dataset_option, group
from tamis.cli.deletion import dry_run_option, say_plan
from tamis.cli.row_choice import narrowed_scope, where_option
from tamis.cli.session import Session

if TYPE_CHECKING:
    from tamis.actions.targets import TargetEntry
    from tamis.types import JSON

EXAMPLE = "--dataset my-data-1a2b3c"
named_argument = click.argument("target", help="Its name or its id.")
SHOWN_CHARS = 100


@group(f"tamis target add {EXAMPLE} --file gsm8k.jsonl --name maths", f"tamis run select {EXAMPLE} --method target_round_robin --target maths=2,code=1 --budget 200")  # fmt: skip
def target() -> None:
    """Say what a dataset is wanted for; then score its rows towards it, or select for it."""


@target.command("add", examples=[f"tamis target add {EXAMPLE} --file gsm8k.jsonl --name maths", f"tamis target add {EXAMPLE} --tag good --name good --split"])  # fmt: skip
@dataset_option
@click.option("--name", required=True, help="What to call it.")
@click.option(
    "--file", default="", metavar="PATH", help="Examples in a file of any format that can be imported."
)
@click.option("--task", default="", metavar="NAME", help="A task of the lm-evaluation-harness: its validation rows, else its own.")  # fmt: skip
@click.option("--tag", default="", help="Rows that have this tag.")
@click.option("--scope", default="", help="Rows in this scope, as copied from the map's address.")
@click.option(
    "--selection", default="", metavar="ID", help="Rows of a selection, by its id, active, or newest."
)
@click.option(
    "--prompt", "prompts", multiple=True, metavar="TEXT", help="An example that is typed; repeat it."
)
@click.option("--split", is_flag=True, help="Set half of the examples aside, to judge selections by and not to steer them.")  # fmt: skip
@where_option
def add(
    session: Session, dataset: str, name: str, file: str, task: str, tag: str, scope: str, selection: str, prompts: tuple[str, ...], split: bool
) -> None:  # fmt: skip
    """Make a target of a file, a task, rows of the dataset, or typed prompts."""
    from tamis.actions.targets import TargetExample, TargetSource, add_target, list_targets

    dataset_id = session.dataset(dataset)
    source = TargetSource(
        file=file, task=task, tag=tag, scope=narrowed_scope(scope), selection=selection,
        examples=[TargetExample(text) for text in prompts],
    )  # fmt: skip
    made = add_target(session.workspace, dataset_id, name, source, split=split)
    entry = next(one for one in list_targets(session.workspace, dataset_id) if one.artifact.id == made.id)
    session.show(_line(entry))
    session.result(_as_json(entry))


@target.command("list", examples=[f"tamis target list {EXAMPLE}"])
@dataset_option
def list_all(session: Session, dataset: str) -> None:
    """List the targets of a dataset, the newest first."""
    from tamis.actions.targets import list_targets

    listed = list_targets(session.workspace, session.dataset(dataset))
    for one in listed:
        session.show(_line(one))
    if not listed:
        session.show("No targets yet. Make one: tamis target add --dataset DATASET --file FILE --name NAME")
    session.result({"targets": [_as_json(one) for one in listed]})


@target.command("show", examples=[f"tamis target show maths {EXAMPLE}"])
@named_argument
@dataset_option
@click.option(
    "--limit", default=10, show_default=True, help="Examples to print; --json has all of them (0: all)."
)
def show(session: Session, target: str, dataset: str, limit: int) -> None:
    """Show a target's examples, and of the newest scores towards it which of them no row comes near."""
    from tamis.actions.targets import newest_scores, out_of_reach, rows_kept_out, show_target

    dataset_id = session.dataset(dataset)
    entry, examples = show_target(session.workspace, dataset_id, target)
    session.show(_line(entry))
    for number, one in list(enumerate(examples.examples))[: limit or None]:
        session.show(
            f"  {number:>4}  {_short(one.prompt or one.response)}{'  (judges)' if examples.judges[number] else ''}"
        )
    scores = newest_scores(session.workspace, dataset_id, entry.artifact.id)
    far = () if scores is None else out_of_reach(session.workspace, scores)
    far = tuple(one for one in far if one.target == entry.name)
    kept_out = () if scores is None else rows_kept_out(session.workspace, scores)
    kept_out = tuple(row for row in kept_out if row.target == entry.name)
    for one_far in far:
        session.show(f"  No row within reach of {one_far.number}: {_short(one_far.prompt)}")
    for row in kept_out[: limit or None]:
        session.show(f"  Kept out: row {row.row:,} ({row.reason}, example {row.number})")
    session.result(
        _as_json(entry)
        | {
            "examples": [asdict(one) for one in examples.examples],
            "judges": examples.judges.tolist(),
            "scores": None if scores is None else scores.id,
            "out_of_reach": [asdict(one) for one in far],
            "kept_out": [asdict(one) for one in kept_out],
        }
    )


@target.command("delete", examples=[f"tamis target delete maths {EXAMPLE} --dry-run"])
@named_argument
@dataset_option
@dry_run_option
def delete(session: Session, target: str, dataset: str, dry_run: bool) -> None:
    """Delete a target towards which nothing was scored."""
    from tamis.actions.targets import delete_target, plan_target_deletion

    dataset_id = session.dataset(dataset)
    answer = say_plan(session, plan_target_deletion(session.workspace, dataset_id, target), done=not dry_run)
    if not dry_run:
        delete_target(session.workspace, dataset_id, target)
    session.result(answer)


def _line(one: TargetEntry) -> str:
    judging = f", {one.n_judging:,} of them judge" if one.n_judging else ""
    return f"{one.artifact.id}  {one.name}: {one.n_examples:,} examples{judging} ({one.source})"


def _as_json(one: TargetEntry) -> dict[str, JSON]:
    return {
        "id": one.artifact.id,
        "name": one.name,
        "source": one.source,
        "n_examples": one.n_examples,
        "n_judging": one.n_judging,
    }


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= SHOWN_CHARS else f"{words[:SHOWN_CHARS]} …"
