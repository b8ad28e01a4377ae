"""The sieve under a map: what a hand on it asks the server between two runs of the page, and what it is answered.

Which rows are picked comes as one bit a point, as a filter does; no position moves and the page does not run.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import orjson
import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.identity import Greyed
from pages.shared.plain_text import count_of, shorten
from pages.shared.server import hold_answer
from tamis.actions.map_tiles import MapTiles, pack_rows_as_bits
from tamis.actions.sieve import (
    CoverageSample,
    Figures,
    Setting,
    Sieve,
    Sifted,
    open_sieve,
    read_shares,
    sample_nearest,
    sift,
)
from tamis.actions.submit import PlannedRun
from tamis.errors import InvalidOptions, NotAllowed
from tamis.scorers import in_sentence, scorer_title
from tamis.store.workspace import Workspace
from tamis.types import JSON

MOST_CLUSTERS = 400  # to choose one from; the largest
COLDEST, HOTTEST = 0.05, 3.0  # T: nearly the best alone, hardly by quality
_FREE = (
    "weighting",
    "spread_temperature",
    "temperature",
    "cluster_shares",
)  # what a hand moves, besides the budget
_COVERAGE = "Mean over {rows} of the highest cosine to a picked row, the facility location of Compare; higher is better."


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSieve:
    """What stays the same while a hand is on the sieve."""

    context: DatasetContext
    opened: MapTiles
    sieve: Sieve


def sieve_of(
    context: DatasetContext, opened: MapTiles, planned: PlannedRun, *, keep: Greyed | None = None
) -> dict[str, JSON]:
    """What a map is given to draw the sieve of a planned selection; ``keep`` adds a button that makes it.

    Raises InvalidOptions for a method whose picks are not known at once, ArtifactMissing while what it reads is being made.
    """
    exact = planned.plan.options.model_dump(mode="json")
    own = exact["method_options"]
    fixed = {**exact, "budget": 0, "method_options": {k: v for k, v in own.items() if k not in _FREE}}
    about = [context.key, fixed, planned.plan.inputs]
    sieve = _open(_coded(about), _context=context, _planned=planned).asked_as(planned)
    held = HeldSieve(context=context, opened=opened, sieve=sieve)
    said = _coded(["sieve", context.workspace.actor.account, opened.layout_id, own, *about])
    name, token = hold_answer(said, partial(_answer, held))
    budget = min(max(float(exact["budget"]), sieve.low), sieve.high)
    return {
        "page": {"name": name, "token": token},
        "unit": {"fraction": "rows", "cost": ""}.get(exact["unit"], exact["unit"]),
        "whole": exact["unit"] != "cost",
        "low": _at(sieve, sieve.low),
        "high": _at(sieve, sieve.high),
        "at": _at(sieve, budget),
        "temperature": _temperature(own, non_negative=sieve.drawn.problem.non_negative)
        if sieve.takes_temperature
        else None,
        "clusters": _clusters(context, sieve) if sieve.takes_shares else [],
        "shares": {
            str(one): share for one, share in read_shares(str(own.get("cluster_shares") or "")).items()
        },
        "keep": dict(keep) if keep is not None else None,
    }


def setting_of(exact: Mapping[str, JSON], n_rows: int, said: JSON) -> Setting:
    """Where a hand has moved the sieve of a request; raises InvalidOptions for what is no place on it."""
    asked = said if isinstance(said, dict) else {}
    at, temperature, shares = (asked.get(name) for name in ("at", "temperature", "shares"))
    if not isinstance(at, int | float) or not isinstance(temperature, int | float | None):
        raise InvalidOptions("Say where the sieve is: at a number, with a temperature or without.")
    if not isinstance(shares, dict | None):
        raise InvalidOptions("Say which clusters have a share of their own, each by its number.")
    return Setting(
        budget=float(at) / n_rows if exact["unit"] == "fraction" else float(at),
        temperature=temperature,
        shares=None
        if shares is None
        else read_shares(",".join(f"{one}={share}" for one, share in shares.items())),
    )


def _answer(held: HeldSieve, workspace: Workspace, asked: dict[str, JSON]) -> JSON:
    """The picks where the hand is now; runs outside any page."""
    context, sieve = held.context, held.sieve
    if workspace.actor != context.workspace.actor:
        raise NotAllowed("This page was drawn for somebody else. Load it again.")
    setting = setting_of(sieve.exact, context.n_rows, asked)
    near = None
    if sieve.vectors is not None and asked.get("covered"):
        near = _near(_embeddings_key(context), _context=context)
    sifted = sift(sieve, setting, near=near)
    bits = pack_rows_as_bits(held.opened, sifted.rows, context.n_rows).bits
    n_sampled = None if near is None else len(near.of)
    return {
        "bits": base64.b64encode(bits.tobytes()).decode(),
        "n": len(sifted.rows),
        "share": {str(one): share for one, share in _shares_of(sifted).items()},
        "figures": _figures(sieve, sifted, n_sampled),
        "to_cover": near is None and sieve.vectors is not None,
        "keep": "Keep this row" if len(sifted.rows) == 1 else f"Keep these {len(sifted.rows):,} rows",
    }


def _figures(sieve: Sieve, sifted: Sifted, n_sampled: int | None) -> list[dict[str, JSON]]:
    """The columns of the table: a title, what it means, and the two numbers as texts; the second is empty without a baseline."""
    sides: list[Figures | None] = [sifted.picked, sifted.random]
    total = int(np.unique(sieve.clusters[sieve.clusters >= 0]).size)

    def column(title: str, help: str, say: Callable[[Figures], str]) -> dict[str, JSON]:
        picked, random = ("" if one is None else say(one) for one in sides)
        return {"title": title, "help": help, "picked": picked, "random": random}

    shown = [column("Rows", "Rows that would be picked.", lambda one: f"{one.n_rows:,}")]
    if total:
        help = "Clusters that at least one picked row is in."
        shown.append(column("Clusters", help, lambda one: f"{one.n_clusters_hit:,} of {total:,}"))
    if sieve.tokens is not None:
        help = "Tokens of prompt and response of the picked rows."
        shown.append(column("Tokens", help, lambda one: f"{one.n_tokens or 0:,}"))
    if sieve.score:
        title = f"Mean {in_sentence(scorer_title(sieve.score))}"
        shown.append(column(title, "Mean of the quality score.", lambda one: _short(one.quality)))
    if sieve.vectors is not None:
        help = _COVERAGE.format(rows="all rows" if n_sampled is None else count_of(n_sampled, "row"))
        shown.append(column("Coverage", help, lambda one: _short(one.coverage)))
    return shown


def _short(value: float | None) -> str:
    if value is None:
        return "…"
    return f"{value:,.3f}" if abs(value) < 100 else f"{value:,.0f}"


def _temperature(own: Mapping[str, JSON], *, non_negative: bool) -> dict[str, JSON]:
    """T of the softmax where quality counts by one, else what it counts by."""
    soft = own["weighting"] == "softmax" and own["temperature"] is None
    words = {"rank": "by rank", "linear": "in proportion", "softmax": "softmax"}
    words["auto"] = words["linear" if non_negative else "rank"]
    return {
        "at": own["spread_temperature"] if soft else None,
        "low": COLDEST,
        "high": HOTTEST,
        "else": words[own["weighting"]],
    }


def _clusters(context: DatasetContext, sieve: Sieve) -> list[list[JSON]]:
    sizes = np.bincount(sieve.clusters[sieve.clusters >= 0])
    largest = np.argsort(-sizes, kind="stable")[:MOST_CLUSTERS]
    return [
        [int(one), shorten(context.cluster_name(int(one)), 40), int(sizes[one])]
        for one in largest
        if sizes[one]
    ]


def _shares_of(sifted: Sifted) -> dict[int, float]:
    total = max(1, len(sifted.rows))
    picked = np.flatnonzero(sifted.per_cluster)
    return {int(one): float(sifted.per_cluster[one] / total) for one in picked}


def _at(sieve: Sieve, budget: float) -> float:
    """Where a budget is on the sieve: a fraction is moved in rows."""
    if sieve.exact["unit"] == "cost":
        return budget
    return round(budget * len(sieve.clusters) if sieve.exact["unit"] == "fraction" else budget)


def _coded(about: JSON) -> str:
    return orjson.dumps(about, option=orjson.OPT_SORT_KEYS).decode()


def _embeddings_key(context: DatasetContext) -> str:
    embeddings = context.view.embeddings
    return f"{context.workspace.path}:{context.dataset_id}:{embeddings.id if embeddings else ''}"


@st.cache_resource(max_entries=8, show_spinner=False)
def _open(key: str, *, _context: DatasetContext, _planned: PlannedRun) -> Sieve:
    return open_sieve(_context, _planned)


@st.cache_resource(max_entries=8, show_spinner=False)
def _near(key: str, *, _context: DatasetContext) -> CoverageSample | None:
    return sample_nearest(_context)
