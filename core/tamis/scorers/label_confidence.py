"""How likely a row's own label is, out of fold (METHODS.md 3.5)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tamis.compute.clear.label_doubt import code_labels, doubt_labels
from tamis.errors import ArtifactMissing, InvalidOptions
from tamis.scorers import ScorerInput
from tamis.scorers.options import LabelConfidenceOptions
from tamis.types import Float32s


class LabelConfidenceScorer:
    """Logistic regression on embeddings, fitted to the other folds; NaN for a row without a label."""

    def __init__(self, options: LabelConfidenceOptions) -> None:
        self._options = options

    def score(self, rows: ScorerInput) -> dict[str, Float32s]:
        """``score`` (n,), p(own label); ``label`` and ``predicted`` as places in the alphabet of labels, −1 for none; and
        ``predicted_probability``.
        """
        options = self._options
        if rows.prompt_vectors is None or rows.response_vectors is None:
            raise ArtifactMissing(
                "Labels are told from vectors of both texts: run embed with text = both first."
            )
        sides = [rows.prompt_vectors, rows.response_vectors][: 1 if options.text == "prompt" else 2]
        codes = code_labels(self._labels(rows)).codes
        found = doubt_labels(
            np.concatenate(sides, axis=1), codes, np.random.default_rng(options.seed), prompts=rows.prompts,
            n_folds=options.n_folds, strength=options.strength,
        )  # fmt: skip
        columns = {
            "score": found.own,
            "label": codes,
            "predicted": found.predicted,
            "predicted_probability": found.confidence,
        }
        return {name: np.asarray(values, dtype=np.float32) for name, values in columns.items()}

    def _labels(self, rows: ScorerInput) -> Sequence[str]:
        field = self._options.label_field
        if not field:
            return rows.responses
        labels = [str(fields[field]) if fields.get(field) is not None else "" for fields in rows.meta or ()]
        if not any(labels):
            known = sorted({name for fields in rows.meta or () for name in fields})
            raise InvalidOptions(f"No row has the field {field!r}. Fields: {', '.join(known) or 'none'}.")
        return labels
