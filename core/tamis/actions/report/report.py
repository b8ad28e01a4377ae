"""A comparison as one HTML file that needs nothing else: tables, drawings, rows, and the manifest of everything in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
import orjson

from tamis import __version__
from tamis.actions.manifests import installed_versions, lineage
from tamis.actions.report import svg
from tamis.actions.report.style import STYLE
from tamis.steps.compare.comparison import (
    Comparison,
    IntervalEstimate,
    Metric,
    ScoreHistograms,
    Shares,
    read_comparison,
    read_membership,
)
from tamis.store.artifacts.readers import read_coordinates, read_selected_ids
from tamis.store.artifacts.store import Artifact, ArtifactStore, write_atomically
from tamis.store.artifacts.view import DatasetView, open_view
from tamis.store.rows.query import fetch_rows
from tamis.types import JSON

MAX_GROUPS = 24
MAX_MAP_ROWS = 6_000
ROWS_PER_METHOD = 3
ROW_CHARS = 280


@dataclass(frozen=True, slots=True)
class Report:
    """A written report."""

    path: Path
    sha256: str
    n_bytes: int


def write_report(store: ArtifactStore, comparison: Artifact, path: Path, *, dataset_name: str) -> Report:
    """Write the report of a comparison; an existing file is replaced only when all is written."""
    content = render_report(store, comparison, dataset_name=dataset_name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)
    return Report(path, hashlib.sha256(content).hexdigest(), len(content))


def render_report(store: ArtifactStore, comparison: Artifact, *, dataset_name: str) -> bytes:
    """The report as UTF-8 HTML; the same artifacts and packages give the same bytes. No request is ever made by it."""
    found = read_comparison(comparison)
    view = open_view(store, comparison.manifest.dataset_id)
    title = f"{dataset_name}: {len(found.methods)} ways to pick"
    sections = [
        _head(found, comparison, dataset_name),
        _summary(found),
        _overlap(found),
        _shares("Clusters", found.clusters, found),
        _shares("Sources", found.sources if len(found.sources.keys) > 1 else None, found),
        *(_spread(spread, found) for spread in found.spreads.values()),
        _maps(view, comparison, found, store),
        _unique(view, comparison, found),
        _manifest(store, comparison, dataset_name),
    ]
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{''.join(sections)}</main></body></html>\n"
    )
    return page.encode()


def _head(found: Comparison, comparison: Artifact, dataset_name: str) -> str:
    n_picked = sorted({one.n_rows for one in found.selections})
    size = f"{n_picked[0]:,}" if len(n_picked) == 1 else f"{n_picked[0]:,} to {n_picked[-1]:,}"
    lead = (
        f"{size} of {found.n_rows:,} rows of {escape(dataset_name)}, picked by {len(found.methods)} methods in "
        f"{len(found.selections)} selections. Compared on {escape(comparison.manifest.created_at[:10])} with Tamis "
        f"{escape(comparison.manifest.tamis_version)}."
    )
    return f"<p>{lead}</p>" + "".join(f"<p>{escape(line)}</p>" for line in notes_of(found))


def notes_of(found: Comparison) -> list[str]:
    """What to keep in mind when reading the numbers, in sentences."""
    level = f"{found.confidence_fraction:.0%}"
    said = [
        f"Intervals are {level}. For a method with several seeds they are over seeds (Student's t): what another draw "
        "would give. For a method with one selection they are over rows, drawn thin: how sure the number is of this one "
        "selection. Rows are the same for all methods, so intervals over rows may overlap although one method is "
        "always ahead."
    ]
    if found.is_sampled:
        said.append(
            f"Coverage was measured on {found.n_pool_rows:,} of {found.n_rows:,} rows drawn at random, so the radius is "
            "a lower bound."
        )
    if found.budgets_differ:
        said.append("The selections are not of one size, so a larger one covers more for that reason alone.")
    if found.shared_seeds:
        said.append(
            "Some selections are of one method with one seed and other options: they share their luck, and overlap by "
            "more than their choice."
        )
    short = [one for one in found.selections if one.shortfall]
    if short:
        named = sorted({found.methods[one.method].title for one in short})
        unit = "tokens" if short[0].unit == "tokens" else "rows"
        said.append(
            f"Budget left unspent by {', '.join(named)}: up to {max(one.shortfall for one in short):,} {unit}."
        )
    for i, one in enumerate(found.methods):
        same = [other.title for j, other in enumerate(found.methods[:i]) if found.jaccard[i][j].value == 1.0]
        if same:
            said.append(f"{one.title} picked exactly the same rows as {' and '.join(same)}.")
    return said


def _summary(found: Comparison) -> str:
    metrics = found.shown_metrics()
    head = "".join(f'<th title="{escape(m.help)}">{escape(m.title)}{_arrow(m)}</th>' for m in metrics)
    lines = []
    bests = {m.key: found.best(m) for m in metrics}
    for i, method in enumerate(found.methods):
        cells = "".join(_cell(found, metric, i, bests[metric.key]) for metric in metrics)
        seeds = len(method.selections)
        note = f"{seeds} seeds" if seeds > 1 else "one seed" if method.is_random else "no chance"
        dot = f'<i style="background:{svg.colour(i)}"></i>'
        lines.append(
            f"<tr><th>{dot}{escape(method.title)}<small>{note}</small></th><td>{method.n_only:,}</td>{cells}</tr>"
        )
    return (
        f'<h2>Summary</h2><div class="wide"><table><thead><tr><th>Method</th><th title="Rows that no other method '
        f'picked">Only here</th>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
        "<p class=note>Bold with a star: best. Bold: the best is inside its interval over seeds.</p>"
    )


def _cell(found: Comparison, metric: Metric, i: int, best: dict[int, bool]) -> str:
    value = found.methods[i].values.get(metric.key)
    if value is None or value.value is None:
        return "<td>–</td>"
    known = [one.values[metric.key] for one in found.methods if metric.key in one.values]
    ends = [x for e in known for x in (e.value, e.low, e.high) if x is not None]
    mark = " class=best" if best.get(i) else " class=near" if i in best else ""
    number = f"{_number(value.value, metric.digits)}{' ★' if best.get(i) else ''}"
    between = ""
    if value.low is not None and value.high is not None:
        between = f"<small>{_number(value.low, metric.digits)} – {_number(value.high, metric.digits)}</small>"
    glyph = svg.strip(_dot(value), min(ends), max(ends), i)
    return f"<td{mark}>{number}{between}{glyph}</td>"


def _overlap(found: Comparison) -> str:
    labels = [_short(method.title, 26) for method in found.methods]
    chart = svg.heat_map(
        labels, [[e.value for e in line] for line in found.jaccard], "Overlap of the methods"
    )
    return (
        "<h2>Overlap</h2><p>Rows in both over rows in either (Jaccard index): 1 is the same rows. On the diagonal, a "
        f"method with itself under another seed. Two independent random picks would have {found.chance_jaccard:.3f}.</p>"
        f'<div class="wide">{chart}</div>'
    )


def _shares(title: str, shares: Shares | None, found: Comparison) -> str:
    if shares is None:
        return ""
    order = np.argsort(-np.asarray(shares.pool), kind="stable")[:MAX_GROUPS]
    labels = [_short(shares.names[g], 26) for g in order]
    dots = [[_dot(line[g]) for g in order] for line in shares.methods]
    chart = svg.dot_plot(labels, [shares.pool[g] for g in order], dots, f"{title}: share of the picks")
    more = len(shares.keys) - len(order)
    note = f"<p class=note>The {len(order)} largest; {more:,} more are in the data.</p>" if more else ""
    return (
        f"<h2>{title}</h2><p>Share of each method's picks; the grey bar is the share of all rows.</p>{_legend(found)}"
        f'<div class="wide">{chart}</div>{note}'
    )


def _spread(spread: ScoreHistograms, found: Comparison) -> str:
    ends = (_number(spread.edges[0]), _number(spread.edges[-1]))
    figures = [
        f"<figure><figcaption>{escape(method.title)}</figcaption>"
        f"{svg.histogram(spread.pool, spread.methods[i], i, f'{spread.title} of {method.title}', ends)}</figure>"
        for i, method in enumerate(found.methods)
    ]
    scale = ", logarithmic" if spread.logarithmic else ""
    name = spread.title[:1].upper() + spread.title[1:]
    return f"<h2>{escape(name)}</h2><p>Grey: all rows{scale}.</p><div class=grid>{''.join(figures)}</div>"


def _maps(view: DatasetView, comparison: Artifact, found: Comparison, store: ArtifactStore) -> str:
    if view.layout is None:
        return ""
    xy = np.asarray(read_coordinates(view.layout))
    every = np.linspace(0, len(xy) - 1, min(len(xy), MAX_MAP_ROWS)).astype(np.int64)
    everyone = xy[every]
    figures = []
    for i, method in enumerate(found.methods):
        selection = found.selections[method.selections[0]]
        rows = read_selected_ids(store.get(comparison.manifest.dataset_id, "selection", selection.id))
        shown = rows[np.linspace(0, len(rows) - 1, min(len(rows), MAX_MAP_ROWS)).astype(np.int64)]
        figure = svg.map_of(everyone, xy[shown], i, f"Map of {method.title}", background="everyone")
        seed = f" · seed {selection.seed}" if len(method.selections) > 1 else ""
        figures.append(f"<figure><figcaption>{escape(method.title)}{seed}</figcaption>{figure}</figure>")
    return (
        "<h2>Maps</h2><p>The picks over all rows, on the same axes.</p>"
        f"{svg.map_background(everyone, 'everyone')}<div class=grid>{''.join(figures)}</div>"
    )


def _unique(view: DatasetView, comparison: Artifact, found: Comparison) -> str:
    table = read_membership(comparison)
    ids, only = (table[name].to_numpy() for name in ("example_id", "only_method"))
    parts = []
    for i, method in enumerate(found.methods):
        mine = ids[only == i][:ROWS_PER_METHOD]
        if not len(mine):
            continue
        shown = fetch_rows(view, mine, ["prompt", "response"]).to_pylist()
        rows = "".join(
            f"<tr><td>{row}</td><td>{escape(_short(one['prompt'], ROW_CHARS))}</td>"
            f"<td>{escape(_short(one['response'], ROW_CHARS))}</td></tr>"
            for row, one in zip(mine.tolist(), shown, strict=True)
        )
        parts.append(
            f'<h3><i style="background:{svg.colour(i)}"></i>{escape(method.title)}: {method.n_only:,} rows</h3>'
            f"<table class=rows><thead><tr><th>Row</th><th>Prompt</th><th>Response</th></tr></thead>{rows}</table>"
        )
    return f"<h2>Rows that only one method picked</h2><p>The first {ROWS_PER_METHOD} of each.</p>{''.join(parts)}"


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


def _manifest(store: ArtifactStore, comparison: Artifact, dataset_name: str) -> str:
    values = manifest_of(store, comparison, dataset_name)
    rows = "".join(
        f"<tr><td>{escape(one['kind'])}</td><td><code>{escape(one['artifact_id'])}</code></td>"
        f"<td>{escape(one['step'])}</td><td>{escape(one['created_at'][:19])}</td></tr>"
        for one in values["artifacts"]
    )
    # Inside a script element only "</" could end it early, and JSON may spell "<" otherwise.
    embedded = orjson.dumps(values).decode().replace("<", "\\u003c")
    listed = escape(orjson.dumps(values, option=orjson.OPT_INDENT_2).decode())
    return (
        "<h2>Manifest</h2><p>Every artifact behind these numbers, from the import on. An id names what made the "
        "artifact, so it can be made again.</p><table><thead><tr><th>Kind</th><th>Id</th><th>Step</th><th>Made</th>"
        f"</tr></thead>{rows}</table><details><summary>All of it as JSON</summary><pre>{listed}</pre></details>"
        f'<script type="application/json" id="manifest">{embedded}</script>'
    )


def _legend(found: Comparison) -> str:
    names = (
        f'<span><i style="background:{svg.colour(i)}"></i>{escape(m.title)}</span>'
        for i, m in enumerate(found.methods)
    )
    return f"<p class=legend>{''.join(names)}</p>"


def _arrow(metric: Metric) -> str:
    return {"lower": " ↓", "higher": " ↑", "neither": ""}[metric.better]


def _dot(value: IntervalEstimate) -> svg.Dot:
    return svg.Dot(value.value or 0.0, value.low, value.high, thin=value.over != "seeds")


def _number(value: float, digits: int | None = None) -> str:
    if abs(value) >= 10_000:
        return f"{value / 1e6:,.1f}M" if abs(value) >= 1e6 else f"{value / 1e3:,.0f}k"
    if digits is not None:
        return f"{value:,.{digits}f}"
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.2f}"


def _short(text: str | None, length: int) -> str:
    flat = " ".join((text or "")[: length * 4].split())
    return flat if len(flat) <= length else flat[: length - 1].rstrip() + "…"
