"""SELF-GUIDE as moves: measure the model as it is, let it write, filter, accept, train it, measure it again."""

from __future__ import annotations

from tamis.campaigns.loops import accept_or_end, train_move, writing_values
from tamis.campaigns.moves import HELD_OUT, SEEDS, CampaignHistory, Done, Move, NextMove, answers_by
from tamis.campaigns.options import SelfGuideOptions
from tamis.types import JSON


def next_of_self_guide(options: SelfGuideOptions, dataset_id: str, history: CampaignHistory) -> NextMove:
    """The next move of a campaign ``self_guide``."""
    last, measured = history.last, bool(options.demos)
    if last == "" and measured:
        return _measure(options, dataset_id, options.model, "measure_base")
    if last in ("", "measure_base"):
        return _write(options, dataset_id, history)
    if last == "augment":
        return accept_or_end(options, history)
    if last in ("review", "accept"):
        if not history.past[-1].number("n_accepted"):
            return Done("nothing_accepted")
        batch = history.past[-1].move.dataset_id
        return Move(kind="join", name="join", round=1, dataset_id=dataset_id, subject=batch)
    if last == "join":
        held_out = 0.1 if measured else 0.0
        return train_move(
            options.model_copy(update={"held_out_fraction": held_out}), history.dataset(dataset_id), 1
        )
    if last == "train" and measured:
        return _measure(
            options, history.dataset(dataset_id), f"adapter:{history.made_by('train')}", "measure"
        )
    return Done("finished", 1)


def _write(options: SelfGuideOptions, dataset_id: str, history: CampaignHistory) -> Move:
    # Of labels there are as many of each as of the rarest, unless somebody says otherwise.
    balanced: dict[str, JSON] = {"balance": True} if options.labels else {}
    values = writing_values(options, history, 1) | {
        "generator": "self_guide", "generator_options": options.generator_options, "parents": SEEDS,
        "parents_real_only": False, "instruction": options.instruction, "rows": options.rows,
        "filters": balanced | dict(options.filters),
        "held_out": HELD_OUT if options.demos else "",
    }  # fmt: skip
    return Move(kind="run", name="augment", round=1, dataset_id=dataset_id, step="augment", options=values)


def _measure(options: SelfGuideOptions, dataset_id: str, model: str, name: str) -> Move:
    values: dict[str, JSON] = {
        **answers_by(model), "mark": options.mark, "within": HELD_OUT, "mark_options": options.mark_options, "max_new_tokens": options.max_new_tokens, "seed": options.seed,
    }  # fmt: skip
    return Move(kind="run", name=name, round=1, dataset_id=dataset_id, step="examine", options=values)
