"""Whether refinement turns away from clusters whose answers are wrong, with the bundled models.

    python -m tests.benchmarks.refining [--rows 1100] [--budget 120] [--seeds 3] [--trained] [--workspace FOLDER]

Short single-turn rows of LIMA (../shared/data) and the sample; the responses of 20 % of the clusters are dealt out
anew among these clusters' rows. Then three rounds by each score, with scores shuffled over clusters, and the same
number of rows by static kMQ and at random. By default in the cheap mode (the base model answers, nothing is trained);
``--trained`` fine-tunes a round model in every round. The pool is much larger than the budget, so that a cluster whose weight
rises does not run out and give its share back to the spoilt ones; tau is 0.5, because a third of the budget is spent
before any weight has moved.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from tamis.steps.execute import Task, execute
from tamis.steps.import_file.identify import plan_import
from tamis.steps.plan import plan_step
from tamis.store.artifacts.readers import read_cluster_ids, read_selected_ids
from tamis.store.artifacts.refinements import read_weights
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.types import Bools, Int64s
from tests.benchmarks.measure import ROOT, print_table

LIMA = ROOT.parent / "shared" / "data" / "lima_train.jsonl"
SAMPLE = ROOT / "sample_data"
MAX_PROMPT_WORDS = 60
SPOILT_FRACTION = 0.2
ROUNDS = 3
Pair = tuple[str, str]
RUNS: dict[str, dict[str, object]] = {
    "pmi": {},
    "pmi, scores shuffled": {"control": "shuffled_scores"},
    "perplexity": {"scorer": "perplexity"},
    "static kMQ": {"control": "kmq"},
    "random": {"control": "random"},
}


class Quiet:
    """A reporter nobody listens to."""

    def progress(self, stage: str, done: int, total: int, message: str = "") -> None:
        """Nothing to do."""

    def metric(self, name: str, value: float, position: float) -> None:
        """Nothing to do."""


def read_pairs(limit: int) -> list[Pair]:
    """Short single-turn rows of LIMA and the sample in a fixed random order, at most ``limit``."""
    pairs = [pair for pair in _all_pairs() if len(pair[0].split()) <= MAX_PROMPT_WORDS and pair[1].strip()]
    order = np.random.default_rng(0).permutation(len(pairs))
    return [pairs[i] for i in order[:limit]]


def _all_pairs() -> Iterator[Pair]:
    if LIMA.exists():
        for line in LIMA.read_text("utf-8").splitlines():
            turns = json.loads(line)["conversations"]
            if len(turns) == 2:
                yield turns[0], turns[1]
    for line in (SAMPLE / "kitchen_and_home.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        yield f"{row['instruction']}\n{row['input']}".strip(), row["output"]
    with (SAMPLE / "work_and_code.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield row["prompt"], row["response"]


def run_step(store: ArtifactStore, dataset_id: str, step: str, values: Mapping[str, object]) -> Artifact:
    """Run a step in this process."""
    plan = plan_step(store, dataset_id, step, values)
    options = plan.options.model_dump(mode="json")
    task = Task(dataset_id, step, options, plan.inputs, plan.input_kinds, plan.artifact_id)
    return execute(store, task, Quiet())


def import_pairs(store: ArtifactStore, pairs: list[Pair], name: str) -> str:
    """Write the pairs to a file and import it; returns the dataset's id."""
    store.workspace.mkdir(parents=True, exist_ok=True)
    file = store.workspace / f"{name}.jsonl"
    records = [{"instruction": prompt, "input": "", "output": response} for prompt, response in pairs]
    file.write_text("\n".join(json.dumps(record) for record in records), "utf-8")
    plan = plan_import([str(file)], name=name)
    run_step(store, plan.dataset_id, "import", plan.options)
    return str(plan.dataset_id)


def cluster(store: ArtifactStore, dataset_id: str, n_clusters: int) -> Int64s:
    """Cluster by the prompts alone, so that spoiling responses moves no row to another cluster."""
    vectors = run_step(store, dataset_id, "embed", {"text": "prompt"})
    values = {"embeddings": vectors.id, "method_options": {"n_clusters": n_clusters}}
    return read_cluster_ids(run_step(store, dataset_id, "cluster", values)).astype(np.int64)


def spoil(pairs: list[Pair], labels: Int64s, seed: int) -> tuple[list[Pair], Bools]:
    """Deal out the responses of a fifth of the clusters among their rows, none to its own; says which rows."""
    rng = np.random.default_rng(seed)
    clusters = np.unique(labels)
    chosen = rng.choice(clusters, round(SPOILT_FRACTION * len(clusters)), replace=False)
    is_spoilt = np.isin(labels, chosen)
    rows = rng.permutation(np.flatnonzero(is_spoilt))
    changed = list(pairs)
    for row, donor in zip(rows, np.roll(rows, 1), strict=True):
        changed[row] = (pairs[row][0], pairs[donor][1])
    return changed, is_spoilt


def measure(store: ArtifactStore, arguments: argparse.Namespace, seed: int) -> list[list[object]]:
    """One line per way to select: weights of spoilt over clean clusters, and their share of the rows."""
    pairs = read_pairs(arguments.rows)
    clean = import_pairs(store, pairs, "clean")
    labels = cluster(store, clean, arguments.clusters)
    changed, is_spoilt = spoil(pairs, labels, seed)
    dataset_id = import_pairs(store, changed, f"spoilt {seed}")
    assert np.array_equal(cluster(store, dataset_id, arguments.clusters), labels)
    clustering = store.list(dataset_id, "clustering")[0].id
    both = run_step(store, dataset_id, "embed", {"text": "both"})
    scores = run_step(store, dataset_id, "score", {"scorer": "alignment", "embeddings": both.id})
    shared = {
        "rounds": ROUNDS,
        "budget": arguments.budget,
        "seed": seed,
        "train": arguments.trained,
        "max_new_tokens": arguments.max_new_tokens,
        "clustering": clustering,
        "scores": scores.id,
        "tau": arguments.tau,
        "scored_by": arguments.scored_by,
        "score_rows": arguments.score_rows,
        "mode": arguments.mode,
    }
    table = []
    for name, values in RUNS.items():
        began = time.perf_counter()
        words = {
            "scorer_options": {"response_words": arguments.response_words, "prompt_words": MAX_PROMPT_WORDS}
        }
        made = run_step(store, dataset_id, "refine", shared | words | values)
        selection = store.get(dataset_id, "selection", made.summary["selection"])
        share = float(is_spoilt[read_selected_ids(selection)].mean())
        spent = time.perf_counter() - began
        table.append([seed, name, weight_ratio(made, labels, is_spoilt), share, spent])
    return table


def weight_ratio(made: Artifact, labels: Int64s, is_spoilt: Bools) -> float:
    """Mean weight of spoilt clusters over that of clean ones after the last round."""
    weights = read_weights(made).to_pandas()
    last = weights[weights["round"] == weights["round"].max()].set_index("cluster_id")["weight"]
    spoilt = np.unique(labels[is_spoilt])
    return float(last[last.index.isin(spoilt)].mean() / last[~last.index.isin(spoilt)].mean())


def main() -> None:
    """Print every seed and the means."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1100)
    parser.add_argument("--budget", type=int, default=120)
    parser.add_argument("--clusters", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--max-new-tokens", type=int, default=40)
    parser.add_argument("--response-words", type=int, default=40)
    parser.add_argument("--trained", action="store_true", help="fine-tune a round model in every round")
    parser.add_argument("--tau", type=float, default=0.5)
    parser.add_argument("--mode", default="tamis")
    parser.add_argument("--scored-by", default="base")
    parser.add_argument("--score-rows", default="new")
    parser.add_argument("--workspace", default="", help="where answers are kept between runs")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = ArtifactStore(Path(arguments.workspace or folder))
        table = [line for seed in range(arguments.seeds) for line in measure(store, arguments, seed)]
    for name in RUNS:
        mine = np.array([line[2:] for line in table if line[1] == name], dtype=np.float64).mean(axis=0)
        table.append(["mean", name, *mine])
    print_table(
        f"Refinement with {SPOILT_FRACTION:.0%} of {arguments.clusters} clusters spoilt, {arguments.rows} rows, budget "
        f"{arguments.budget}, {'trained round models' if arguments.trained else 'cheap mode (nothing trained)'}",
        ["seed", "picked by", "weight spoilt / clean", "spoilt among picked", "s"],
        [
            [seed, name, f"{ratio:.3f}", f"{share:.3f}", f"{spent:.0f}"]
            for seed, name, ratio, share, spent in table
        ],
    )


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
