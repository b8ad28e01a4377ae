"""Rounds of a refinement with planted evidence, and the chart of effects as a browser is given it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from streamlit.testing.v1 import AppTest

from pages.shared.server import open_server
from tamis.actions.refinement_history import RefinementHistory, read_history
from tamis.compute.refine.evidence import RoundEvidence, effective_clusters, pooled_effects, tilted_weights
from tamis.store.artifacts.refinements import CLUSTERS, CLUSTERS_SCHEMA, read_round_clusters, rounds_of
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.types import Float64s


def plant(
    workspace: Path, refinement: Artifact, means: Sequence[Float64s], *, n: int, spread: float
) -> RefinementHistory:
    """Write what rounds with these mean gaps of ``n`` rows a cluster would have written."""
    evidence: list[RoundEvidence] = []
    for one, mean in zip(rounds_of(ArtifactStore(workspace), refinement), means, strict=True):
        table = read_round_clusters(one)
        k = table.num_rows
        columns = {
            "score": mean,
            "standard_error": np.full(k, spread / np.sqrt(n)),
            "n_scored": np.full(k, n),
        }
        evidence.append(RoundEvidence.of(*columns.values()))
        found = pooled_effects(evidence)
        columns |= {"effect": found.effect, "deviation": found.deviation}
        columns |= {"probability_below": found.probability_below}
        for name, values in columns.items():
            at = CLUSTERS_SCHEMA.get_field_index(name)
            table = table.set_column(
                at, CLUSTERS_SCHEMA.field(at), pa.array(values, CLUSTERS_SCHEMA.field(at).type)
            )
        pq.write_table(table, one.path / CLUSTERS)
        weights = tilted_weights(np.full(k, 1 / k), found.tested)
        said_of = {"between": found.between, "inconsistency": found.inconsistency, "chance": found.chance}
        said_of |= {"trust": found.trust, "told": found.told and found.trust > 0}
        said_of |= {"effective_clusters": effective_clusters(weights)}
        held = {"files": one.manifest.files | {CLUSTERS: (one.path / CLUSTERS).stat().st_size}, "digests": {}}
        manifest = one.manifest.model_copy(update={"summary": one.summary | said_of, **held})
        (one.path / "manifest.json").write_text(manifest.model_dump_json(), "utf-8")
    open_server.clear()
    history = read_history(refinement, rounds_of(ArtifactStore(workspace), refinement))
    assert history is not None
    return history


def drawn_effects(app: AppTest) -> pd.DataFrame:
    """The lines of the chart of effects, as the browser is given them."""
    for chart in app.get("vega_lite_chart"):
        spec = orjson.loads(chart.proto.spec)
        layers = [one["encoding"] for one in spec.get("layer", ()) if "x2" in one.get("encoding", {})]
        if [(one["x"]["field"], one["x2"]["field"]) for one in layers] != [("low", "high")]:
            continue
        tables = [pa.ipc.open_stream(io.BytesIO(one.data.data)).read_pandas() for one in chart.proto.datasets]
        return next(table for table in tables if "cluster" in table.columns)
    raise AssertionError("there is no chart of effects")
