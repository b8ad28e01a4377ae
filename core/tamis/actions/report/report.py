"""A comparison as one HTML file that needs nothing else: tables, drawings, rows, and the manifest of everything in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from markupsafe import Markup

from tamis import __version__
from tamis.actions.manifests import installed_versions, lineage
from tamis.actions.report import svg
from tamis.actions.report.template import render_page
from tamis.actions.roles import needs
from tamis.formats.targets import check_place
from tamis.reprs import as_percent, with_minus
from tamis.steps.compare.comparison import (
    ComparedMethod,
    Comparison,
    IntervalEstimate,
    Metric,
    ScoreHistograms,
    Shares,
    read_comparison,
    read_membership,
)
from tamis.store.artifacts.readers import read_coordinates, read_selected_ids
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.store.artifacts.view import DatasetView, open_view
from tamis.store.durable import write_atomically
from tamis.store.rows.query import fetch_rows
from tamis.types import JSON, Int64s

MAX_GROUPS = 24
MAX_MAP_ROWS = 6_000
ROWS_PER_METHOD = 3
ROW_CHARS = 280
ARROWS = {"lower": " ↓", "higher": " ↑", "neither": ""}


@dataclass(frozen=True, slots=True)
class Report:
    """A written report."""

    path: Path
    sha256: str
    n_bytes: int


@needs("curator", writes=False)
def write_report(store: ArtifactStore, comparison: Artifact, path: Path, *, dataset_name: str) -> Report:
    """Write the report of a comparison; an existing file is replaced only when all is written."""
    content = render_report(store, comparison, dataset_name=dataset_name)
    check_place(path)
    write_atomically(path, content)
    return Report(path, hashlib.sha256(content).hexdigest(), len(content))


def render_report(store: ArtifactStore, comparison: Artifact, *, dataset_name: str) -> bytes:
    """The report as UTF-8 HTML; the same artifacts and packages give the same bytes. No request is ever made by it."""
    compared = read_comparison(comparison)
    view = open_view(store, comparison.manifest.dataset_id)
    manifest = manifest_of(store, comparison, dataset_name)
    n_picked = sorted({one.n_rows for one in compared.selections})
    return render_page(
        "report.html.jinja",
        title=f"{dataset_name}: {len(compared.methods)} ways to pick",
        colour=svg.colour,
        ARROWS=ARROWS,
        found=compared,
        dataset_name=dataset_name,
        size=f"{n_picked[0]:,}" if len(n_picked) == 1 else f"{n_picked[0]:,} to {n_picked[-1]:,}",
        made_on=comparison.manifest.created_at[:10],
        tamis_version=comparison.manifest.tamis_version,
        notes=notes_of(compared),
        metrics=compared.shown_metrics(),
        summary=_summary(compared),
        overlap=_overlap(compared),
        shares=_shares(compared),
        spreads=[_spread(spread, compared) for spread in compared.spreads.values()],
        maps=_maps(view, comparison, compared, store),
        rows_per_method=ROWS_PER_METHOD,
        unique=_unique(view, comparison, compared),
        manifest=manifest,
        manifest_text=orjson.dumps(manifest, option=orjson.OPT_INDENT_2).decode(),
        # Inside a script element only "</" could end it early, and JSON may spell "<" otherwise.
        manifest_json=Markup(orjson.dumps(manifest).decode().replace("<", "\\u003c")),
    )


def notes_of(comparison: Comparison) -> list[str]:
    """What to keep in mind when reading the numbers, in sentences."""
    level = as_percent(comparison.confidence_fraction)
    notes = [
        f"Intervals are {level}. For a method with several seeds they are over seeds (Student's t): what another draw "
        "would give. For a method with one selection they are over rows, drawn thin: how sure the number is of this one "
        "selection. Rows are the same for all methods, so intervals over rows may overlap although one method is "
        "always ahead.",
        *_notes_on_diversity(comparison),
    ]
    if comparison.is_sampled:
        notes.append(
            f"Coverage was measured on {comparison.n_pool_rows:,} of {comparison.n_rows:,} rows drawn at random, so the radius is "
            "a lower bound."
        )
    if comparison.budgets_differ:
        notes.append("The selections are not of one size, so a larger one covers more for that reason alone.")
    if comparison.shared_seeds:
        notes.append(
            "Some selections are of one method with one seed and other options, or of refinements with one seed: they share "
            "their luck, and overlap by more than their choice. Their differences are taken within a seed."
        )
    short = [one for one in comparison.selections if one.shortfall]
    if short:
        named = sorted({comparison.methods[one.method].title for one in short})
        unit = short[0].unit if short[0].unit in ("tokens", "cost") else "rows"
        notes.append(
            f"Budget left unspent by {', '.join(named)}: up to {max(one.shortfall for one in short):,} {unit}."
        )
    for i, one in enumerate(comparison.methods):
        same = [
            other.title
            for j, other in enumerate(comparison.methods[:i])
            if comparison.jaccard[i][j].value == 1.0
        ]
        if same:
            notes.append(f"{one.title} picked exactly the same rows as {' and '.join(same)}.")
    return notes


def _notes_on_diversity(comparison: Comparison) -> list[str]:
    if not any(one.over == "picked rows" for method in comparison.methods for one in _diversities(method)):
        return []
    return [
        "The intervals of the Vendi score and of the entropy of one selection are of their mean over draws of as many rows "
        "(a jackknife over the picked ones). They do not cover the diversity of the whole dataset, which is higher: more "
        "rows are more diverse, so compare selections of one size."
    ]


def _diversities(method: ComparedMethod) -> list[IntervalEstimate]:
    return [method.values[key] for key in ("vendi", "entropy") if key in method.values]


def _summary(comparison: Comparison) -> list[dict[str, Any]]:
    metrics = comparison.shown_metrics()
    bests = {m.key: comparison.best(m) for m in metrics}
    lines = []
    for i, method in enumerate(comparison.methods):
        seeds = len(method.selections)
        lines.append(
            {
                "title": method.title,
                "drawn": f"{seeds} seeds" if seeds > 1 else "one seed" if method.is_random else "no chance",
                "only": f"{method.n_only:,}",
                "cells": [_cell(comparison, metric, i, bests[metric.key]) for metric in metrics],
            }
        )
    return lines


def _cell(comparison: Comparison, metric: Metric, i: int, best: dict[int, bool]) -> dict[str, Any] | None:
    value = comparison.methods[i].values.get(metric.key)
    if value is None or value.value is None:
        return None
    known = [one.values[metric.key] for one in comparison.methods if metric.key in one.values]
    ends = [x for e in known for x in (e.value, e.low, e.high) if x is not None]
    between = ""
    if value.low is not None and value.high is not None:
        between = f"{_number(value.low, metric.digits)} – {_number(value.high, metric.digits)}"
    return {
        "number": _number(value.value, metric.digits),
        "mark": "best" if best.get(i) else "near" if i in best else "",
        "between": between,
        "glyph": svg.strip(_dot(value), min(ends), max(ends), i),
    }


def _overlap(comparison: Comparison) -> Markup:
    labels = [_short(method.title, 26) for method in comparison.methods]
    return svg.heat_map(
        labels, [[e.value for e in line] for line in comparison.jaccard], "Overlap of the methods"
    )


def _shares(comparison: Comparison) -> list[dict[str, Any]]:
    sources = comparison.sources if len(comparison.sources.keys) > 1 else None
    groups = (("Clusters", comparison.clusters), ("Sources", sources))
    return [_group_shares(title, shares) for title, shares in groups if shares is not None]


def _group_shares(title: str, shares: Shares) -> dict[str, Any]:
    order = np.argsort(-np.asarray(shares.pool), kind="stable")[:MAX_GROUPS]
    labels = [_short(shares.names[g], 26) for g in order]
    dots = [[_dot(line[g]) for g in order] for line in shares.methods]
    chart = svg.dot_plot(labels, [shares.pool[g] for g in order], dots, f"{title}: share of the picks")
    return {"title": title, "chart": chart, "shown": len(order), "more": len(shares.keys) - len(order)}


def _spread(spread: ScoreHistograms, comparison: Comparison) -> dict[str, Any]:
    ends = (_number(spread.edges[0]), _number(spread.edges[-1]))
    figures = [
        {
            "title": method.title,
            "chart": svg.histogram(
                spread.pool, spread.methods[i], i, f"{spread.title} of {method.title}", ends
            ),
        }
        for i, method in enumerate(comparison.methods)
    ]
    name = spread.title[:1].upper() + spread.title[1:]
    return {"title": name, "logarithmic": spread.logarithmic, "figures": figures}


def _maps(
    view: DatasetView, comparison: Artifact, compared: Comparison, store: ArtifactStore
) -> dict[str, Any] | None:
    if view.layout is None:
        return None
    xy = np.asarray(read_coordinates(view.layout))
    everyone = xy[_spaced(len(xy))]
    figures = []
    for i, method in enumerate(compared.methods):
        selection = compared.selections[method.selections[0]]
        rows = read_selected_ids(store.get(comparison.manifest.dataset_id, "selection", selection.id))
        picked = xy[rows[_spaced(len(rows))]]
        seed = f" · seed {selection.seed}" if len(method.selections) > 1 else ""
        chart = svg.map_of(everyone, picked, i, f"Map of {method.title}", background="everyone")
        figures.append({"title": f"{method.title}{seed}", "chart": chart})
    return {"background": svg.map_background(everyone, "everyone"), "figures": figures}


def _spaced(n: int) -> Int64s:
    """Positions of at most ``MAX_MAP_ROWS`` of n rows, evenly spaced."""
    return np.linspace(0, n - 1, min(n, MAX_MAP_ROWS)).astype(np.int64)


def _unique(view: DatasetView, comparison: Artifact, compared: Comparison) -> list[dict[str, Any]]:
    table = read_membership(comparison)
    ids, only = (table[name].to_numpy() for name in ("example_id", "only_method"))
    parts = []
    for i, method in enumerate(compared.methods):
        mine = ids[only == i][:ROWS_PER_METHOD]
        if not len(mine):
            continue
        shown = fetch_rows(view, mine, ["prompt", "response"]).to_pylist()
        rows = [
            {
                "id": row,
                "prompt": _short(one["prompt"], ROW_CHARS),
                "response": _short(one["response"], ROW_CHARS),
            }
            for row, one in zip(mine.tolist(), shown, strict=True)
        ]
        parts.append({"method": i, "title": method.title, "only": f"{method.n_only:,}", "rows": rows})
    return parts


def manifest_of(store: ArtifactStore, comparison: Artifact, dataset_name: str) -> dict[str, JSON]:
    """Everything that determined a comparison, inputs before what reads them."""
    return {
        "tamis_version": __version__,
        "dataset_id": comparison.manifest.dataset_id,
        "dataset_name": dataset_name,
        "comparison": comparison.id,
        "artifacts": [made.manifest.model_dump(mode="json") for made in lineage(store, comparison)],
        "packages": installed_versions(),
    }


def _dot(value: IntervalEstimate) -> svg.Dot:
    return svg.Dot(value.value or 0.0, value.low, value.high, thin=value.over != "seeds")


def _number(value: float, digits: int | None = None) -> str:
    if abs(value) >= 10_000:
        return f"{value / 1e6:,.1f}M" if abs(value) >= 1e6 else f"{value / 1e3:,.0f}k"
    if digits is None:
        digits = 0 if abs(value) >= 10 else 2
    return with_minus(f"{value:,.{digits}f}")


def _short(text: str | None, length: int) -> str:
    flat = " ".join((text or "")[: length * 4].split())
    return flat if len(flat) <= length else flat[: length - 1].rstrip() + "…"
