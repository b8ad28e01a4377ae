"""``tamis referee``: methods against random at equal training tokens, and what can be said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tamis.cli.command import command, dataset_option
from tamis.cli.session import Session
from tamis.cli.studies import say_estimate, show_runs
from tamis.cli.waiting import end, end_all, follow, say_first
from tamis.types import JSON

if TYPE_CHECKING:
    from tamis.actions.referee import RefereeRequest, Ruling


@command(
    "tamis referee --dataset my-data-1a2b3c --methods top_quality,kmq --budget-tokens 20000 --estimate",
    "tamis referee --dataset my-data-1a2b3c --preset dnc --budget-tokens 20000 --max-seeds 10",
    "tamis referee --dataset my-data-1a2b3c --list",
)
@dataset_option
@click.option(
    "--methods", default="", help="With commas between: names of selection methods, refinement, selection:ID."
)
@click.option("--preset", default="", metavar="NAME", help="Methods of a protocol: dnc, token_length or mig.")
@click.option("--budget-tokens", default=20_000, show_default=True, help="Tokens of every training, exactly.")
@click.option("--budget-rows", default=0, hidden=True, help="Refused: equal rows are no fair budget.")
@click.option("--step-tokens", default=1024, show_default=True, help="Tokens of a step.")
@click.option(
    "--count",
    type=click.Choice(("all", "response")),
    default="all",
    show_default=True,
    help="Tokens that are counted.",
)
@click.option(
    "--max-seeds",
    type=click.Choice(("4", "6", "8", "10")),
    default="10",
    show_default=True,
    help="Seeds at most.",
)
@click.option("--held-out-rows", default=500, show_default=True, help="Rows held out of every pool, at most.")
@click.option(
    "--model", default="smollm2", show_default=True, help="Model that is trained on each selection."
)
@click.option("--recipe", default="sft_full", show_default=True, metavar="NAME", help="How it is trained.")
@click.option(
    "--recipe-options", default="{}", metavar="JSON", help="Options of the recipe, the same for all."
)
@click.option("--quality", default="", metavar="SCORE", help="Score that methods pick by.")
@click.option(
    "--method-options", default="{}", metavar="JSON", help='By method: {"kmq": {"temperature": 0.5}}.'
)
@click.option(
    "--delta", default=0.02, show_default=True, help="Differences within it count as none, in nats per token."
)
@click.option(
    "--target",
    default="",
    metavar="NAME[,NAME]",
    help="Targets that methods which select for one go by, and whose losses are looked at beside.",
)
@click.option(
    "--lm-eval-tasks",
    default="",
    metavar="NAME[,NAME]",
    help="Tasks of the lm-evaluation-harness to look at beside.",
)
@click.option("--lm-eval-limit", type=int, default=None, help="Rows of each of these tasks at most.")
@click.option("--seed", default=42, show_default=True, help="Seed of everything.")
@click.option(
    "--estimate", is_flag=True, help="Time one step and say how long it would take; nothing is queued."
)
@click.option("--list", "list_them", is_flag=True, help="Every referee run of this dataset.")
@click.option("--backend", default="local", show_default=True, help="Where it runs.")
@click.option(
    "--workers", default=1, show_default=True, help="Trainings at once: tasks of an array on Slurm."
)
@click.option("--no-wait", is_flag=True, help="Submit and return at once.")
def referee(
    session: Session, dataset: str, *, estimate: bool, list_them: bool, no_wait: bool, **asked: JSON
) -> int:
    """Train on every method's selections at equal tokens, and say which of them beat random."""
    from tamis.actions.referee import list_referees, read_ruling, submit_referee, with_target
    from tamis.actions.referee_estimate import estimate_referee
    from tamis.actions.submit import RunTarget

    dataset_id = session.dataset(dataset)
    if list_them:
        return show_runs(session, list_referees(session.workspace, dataset_id), "referees")
    request = _request(asked)
    if estimate:
        return say_estimate(session, estimate_referee(session.workspace, dataset_id, request))
    resources = {"workers": asked["workers"]} if asked["workers"] > 1 else {}
    exact = with_target(session.workspace, dataset_id, request)
    if exact.target != request.target:
        session.say(f"tamis: it selects for {exact.target}, the only target of this dataset.")
    made = submit_referee(session.workspace, dataset_id, exact, target=RunTarget(asked["backend"], resources))
    say_first(session, made)
    if no_wait:
        return end_all(session, [made], wait=False)
    job = follow(session, made)
    if job.state != "succeeded":
        return end(session, job, {})
    artifact = session.workspace.artifacts.get(dataset_id, "referee", job.artifact_id)
    result = read_ruling(artifact)
    for line in referee_lines(result):
        session.show(line)
    return end(session, job, {"artifact_id": artifact.id, **artifact.summary})


def _request(asked: dict[str, JSON]) -> RefereeRequest:
    from tamis.actions.referee import RefereeRequest
    from tamis.cli.flags import json_object
    from tamis.errors import InvalidOptions

    if asked["budget_rows"]:
        raise InvalidOptions(
            "Equal rows are no fair budget: a row may have ten times the tokens of another. Give --budget-tokens."
        )
    named = (
        "preset",
        "budget_tokens",
        "step_tokens",
        "count",
        "model",
        "recipe",
        "quality",
        "seed",
        "target",
        "lm_eval_limit",
    )
    return RefereeRequest(
        methods=_named(asked["methods"]),
        lm_eval_tasks=_named(asked["lm_eval_tasks"]),
        max_seeds=int(asked["max_seeds"]),
        n_held_out=asked["held_out_rows"],
        equivalence_margin=asked["delta"],
        recipe_options=json_object("--recipe-options", asked["recipe_options"]),
        options=json_object("--method-options", asked["method_options"]),
        **{name: asked[name] for name in named},
    )


def _named(listed: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in listed.split(",") if name.strip())


def referee_lines(result: Ruling) -> list[str]:
    """The answer, a line per method against random, and what has to be known beside it."""
    from tamis.steps.referee.sentence import cost_text

    wide = max(20, *(len(one.title) + 1 for one in result.methods))
    lines = [
        result.sentence,
        "",
        f"{'':{wide}}{'loss':>9}{'vs random':>11}{'±':>9}  {'verdict':22}{'passes':>7}  cost of selecting",
    ]
    against = {pair.second: pair for pair in result.against_random()}
    for i, method in enumerate(result.methods):
        pair = against.get(i)
        beside = (
            f"{pair.difference:>+11.4f}{pair.half_width:>9.4f}  {pair.verdict:22}" if pair else f"{'':44}"
        )
        lines.append(
            f"{method.title:{wide}}{method.loss:>9.4f}{beside}{method.n_passes:>7.2f}  {cost_text(method)}"
        )
    lines.append(f"{'(untrained)':{wide}}{result.base_loss:>9.4f}")
    return [*lines, "", *result.notes, *_task_lines(result, wide)]


def _task_lines(result: Ruling, wide: int) -> list[str]:
    """A line per method and metric of a task."""
    if not result.tasks:
        return []
    lines = [
        "",
        "Tasks of the lm-evaluation-harness (exploratory, these claim nothing):",
        f"{'':{wide}}{'task':24}{'metric':20}{'value':>9}{'random':>9}{'untrained':>11}{'q':>8}",
    ]
    for one in result.tasks:
        told = "guessed" if one.is_guessed else "" if one.q is None else f"{one.q:.3f}"
        title = result.methods[one.method].title
        lines.append(
            f"{title:{wide}}{one.task[:23]:24}{one.metric[:19]:20}{one.value:>9.4f}{one.random:>9.4f}{one.untrained:>11.4f}{told:>8}"
        )
    return lines
