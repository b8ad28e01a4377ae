"""How well a checker tells supported claims from unsupported ones, on a file of documents, claims and labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from tamis.compute.compare.balanced import BalancedAccuracy, balanced_accuracy
from tamis.errors import InvalidOptions, UnreadableFile
from tamis.llms import LLMS, open_llm
from tamis.models.endpoints import check_use
from tamis.registry import parse_options
from tamis.reprs import HtmlFacts
from tamis.scorers import ScorerInput
from tamis.scorers.groundedness import GroundednessScorer
from tamis.scorers.options import GroundednessOptions
from tamis.steps.base_model import base_model_folder
from tamis.steps.reach import allowed_data, allowed_model, allowed_options
from tamis.store.workspace import Workspace
from tamis.types import JSON

__all__ = ["BalancedAccuracy", "GroundedBench", "bench_grounded"]
NAMES: Mapping[str, tuple[str, ...]] = {
    "document": ("document", "doc", "context", "passage"),
    "claim": ("claim", "hypothesis"),
    "label": ("label", "supported"),
}
READERS: Mapping[str, Callable[[str], pa.Table]] = {
    ".jsonl": pa.json.read_json,
    ".json": pa.json.read_json,
    ".csv": pa.csv.read_csv,
    ".parquet": pa.parquet.read_table,
}
ADAPTER = "adapter:"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundedBench(HtmlFacts):
    """Balanced accuracy per dataset of the file and over all its claims; ``mean`` is the plain mean over datasets.

    ``n_not_judged`` claims had a document or a text that could not be judged; they count as unsupported.
    """

    checker: str
    datasets: Mapping[str, BalancedAccuracy]
    together: BalancedAccuracy
    mean: float
    n_not_judged: int


@dataclass(frozen=True, slots=True)
class _Claims:
    """What a file holds, side by side."""

    documents: Sequence[str]
    claims: Sequence[str]
    labels: np.ndarray[tuple[int], np.dtype[np.bool_]]
    datasets: Sequence[str] = field(default_factory=tuple)


def bench_grounded(
    workspace: Workspace,
    path: Path,
    *,
    checker: str = "",
    llm: str = "smollm2",
    llm_options: Mapping[str, JSON] | None = None,
    sentences: str = "whole",
    chunk_words: int = 300,
    seed: int = 0,
) -> GroundedBench:
    """Judge every claim of a file of (document, claim, label) lines and measure the verdicts against the labels.

    ``checker`` is a sequence-classification model: a folder, a hub id or adapter:ID of this workspace; without one a language model
    answers yes or no. Claims are judged ``whole``, or by sentence (``min``, ``mean``). The file is JSONL, CSV or Parquet with columns
    document (or doc), claim and label (1 supported, 0 not), and dataset where it holds several. Raises UnreadableFile, InvalidOptions,
    ForbiddenPath, and NotAllowed for a key that is not theirs to use.
    """
    read = _read(Path(allowed_data(workspace, str(path))))
    named = allowed_model(workspace, checker)
    named = str(base_model_folder(named, workspace.path)) if named.startswith(ADAPTER) else named
    options = parse_options(
        GroundednessOptions, {"model": named, "sentences": sentences, "chunk_words": chunk_words}
    )
    model = None
    if not checker:
        asked = allowed_options(workspace, LLMS[llm].options, llm_options or {})
        check_use(parse_options(LLMS[llm].options, asked).model_dump(mode="json"), workspace.actor.asker())
        model = open_llm(llm, asked, workspace=workspace.path, needs=("choose",))
    rows = ScorerInput(
        prompts=[""] * len(read.claims),
        responses=read.claims,
        meta=[{"document": one} for one in read.documents],
        llm=model,
    )
    support = GroundednessScorer(options).score(rows)["score"].astype(np.float64)
    rng = np.random.default_rng(seed)
    names = list(dict.fromkeys(read.datasets))
    places = {name: np.array([one == name for one in read.datasets]) for name in names}
    together = np.unique(read.documents, return_inverse=True)[
        1
    ]  # claims of one document say much of each other
    found = {
        name: balanced_accuracy(read.labels[at], support[at], rng, groups=together[at])
        for name, at in places.items()
    }
    return GroundedBench(
        checker=checker or (model.identity if model is not None else llm),
        datasets=found,
        together=balanced_accuracy(read.labels, support, rng, groups=together),
        mean=float(np.mean([one.value for one in found.values()])),
        n_not_judged=int(np.isnan(support).sum()),
    )


def _read(path: Path) -> _Claims:
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UnreadableFile(
            f"{path} is none of {', '.join(READERS)}: give a file of documents, claims and labels."
        )
    try:
        table: pa.Table = reader(str(path))
    except (OSError, pa.ArrowInvalid) as error:
        raise UnreadableFile(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    columns = {
        wanted: next((one for one in names if one in table.column_names), "")
        for wanted, names in NAMES.items()
    }
    missing = [name for name, column in columns.items() if not column]
    if missing:
        raise InvalidOptions(
            f"{path} has no column {', '.join(missing)}; it has {', '.join(table.column_names)}. Give document, claim and label."
        )
    labels = table[columns["label"]].to_pylist()
    odd = next((one for one in labels if one not in (0, 1)), None)
    if odd is not None or not labels:
        raise InvalidOptions(
            f"{path} has the label {odd!r}: 1 is supported and 0 is not, and there must be a line."
        )
    texts = {
        name: [str(one or "") for one in table[columns[name]].to_pylist()] for name in ("document", "claim")
    }
    datasets = table["dataset"].to_pylist() if "dataset" in table.column_names else [path.stem] * len(labels)
    return _Claims(
        texts["document"], texts["claim"], np.array(labels, dtype=np.bool_), [str(one) for one in datasets]
    )
