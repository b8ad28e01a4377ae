"""LLM2LLM and MLLM-DataEngine as moves: train, measure, examine, write where it is wrong, accept, join, again."""

from __future__ import annotations

from tamis.campaigns.moves import (
    HELD_OUT,
    RANDOM_SEEDS,
    SEEDS,
    CampaignHistory,
    Done,
    Move,
    MoveKind,
    NextMove,
    best_place,
    has_stalled,
)
from tamis.campaigns.options import DataEngineOptions, Llm2LlmOptions, WritingOptions
from tamis.types import JSON

CAPS = ("calls", "tokens", "cost", "seconds")
FEWEST_DECIDED = 10  # rows that people decided about, from which on a brief is worth revising
Looping = Llm2LlmOptions | DataEngineOptions


def next_of_llm2llm(options: Llm2LlmOptions, dataset_id: str, history: CampaignHistory) -> NextMove:
    """The next move of a campaign ``llm2llm``."""
    return next_of_loop(options, dataset_id, history)


def next_of_data_engine(options: DataEngineOptions, dataset_id: str, history: CampaignHistory) -> NextMove:
    """The next move of a campaign ``data_engine``: after a round that people decided, they revise the brief."""
    decided = history.past[-1] if history.last == "review" else None
    if decided is not None and decided.number("n_accepted"):
        n_decided = decided.number("n_accepted") + decided.number("n_dropped")
        last_round = len(history.all("augment")) >= options.rounds
        if n_decided >= FEWEST_DECIDED and not last_round:
            return Move(
                kind="brief", name="brief", round=decided.move.round, dataset_id=decided.move.dataset_id
            )
    return next_of_loop(options, dataset_id, history)


def next_of_loop(options: Looping, dataset_id: str, history: CampaignHistory) -> NextMove:
    """The moves that both have in common."""
    here, last = history.dataset(dataset_id), history.last
    number = len(history.all("join")) + 1
    if last in ("", "join") and options.train:
        return train_move(options, here, number)
    if last in ("", "join", "train") and options.held_out_fraction > 0:
        return examine_move(options, here, number, history, name="measure", within=HELD_OUT)
    if last in ("", "join", "train", "measure"):
        reason = why_done(options, history)
        return reason or examine_move(options, here, number, history, name="examine", within=SEEDS)
    if last == "examine":
        if not history.past[-1].number("n_wrong"):
            return Done("nothing_wrong", best_round(history))
        return _write_move(options, here, number, history)
    if last == "augment":
        return accept_or_end(options, history)
    if not _newest_decided(history):
        return Done("nothing_accepted", best_round(history))
    return Move(kind="join", name="join", round=number, dataset_id=here, subject=_batch(history))


def train_move(options: WritingOptions, dataset_id: str, number: int) -> Move:
    """Train from the base on all rows so far but those held out."""
    values: dict[str, JSON] = {
        "model": options.model, "recipe": options.recipe, "recipe_options": options.recipe_options,
        "decisions": "none", "seed": options.seed, "n_generate": 0, "held_out_fraction": 0.0,
    }  # fmt: skip
    if options.held_out_fraction > 0:
        values["held_out"] = HELD_OUT
    return Move(
        kind="run", name="train", round=number, dataset_id=dataset_id, step="finetune", options=values
    )


def examine_move(
    options: Looping, dataset_id: str, number: int, history: CampaignHistory, *, name: str, within: str
) -> Move:
    """Let the newest student answer rows."""
    student: tuple[str, dict[str, JSON]] = (options.student, options.student_options)
    if options.train:
        student = ("transformers", {"model": f"adapter:{history.made_by('train')}"})
    values: dict[str, JSON] = {
        "llm": student[0], "llm_options": student[1], "mark": options.mark, "mark_options": options.mark_options,
        "within": within, "max_new_tokens": options.max_new_tokens, "seed": options.seed,
    }  # fmt: skip
    if isinstance(options, DataEngineOptions):
        values["group"] = options.group
    return Move(kind="run", name=name, round=number, dataset_id=dataset_id, step="examine", options=values)


def why_done(options: Looping, history: CampaignHistory) -> Done | None:
    """Why no other round begins: they are used up, the budget is spent, or the measure has not risen."""
    best = best_round(history)
    if len(history.all("join")) >= options.rounds:
        return Done("rounds", best)
    if has_stalled(measures(history), options.patience):
        return Done("no_rise", best)
    written = history.newest("augment")
    if written is not None and written.facts.get("stopped_by") in CAPS:
        return Done("budget", best)
    return Done("budget", best) if any(left <= 0 for left in budget_left(options, history).values()) else None


def budget_left(options: WritingOptions, history: CampaignHistory) -> dict[str, float]:
    """What is left of each cap, by the name of the option of augment."""
    spent = {
        "max_calls": history.spent("questions_asked"),
        "max_tokens": history.spent("tokens_asked"),
        "max_cost": history.spent("cost_asked"),
    }
    caps = {name: getattr(options, name) for name in spent}
    return {name: cap - spent[name] for name, cap in caps.items() if cap is not None}


def writing_values(options: WritingOptions, history: CampaignHistory, number: int) -> dict[str, JSON]:
    """What every augment of a campaign is asked for, with what is left of the budget."""
    caps = budget_left(options, history)
    whole = {name: caps[name] if name == "max_cost" else int(caps[name]) for name in caps}
    return {
        "llm": options.llm, "llm_options": options.llm_options, "temperature": options.temperature,
        "max_new_tokens": options.write_tokens, "filters": dict(options.filters), "labels": list(options.labels),
        "seed": options.seed, "round": number, **whole,
    }  # fmt: skip


def accept_or_end(options: WritingOptions, history: CampaignHistory) -> NextMove:
    """Accept what passed, by people or by the rule; the end where nothing did."""
    written = history.past[-1]
    if not written.number("n_passed"):
        capped = written.facts.get("stopped_by") in CAPS
        return Done("budget" if capped else "nothing_passed", best_round(history))
    kind: MoveKind = "review" if options.accept == "review" else "accept"
    return Move(kind=kind, name=kind, round=written.move.round, dataset_id=written.dataset_id)


def measures(history: CampaignHistory) -> list[float]:
    """The held-out measure of every round."""
    return [one.number("accuracy") for one in history.all("measure")]


def best_round(history: CampaignHistory) -> int | None:
    """The round with the highest held-out measure, the first of equal ones."""
    place = best_place(measures(history))
    return None if place is None else history.all("measure")[place].move.round


def _write_move(options: Looping, here: str, number: int, history: CampaignHistory) -> Move:
    examined = history.past[-1]
    parents, n_wrong = f"wrong:{examined.made}", int(examined.number("n_wrong"))
    values = writing_values(options, history, number) | {
        "generator": "similar", "held_out": HELD_OUT if options.held_out_fraction > 0 else "",
        "generator_options": {"show_wrong": options.show_wrong},
    }  # fmt: skip
    if isinstance(options, DataEngineOptions):
        brief = history.newest("brief")
        text, version = (options.brief, int(bool(options.brief))) if brief is None else _brief(brief.facts)
        values |= {"mix": options.mix, "rows": options.rows, "brief": text, "brief_version": version}
    else:
        values["generator_options"]["rows_per_parent"] = options.rows_per_parent
        values["rows"] = n_wrong * options.rows_per_parent
        if options.parents == "random":
            parents = f"{RANDOM_SEEDS}{n_wrong}"
    values["parents"] = parents
    return Move(kind="run", name="augment", round=number, dataset_id=here, step="augment", options=values)


def _brief(facts: object) -> tuple[str, int]:
    assert isinstance(facts, dict)
    return str(facts["brief"]), int(facts["version"])


def _newest_decided(history: CampaignHistory) -> float:
    decided = [one for one in history if one.move.kind in ("review", "accept")]
    return decided[-1].number("n_accepted")


def _batch(history: CampaignHistory) -> str:
    written = history.newest("augment")
    assert written is not None
    return written.dataset_id
