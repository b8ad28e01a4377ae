"""The encoder of some embeddings, to put a typed sentence into the same space."""

from __future__ import annotations

from tamis.encoders import ENCODERS
from tamis.protocols import Encoder
from tamis.registry import parse_options
from tamis.store.artifacts.store import Artifact


def open_query_encoder(embeddings: Artifact) -> Encoder:
    """Load the encoder with the options that made the embeddings; seconds on first use, so keep it."""
    made_by = embeddings.manifest.options
    row = ENCODERS[made_by["encoder"]]
    encoder: Encoder = row.load()(parse_options(row.options, made_by["encoder_options"]))
    return encoder
