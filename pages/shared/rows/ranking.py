"""Rows ranked by meaning: nearest to a typed sentence or to another row, as a filter with an order."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.shared import address, queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import plain, shorten
from tamis.errors import CurationError
from tamis.protocols import Encoder
from tamis.store.artifacts.store import Artifact
from tamis.store.rows.scope import Scope
from tamis.store.rows.semantic import similar_to_row, similar_to_vector
from tamis.types import Float32s, Int64s

N_RANKED = 100


def rank_by_meaning(context: DatasetContext, scope: Scope, sentence: str) -> None:
    """Show the matching rows nearest to a sentence; loads the dataset's encoder on its first use."""
    try:
        with st.spinner("Loading the encoder and searching by meaning …", show_time=True):
            found = _similar(context, f"text:{sentence}", N_RANKED, _within(context, scope))
    except CurationError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    address.show_ranking(f"text:{sentence}", found)
    st.rerun()


def rank_like_row(context: DatasetContext, scope: Scope, row: int) -> None:
    """Show the matching rows nearest to a row; from a callback."""
    near = f"row:{row}"
    address.show_ranking(near, _similar(context, near, N_RANKED, _within(context, scope)))


def say_ranking(near: str, n_rows: int) -> str:
    """What a ranking is, for its chip."""
    kind, _, what = near.partition(":")
    return f"{n_rows:,} rows most similar to " + (
        f"row {what}" if kind == "row" else f"“{shorten(what, 60)}”"
    )


def by_similarity(context: DatasetContext, near: str, rows: Int64s) -> Int64s:
    """The rows, most similar first; unchanged when the ranking cannot be made again."""
    kind, _, what = near.partition(":")
    if kind == "row" and not (what.isdigit() and int(what) < context.n_rows):
        return rows
    ranked = np.asarray(_similar(context, near, len(rows), rows), dtype=np.int64)
    return np.concatenate([ranked, np.setdiff1d(rows, ranked, assume_unique=True)])


def _within(context: DatasetContext, scope: Scope) -> Int64s:
    return queries.matches(context, scope.without("rows"))


def _similar(context: DatasetContext, near: str, k: int, within: Int64s) -> list[int]:
    kind, _, what = near.partition(":")
    if kind == "row":
        others = similar_to_row(context.view, int(what), k - 1, within=within).rows.tolist()
        return [int(what), *others] if int(what) in within else others
    embeddings = context.view.require("embeddings")
    vector = _encode(embeddings.id, what, _embeddings=embeddings)
    found: list[int] = similar_to_vector(context.view, vector, k, within=within).rows.tolist()
    return found


@st.cache_data(max_entries=64, show_spinner=False)
def _encode(embeddings_id: str, sentence: str, *, _embeddings: Artifact) -> Float32s:
    vector: Float32s = _open_encoder(embeddings_id, _embeddings=_embeddings).encode([sentence])[0]
    return vector


@st.cache_resource(max_entries=2, show_spinner=False)
def _open_encoder(embeddings_id: str, *, _embeddings: Artifact) -> Encoder:
    # Imported here: it brings the model library, which no page needs to be drawn.
    from tamis.steps.query_encoder import open_query_encoder

    return open_query_encoder(_embeddings)
