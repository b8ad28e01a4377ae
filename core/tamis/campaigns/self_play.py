"""SPIN as moves: fine-tune, answer at temperature 1, train against these answers, again from the result."""

from __future__ import annotations

from tamis.campaigns.moves import (
    HELD_OUT,
    CampaignHistory,
    Done,
    Move,
    NextMove,
    answers_by,
    best_place,
    has_stalled,
)
from tamis.campaigns.options import SelfPlayOptions
from tamis.types import JSON


def next_of_self_play(options: SelfPlayOptions, dataset_id: str, history: CampaignHistory) -> NextMove:
    """The next move of a campaign ``spin``."""
    played = history.all("spin")
    newest = played[-1].made if played else history.made_by("sft")
    model = f"adapter:{newest}" if newest else options.model
    number = len(played) + 1
    if history.last == "" and options.sft_first:
        values = _training(options, options.model) | {
            "recipe": "sft_lora",
            "recipe_options": options.sft_options,
        }
        return _run("sft", "finetune", number, dataset_id, values)
    if history.last == "answer":
        values = _training(options, model) | {
            "recipe": "spin", "recipe_options": options.recipe_options, "examination": history.past[-1].made,
        }  # fmt: skip
        return _run("spin", "finetune", number, dataset_id, values)
    accuracies = [one.number("pair_accuracy") for one in played]
    best = best_place(accuracies)
    named = None if best is None else best + 1
    if len(played) >= options.rounds:
        return Done("rounds", named)
    if has_stalled(accuracies, options.patience):
        return Done("no_rise", named)
    asked: dict[str, JSON] = {
        **answers_by(model), "mark": "overlap", "temperature": options.temperature,
        "max_new_tokens": options.max_new_tokens, "seed": options.seed + number,
    }  # fmt: skip
    return _run("answer", "examine", number, dataset_id, asked)


def _training(options: SelfPlayOptions, model: str) -> dict[str, JSON]:
    return {
        "model": model, "held_out": HELD_OUT, "held_out_fraction": 0.0, "decisions": "none", "n_generate": 0,
        "seed": options.seed,
    }  # fmt: skip


def _run(name: str, step: str, number: int, dataset_id: str, values: dict[str, JSON]) -> Move:
    return Move(kind="run", name=name, round=number, dataset_id=dataset_id, step=step, options=values)
