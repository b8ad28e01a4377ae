"""The facts that stand below a picture of a map, so that a reader knows what it shows."""

from __future__ import annotations

from datetime import date

from tamis.actions.artifact_names import plain_name
from tamis.actions.dataset_context import DatasetContext
from tamis.store.artifacts.store import Artifact
from tamis.store.names import names_of_all

SEED = 0  # of a sample


def map_caption(
    context: DatasetContext, *, n_points: int, n_rows: int, colour: str, shown: str = "", n_shown: int = 0
) -> tuple[str, ...]:
    """Dataset, rows, encoder, layout, clusters, colour, filter and date; ``n_points`` of ``n_rows`` are in the picture."""
    called = names_of_all(context.workspace.database).get(context.dataset_id)
    name = called or str(context.view.examples.summary.get("name") or context.dataset_id)
    rows = f"{n_rows:,} rows"
    if n_points < n_rows:
        rows = f"{n_points:,} of {rows}, a random sample (seed {SEED})"
    view = context.view
    made = [("embedded with", view.embeddings), ("laid out by", view.layout), ("clusters:", view.clustering)]
    facts = [
        f"{how} {plain_name(one)}{_seed(one)}" for how, one in made if one is not None and plain_name(one)
    ]
    facts.append(f"colour: {colour}")
    if shown:
        facts.append(f"shown: {shown} ({n_shown:,} rows)")
    return (name, rows, *facts, f"{date.today():%d %B %Y}, Tamis")


def _seed(artifact: Artifact) -> str:
    seed = artifact.manifest.options.get("seed")
    return "" if seed is None else f" (seed {seed})"
