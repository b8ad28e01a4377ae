"""ALC3 as moves: rounds that correct, ask and leave out, until people find fewer errors than expected."""

from __future__ import annotations

import math

from tamis.campaigns.moves import CampaignHistory, Done, Move, NextMove
from tamis.campaigns.options import LabelsOptions
from tamis.types import JSON


def next_of_labels(options: LabelsOptions, dataset_id: str, history: CampaignHistory) -> NextMove:
    """The next move of a campaign ``alc3``."""
    last = history.last
    if last == "":
        return _run("embed", "embed", 1, dataset_id, {"encoder": options.encoder})
    if last == "propose":
        made = history.past[-1]
        return Move(
            kind="review", name="review", round=made.move.round, dataset_id=dataset_id, subject=made.made
        )
    number = len(history.all("propose")) + 1
    if last == "embed" or (last == "review" and not why_enough(options, history)):
        return _propose(options, dataset_id, history, number)
    if last == "review":
        return Move(
            kind="freeze", name="freeze", round=number - 1, dataset_id=dataset_id,
            subject=history.made_by("propose"),
        )  # fmt: skip
    frozen = history.made_by("freeze")
    if last == "freeze" and options.train and frozen:
        values: dict[str, JSON] = {
            "model": options.model, "recipe": options.recipe, "recipe_options": options.recipe_options,
            "decisions": frozen, "seed": options.seed,
        }  # fmt: skip
        return _run("train", "finetune", number - 1, dataset_id, values)
    return Done(why_enough(options, history) or "rounds")


def why_enough(options: LabelsOptions, history: CampaignHistory) -> str:
    """Why no other round is asked for; "" while one is."""
    answered = history.all("review")
    below = [
        one.number("share_wrong") <= one.number("eta")
        for one in answered
        if one.facts.get("eta") is not None and one.facts.get("share_wrong") is not None
    ]
    if len(below) >= options.below_eta and all(below[-options.below_eta :]):
        return "labels_trusted"
    most = math.inf if options.max_annotations is None else options.max_annotations
    if answered and answered[-1].number("n_annotated") >= most:
        return "budget"
    if answered and not answered[-1].number("n_answered"):
        return "nobody_answered"
    return "rounds" if len(answered) >= options.rounds else ""


def _propose(options: LabelsOptions, dataset_id: str, history: CampaignHistory, number: int) -> Move:
    values: dict[str, JSON] = {
        "method": "alc3", "ask_fraction": options.ask_fraction, "delta": options.delta, "seed": options.seed,
        "embeddings": history.made_by("embed"), "after": history.made_by("propose"),
        "decisions": "current" if number > 1 else "",
    }  # fmt: skip
    return _run("propose", "propose", number, dataset_id, values)


def _run(name: str, step: str, number: int, dataset_id: str, values: dict[str, JSON]) -> Move:
    return Move(kind="run", name=name, round=number, dataset_id=dataset_id, step=step, options=values)
