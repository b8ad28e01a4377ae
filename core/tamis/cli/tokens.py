"""``tamis tokens``: a row as a model would be trained on it, with what is learned of it between brackets."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from tamis.cli.command import command, dataset_option
from tamis.cli.session import Session
from tamis.errors import InvalidOptions
from tamis.types import JSON

if TYPE_CHECKING:
    from tamis.actions.learned_tokens import LearnedRow

LEARN = {"assistant": {}, "last": {"completion_only_loss": True}, "all": {"assistant_only_loss": False}}
EXAMPLE = "tamis tokens --dataset my-data-1a2b3c --row 17"


@command(
    EXAMPLE, f"{EXAMPLE} --model ./qwen3 --learn last --json", f"{EXAMPLE} --by loss",
    "tamis tokens --dataset my-data-1a2b3c --lengths --model smollm2 --model ./qwen3",
)  # fmt: skip
@dataset_option
@click.option("--row", type=int, default=None, help="Its number.")
@click.option(
    "--lengths",
    is_flag=True,
    help="Instead of one row: how many of all rows are too long for each --model, and how many it cannot carry.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    default=("smollm2",),
    show_default=True,
    metavar="MODEL",
    help="Model to train: smollm2 (bundled), a folder, or adapter:ID of this workspace.",
)
@click.option(
    "--learn",
    type=click.Choice(tuple(LEARN)),
    default="assistant",
    show_default=True,
    help="What is learned: all that the assistant says, its last answer, or everything.",
)
@click.option("--max-length", type=int, default=None, metavar="TOKENS", help="Where longer rows are cut.")
@click.option("--unfit-as-text", is_flag=True, help="What the chat template cannot carry is put in words.")
@click.option(
    "--by",
    type=click.Choice(("weight", "loss")),
    default="weight",
    show_default=True,
    help="What is told of a token: its weight, or its loss before and after a finished run, read as that run did.",
)
@click.option(
    "--run", "run_id", default="", metavar="RUN", help="The fine-tuning of --by loss; the newest without."
)
def tokens(
    session: Session, dataset: str, row: int | None, lengths: bool, models: tuple[str, ...], learn: str,
    max_length: int | None, unfit_as_text: bool, by: str, run_id: str,
) -> None:  # fmt: skip
    """Show which tokens of a row a training would learn: [[between brackets]], with their weight where it is not 1."""
    from tamis.actions.learned_tokens import learned_tokens

    options: dict[str, JSON] = {**LEARN[learn], "unfit_as_text": unfit_as_text}
    if max_length is not None:
        options["max_length"] = max_length
    dataset_id = session.dataset(dataset)
    if lengths:
        _show_lengths(session, dataset_id, models, options)
        return
    if row is None:
        raise InvalidOptions("Say which row: --row N. Or ask for the lengths of all rows: --lengths.")
    if by == "loss":
        _show_losses(session, dataset_id, row, run_id)
        return
    if len(models) > 1:
        raise InvalidOptions("A row is shown for one --model; several are for --lengths.")
    found = learned_tokens(session.workspace, dataset_id, row, model=models[0], recipe_options=options)
    session.show(_shown(found))
    session.show(found.text)
    session.result(asdict(found) | {"text": found.text})


def _show_lengths(
    session: Session, dataset_id: str, models: tuple[str, ...], options: Mapping[str, JSON]
) -> None:
    """A model a line: rows that are too long for it, rows that its template cannot carry."""
    import numpy as np

    from tamis.actions.forecast import row_lengths, training_forecast
    from tamis.recipes import RECIPES, SftOptions
    from tamis.registry import parse_options

    recipe = parse_options(RECIPES["sft_lora"].options, options)
    assert isinstance(recipe, SftOptions)
    n_rows = int(session.workspace.artifacts.examples(dataset_id).summary["n_examples"])
    told = {}
    for model in models:
        counted = row_lengths(session.workspace, dataset_id, np.arange(n_rows, dtype=np.int64), model)
        seen = training_forecast(session.workspace, recipe, model, counted, n_train=n_rows)
        parts = (seen.long_text, seen.unfit_text, seen.marks_text, seen.unheeded_text, seen.guess_text)
        session.show(f"{model}: {' '.join(filter(None, parts))}")
        told[model] = {
            "rows": n_rows, "longer": seen.n_long, "limit": seen.limit, "left_out": dict(seen.reasons),
            "median_tokens": float(np.median(counted.tokens)), "counted_by": seen.counted_by,
            "marks_heeded": dict(seen.heeded), "not_heeded": dict(seen.unheeded),
            "not_known": dict(seen.unknown),
        }  # fmt: skip
    session.result({"models": told})


def _show_losses(session: Session, dataset_id: str, row: int, run_id: str) -> None:
    """A learned token a line, with its loss before and after."""
    from tamis.actions.token_losses import token_losses

    found = token_losses(session.workspace, dataset_id, row, run_id=run_id)
    session.show("  before   after  token")
    for token, base, tuned in zip(found.learned.tokens, found.base, found.tuned, strict=True):
        if token.weight and token.read:
            session.show(f"{base:8.3f}{tuned:8.3f}  {token.text!r}")
    session.show(found.text)
    losses = {"base": found.base, "tuned": found.tuned, "means": found.means}
    plain = {name: [None if one != one else one for one in values] for name, values in losses.items()}
    session.result(asdict(found.learned) | plain | {"run": found.run_id, "text": found.text})


def _shown(found: LearnedRow) -> str:
    pieces = []
    for (weight, read), group in itertools.groupby(found.tokens, key=lambda one: (one.weight, one.read)):
        text = "".join(one.text for one in group)
        mark = "" if weight == 1 else f"{weight:g}: "
        pieces.append((f"[[{mark}{text}]]" if weight else text) if read else f"[cut: {text}]")
    return "".join(pieces)
