"""Rows ranked by meaning: nearest to a typed sentence or to another row, as a filter with an order."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core.errors import CurationError
from core.protocols import Encoder
from core.store.artifacts import Artifact
from core.store.semantic import similar_to_row, similar_to_vector
from core.types import Int64s
from pages.shared import address, queries
from pages.shared.lens import Lens
from pages.shared.plain_text import plain, shorten

N_RANKED = 100


def rank_by_meaning(lens: Lens, sentence: str) -> None:
    """Show the rows nearest to a sentence; loads the dataset's encoder on its first use."""
    try:
        with st.spinner("Loading the encoder and searching by meaning …", show_time=True):
            vector = _encode(lens.view.require("embeddings").id, sentence, _embeddings=lens.view.require("embeddings"))
            found = similar_to_vector(lens.view, vector, N_RANKED)
    except CurationError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    address.show_ranking(f"text:{sentence[:300]}", found.rows.tolist())
    st.rerun()


def rank_like_row(lens: Lens, row: int) -> None:
    """Show the rows nearest to a row, itself first; from a callback."""
    found = similar_to_row(lens.view, row, N_RANKED - 1)
    address.show_ranking(f"row:{row}", [row, *found.rows.tolist()])


def say_ranking(near: str, n_rows: int) -> str:
    """What a ranking is, for its chip."""
    kind, _, what = near.partition(":")
    return f"{n_rows:,} rows most similar to " + (f"row {what}" if kind == "row" else f"“{shorten(what, 60)}”")


def by_similarity(lens: Lens, near: str, rows: Int64s) -> Int64s:
    """The rows, most similar first; unchanged when the ranking cannot be made again."""
    kind, _, what = near.partition(":")
    n_rows = lens.n_rows
    if kind == "row" and what.isdigit() and int(what) < n_rows:
        first = int(what)
        ranked = np.append(first, queries.neighbours(lens, first, 4 * N_RANKED).rows)
    elif kind == "text" and what:
        embeddings = lens.view.require("embeddings")
        vector = _encode(embeddings.id, what, _embeddings=embeddings)
        ranked = similar_to_vector(lens.view, vector, 4 * N_RANKED).rows
    else:
        return rows
    place = np.full(n_rows, n_rows, dtype=np.int64)
    place[ranked] = np.arange(len(ranked))
    return rows[np.argsort(place[rows], kind="stable")]


@st.cache_data(max_entries=64, show_spinner=False)
def _encode(embeddings_id: str, sentence: str, *, _embeddings: Artifact) -> np.ndarray:
    return _open_encoder(embeddings_id, _embeddings=_embeddings).encode([sentence])[0]


@st.cache_resource(max_entries=2, show_spinner=False)
def _open_encoder(embeddings_id: str, *, _embeddings: Artifact) -> Encoder:
    # Imported here: it brings the model library, which no page needs to be drawn.
    from core.steps.query_encoder import open_query_encoder

    return open_query_encoder(_embeddings)
