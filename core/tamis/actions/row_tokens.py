"""How many tokens a training reads of every row, kept as scores that a budget or a quality can name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tamis.actions.given_scores import write_scores
from tamis.errors import CurationError
from tamis.models.files import fingerprint
from tamis.recipes import RECIPES, SftOptions
from tamis.registry import parse_options
from tamis.steps.base_model import base_model_folder
from tamis.steps.proxies.preparation import RowTokenCounts, count_row_tokens
from tamis.store.artifacts.store import Artifact, ArtifactStore, Manifest, artifact_id
from tamis.types import JSON

COUNT = "count_tokens"  # what made them, in manifests
# What of a recipe decides how many tokens a row has.
DECIDES = ("max_length", "drop_longer", "unfit_as_text", "assistant_only_loss", "completion_only_loss")


@dataclass(frozen=True, slots=True)
class KeptTokens:
    """Counts of every row, and the names of the scores that hold them."""

    counts: RowTokenCounts
    all: str
    response: str
    length: str


def row_tokens(
    store: ArtifactStore, dataset_id: str, model: str, recipe: str, recipe_options: Mapping[str, JSON]
) -> RowTokenCounts:
    """Count them as a training of this model by this recipe does; nothing is written.

    Raises ModelMissing, and InvalidOptions for the recipe's options.
    """
    folder = base_model_folder(model, store.workspace)
    return count_row_tokens(store.examples(dataset_id), folder, _options(recipe, recipe_options))


def keep_row_tokens(
    store: ArtifactStore,
    dataset_id: str,
    model: str,
    recipe: str,
    recipe_options: Mapping[str, JSON],
    counts: RowTokenCounts | None = None,
) -> KeptTokens:
    """The counts of ``row_tokens``, or these ones of it, as scores; the same request is the same scores."""
    options = _options(recipe, recipe_options)
    folder, examples = base_model_folder(model, store.workspace), store.examples(dataset_id)
    counts = counts or count_row_tokens(examples, folder, options)
    made_by = {"model": model, "fingerprint": fingerprint(folder), "recipe": recipe}
    made_by |= {name: getattr(options, name) for name in DECIDES}
    names = {kind: _keep(store, examples, made_by, kind, counts) for kind in ("all", "response", "length")}
    return KeptTokens(counts=counts, **names)


def remake_row_tokens(store: ArtifactStore, recorded: Manifest) -> Artifact:
    """Scores of this kind as a manifest says that they were made; raises CurationError where the model is another by now."""
    named = recorded.options
    recipe = {name: named[name] for name in DECIDES}
    keep_row_tokens(store, recorded.dataset_id, str(named["model"]), str(named["recipe"]), recipe)
    made = store.find_whole(recorded.dataset_id, recorded.kind, recorded.artifact_id)
    if made is None:
        raise CurationError(
            f"The tokens {named['scorer']!r} were counted by {named['model']} as it was ({named['fingerprint']}), and it is "
            "another model by now: bring that one back, or make the referee anew."
        )
    return made


def _options(recipe: str, given: Mapping[str, JSON]) -> SftOptions:
    options = parse_options(RECIPES[recipe].options, dict(given))
    assert isinstance(options, SftOptions)
    return options


def _keep(
    store: ArtifactStore, examples: Artifact, made_by: Mapping[str, JSON], kind: str, counts: RowTokenCounts
) -> str:
    name = f"{kind}_tokens_{artifact_id('scores', options=dict(made_by), inputs={}, format_version=1)[:8]}"
    options = {"scorer": name, "count": kind, **made_by}
    inputs, dataset_id = {"examples": examples.id}, examples.manifest.dataset_id
    identifier = artifact_id("scores", options={"step": COUNT} | options, inputs=inputs, format_version=1)
    if store.find_whole(dataset_id, "scores", identifier) is None:
        values = np.array(getattr(counts, kind), dtype=np.float64)
        values[values == 0] = np.nan
        write_scores(store, dataset_id, identifier, (COUNT, options, inputs), values, {})
    return name
