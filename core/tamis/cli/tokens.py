"""``tamis tokens``: a row as a model would be trained on it, with what is learned of it between brackets."""

from __future__ import annotations

import itertools
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from tamis.cli.command import command, dataset_option
from tamis.cli.session import Session
from tamis.types import JSON

if TYPE_CHECKING:
    from tamis.actions.learned_tokens import LearnedRow

LEARN = {"assistant": {}, "last": {"completion_only_loss": True}, "all": {"assistant_only_loss": False}}
EXAMPLE = "tamis tokens --dataset my-data-1a2b3c --row 17"


@command(EXAMPLE, f"{EXAMPLE} --model ./qwen3 --learn last --json")
@dataset_option
@click.option("--row", type=int, required=True, help="Its number.")
@click.option(
    "--model",
    default="smollm2",
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
def tokens(
    session: Session, dataset: str, row: int, model: str, learn: str, max_length: int | None, unfit_as_text: bool
) -> None:  # fmt: skip
    """Show which tokens of a row a training would learn: [[between brackets]], with their weight where it is not 1."""
    from tamis.actions.learned_tokens import learned_tokens

    options: dict[str, JSON] = {**LEARN[learn], "unfit_as_text": unfit_as_text}
    if max_length is not None:
        options["max_length"] = max_length
    found = learned_tokens(
        session.workspace, session.dataset(dataset), row, model=model, recipe_options=options
    )
    session.show(_shown(found))
    session.show(found.text)
    session.result(asdict(found) | {"text": found.text})


def _shown(found: LearnedRow) -> str:
    pieces = []
    for (weight, read), group in itertools.groupby(found.tokens, key=lambda one: (one.weight, one.read)):
        text = "".join(one.text for one in group)
        mark = "" if weight == 1 else f"{weight:g}: "
        pieces.append((f"[[{mark}{text}]]" if weight else text) if read else f"[cut: {text}]")
    return "".join(pieces)
