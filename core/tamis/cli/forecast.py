"""``tamis run STEP --preflight`` and ``--estimate``: what a run will take, and what stands in its way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from tamis.actions.finetune_grid import TrainingGrid, grid_forecasts
from tamis.actions.forecast import (
    ASKING_STEPS,
    SAMPLE_ROWS,
    Check,
    Forecast,
    ModelsForecast,
    RoundsForecast,
    TrainingForecast,
    duration_text,
    forecast,
    forecast_models,
    submission_text,
)
from tamis.actions.jobs import Backends, backend_row
from tamis.actions.submit import RunTarget
from tamis.cli.exit_codes import DONE, FAILED
from tamis.cli.session import Session, as_percent
from tamis.types import JSON

if TYPE_CHECKING:
    from tamis.actions.augment_trial import AugmentTrial, TriedJob

_PER_ROUND = ("adds", "selected", "trains", "answers")
_MARKS = {True: "ok", None: "?", False: "!!"}
Run = tuple[str, str, Mapping[str, JSON]]  # dataset, step, options


def show_preflight(session: Session, run: Run, target: RunTarget) -> int:
    """Every check with its next step; exit code 1 when something stands in the way."""
    backends = Backends(session.settings)
    expected = forecast(session.workspace, *run, target=target, backends=backends)
    text = submission_text(session.workspace, run[1], target, backends)
    for line in _lines(expected):
        session.show(line)
    if not backend_row(target.backend).shares_machine:
        session.show(f"\n{text}")
    session.result(
        {
            "rows": expected.rows,
            "tokens": expected.tokens,
            "seconds_estimate": expected.seconds,
            "disk_needed_gb": expected.disk_gb,
            "memory_estimate_gb": expected.memory_gb,
            "already_done": expected.already_done,
            "left_out": dict(getattr(expected.detail, "reasons", {})),
            "longer": getattr(expected.detail, "n_long", None),
            "marks_heeded": dict(getattr(expected.detail, "heeded", {})),
            "not_heeded": dict(getattr(expected.detail, "unheeded", {})),
            "checks": [asdict(check) for check in expected.checks],
            "ok": expected.ok,
            "submission": text,
        }
    )
    return DONE if expected.ok else FAILED


def show_estimate(session: Session, run: Run, n_sample: int | None) -> int:
    """Print the estimate, from asking language models where the step asks any; with --json as one object."""
    if run[1] == "augment":
        return _show_trial(session, run, n_sample)
    if run[1] not in ASKING_STEPS:
        return _show_plain_estimate(session, run)
    n_rows = SAMPLE_ROWS if n_sample is None else max(1, n_sample)
    expected = forecast_models(session.workspace, *run, n_sample=n_rows)
    session.show(said(expected))
    session.result(asdict(expected) | {"cost": expected.cost, "n_calls": expected.n_calls})
    return DONE


def show_grid_estimate(session: Session, dataset_id: str, grid: TrainingGrid, target: RunTarget) -> int:
    """What a run of each selection will take, and all of them one after the other."""
    expected = grid_forecasts(session.workspace, dataset_id, grid, target=target)
    for selection, one in expected.items():
        session.show(f"selection {selection}: {_lines(one)[0]}")
        _show_obstacles(session, one)
    n_runs, seconds = len(expected) * grid.n_seeds, [one.seconds for one in expected.values()]
    known = [one for one in seconds if one is not None]
    whole = sum(known) * grid.n_seeds if len(known) == len(seconds) else None
    took = "time unknown" if whole is None else f"about {duration_text(whole)} one after the other"
    session.show(f"{n_runs:,} runs, {took}")
    ok = all(one.ok for one in expected.values())
    each = {selection: _numbers(one) for selection, one in expected.items()}
    session.result({"selections": each, "n_runs": n_runs, "seconds_estimate": whole, "ok": ok})
    return DONE if ok else FAILED


def _show_obstacles(session: Session, expected: Forecast) -> None:
    for check in expected.checks:
        if check.ok is False:
            session.show(_line(check))


def _numbers(expected: Forecast) -> dict[str, JSON]:
    return {
        "rows": expected.rows,
        "tokens": expected.tokens,
        "seconds_estimate": expected.seconds,
        "ok": expected.ok,
    }


def _show_trial(session: Session, run: Run, n_jobs: int | None) -> int:
    """Three drafts with what speaks against them, and what a whole run would take by them."""
    from tamis.actions.augment_trial import TRIED_JOBS, try_drafts

    dataset_id, _, options = run
    trial = try_drafts(session.workspace, dataset_id, options, n_jobs=n_jobs or TRIED_JOBS)
    for number, job in enumerate(trial.jobs, 1):
        session.show(f"{number}. from row {', '.join(map(str, job.parent_ids)) or 'none'}")
        for draft in job.drafts:
            said = " ".join(reason.said for reason in draft.reasons) or "passes"
            session.show(f"   {draft.row.prompt[:200]}\n   → {draft.row.response[:200]}\n   {said}")
        for problem in job.problems:
            session.show(f"   {problem.kind}: {problem.said}")
    session.show(_trial_text(trial))
    told = ("rows", "passed_fraction", "n_jobs", "questions", "tokens", "seconds", "cost")
    session.result(
        {"jobs": [_tried_record(job) for job in trial.jobs]} | {name: getattr(trial, name) for name in told}
    )
    return DONE


def _tried_record(job: TriedJob) -> dict[str, JSON]:
    """A tried job for a program: what was asked, and what came of it."""
    asked = [
        {
            "turns": [{"role": turn.role, "content": str(turn.text)} for turn in turns],
            "texts": list(map(str, texts)),
        }
        for turns, texts in job.asked
    ]
    drafts = [
        {
            "prompt": draft.row.prompt,
            "response": draft.row.response,
            "reasons": [
                {name: getattr(one, name) for name in ("filter", "said", "value", "limit")}
                for one in draft.reasons
            ],
        }
        for draft in job.drafts
    ]
    problems = [asdict(one) for one in job.problems]
    return {"parent_ids": list(job.parent_ids), "asked": asked, "drafts": drafts, "problems": problems}


def _trial_text(trial: AugmentTrial) -> str:
    passed = f"{as_percent(trial.passed_fraction)} of {len(trial.jobs):,} tries passed"
    if trial.questions is None or trial.tokens is None or trial.seconds is None:
        return f"{passed}: what {trial.rows:,} rows take cannot be said. Try more: --estimate-rows 20"
    cost = "" if trial.cost is None else f", cost {trial.cost:,.2f}"
    return (
        f"{passed}: {trial.rows:,} rows take about {trial.questions:,} questions, {trial.tokens:,} tokens, "
        f"{duration_text(trial.seconds)}{cost}"
    )


def _show_plain_estimate(session: Session, run: Run) -> int:
    """What the step itself says of a run, and what earlier runs took; nothing is asked."""
    expected = forecast(session.workspace, *run)
    detail = expected.detail
    for line in [_lines(expected)[0], *(_rounds(detail) if isinstance(detail, RoundsForecast) else [])]:
        session.show(line)
    _show_obstacles(session, expected)
    answer = _numbers(expected)
    if isinstance(detail, RoundsForecast):
        answer["rounds"] = [dict(zip(_PER_ROUND, one, strict=True)) for one in _round_numbers(detail)]
    session.result(answer)
    return DONE if expected.ok else FAILED


def _round_numbers(detail: RoundsForecast) -> list[tuple[int | None, ...]]:
    columns = [getattr(detail, name) for name in _PER_ROUND]
    n_rounds = len(detail.adds)
    whole = [[None] * n_rounds if one is None else one.tolist() for one in columns]
    return list(zip(*whole, strict=True))


def _rounds(detail: RoundsForecast) -> list[str]:
    words = {
        "adds": "adds {:,} rows",
        "selected": "{:,} selected after it",
        "trains": "trains on {:,}",
        "answers": "answers {:,}",
    }
    return [
        f"  round {number}: "
        + ", ".join(
            words[name].format(value)
            for name, value in zip(_PER_ROUND, one, strict=True)
            if value is not None
        )
        for number, one in enumerate(_round_numbers(detail), 1)
    ]


def said(models: ModelsForecast) -> str:
    """The estimate in words."""
    if not models.roles:
        return f"{models.n_rows:,} rows; no language model is asked."
    head = f"{models.n_rows:,} rows, from a timed sample of {models.n_sampled:,} spread over the lengths:"
    lines = [head]
    for role in models.roles:
        cost = "no prices configured" if role.cost is None else f"cost {role.cost:,.2f}"
        lines.append(
            f"  {role.role:12} {role.llm}: {role.n_calls:,} questions, {role.prompt_tokens:,} tokens read, "
            f"{role.completion_tokens:,} written, about {duration_text(role.seconds)}, {cost}"
        )
    lines.append(
        f"  all          about {duration_text(models.seconds)}, after {duration_text(models.load_s)} to load"
    )
    return "\n".join(lines)


def _lines(expected: Forecast) -> list[str]:
    seconds, disk, memory = expected.seconds, expected.disk_gb, expected.memory_gb
    parts = [
        "rows unknown" if expected.rows is None else f"{expected.rows:,} rows",
        "time unknown" if seconds is None else f"about {duration_text(seconds)}",
        "disk unknown" if disk is None else f"{disk:.2f} GB of disk",
        "memory unknown" if memory is None else f"{memory:.2f} GB of memory",
    ]
    parts += [f"{expected.tokens:,} tokens"] if expected.tokens is not None else []
    if expected.already_done:
        parts.append("made before: nothing is computed again")
    detail = expected.detail
    if isinstance(detail, TrainingForecast):
        said = {
            "lengths": detail.long_text if detail.n_long else "",
            "rows": detail.unfit_text,
            "marks": detail.marks_text,
            "not heeded": detail.unheeded_text,
            "guess": detail.guess_text,
        }
        parts[-1] += "".join(f"\n{_MARKS[None]:3} {about}: {text}" for about, text in said.items() if text)
    return [", ".join(parts), *[_line(check) for check in expected.checks]]


def _line(check: Check) -> str:
    following = f" {check.next_step}" if check.next_step else ""
    return f"{_MARKS[check.ok]:3} {check.name}: {check.message}{following}"
