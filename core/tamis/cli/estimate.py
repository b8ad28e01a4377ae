"""``tamis run STEP --estimate``: what a language model would be asked and what that takes, before anything is run."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict

from tamis.actions.forecast import SAMPLE_ROWS, ModelsForecast, duration_text, forecast_models
from tamis.cli.session import Session
from tamis.types import JSON

DONE = 0


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of an estimate."""
    parser.add_argument(
        "--estimate",
        action="store_true",
        help="only time a few rows, and say how many questions, tokens, seconds and what cost the run will take",
    )
    parser.add_argument("--estimate-rows", type=int, default=SAMPLE_ROWS, help="how many rows to time")


def show_estimate(
    session: Session, dataset_id: str, step: str, values: Mapping[str, JSON], *, n_sample: int
) -> int:
    """Print the estimate; with --json as one object."""
    found = forecast_models(session.workspace, dataset_id, step, values, n_sample=max(1, n_sample))
    session.show(said(found))
    session.result(asdict(found) | {"cost": found.cost, "n_calls": found.n_calls})
    return DONE


def said(found: ModelsForecast) -> str:
    """The estimate in words."""
    if not found.roles:
        return f"{found.n_rows:,} rows; no language model is asked."
    head = f"{found.n_rows:,} rows, from a timed sample of {found.n_sampled:,} spread over the lengths:"
    lines = [head]
    for role in found.roles:
        cost = "no prices configured" if role.cost is None else f"cost {role.cost:,.2f}"
        lines.append(
            f"  {role.role:12} {role.llm}: {role.n_calls:,} questions, {role.prompt_tokens:,} tokens read, "
            f"{role.completion_tokens:,} written, about {duration_text(role.seconds)}, {cost}"
        )
    lines.append(
        f"  all          about {duration_text(found.seconds)}, after {duration_text(found.load_s)} to load"
    )
    return "\n".join(lines)
