"""Whether refinement turns away from clusters whose answers are wrong, with the bundled models.

    python -m tests.benchmarks.refining [--rows 1100] [--budget 120] [--seeds 5] [--trained] [--workspace FOLDER]

Short single-turn rows of LIMA (../shared/data) and the sample; the responses of 20 % of the clusters are dealt out
anew among these clusters' rows, other clusters for every seed. Then three rounds by ``pmi``, the same with the scores
shuffled over clusters, and the same number of rows by static kMQ and at random. By default in the cheap mode (the base
model answers, nothing is trained); ``--trained`` fine-tunes a round model in every round. The pool is much larger than
the budget, so that a cluster whose weight rises does not run out and give its share back to the spoilt ones. Intervals
are Student's over the seeds; the differences are taken within a seed, where all arms meet the same spoilt clusters.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

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
REFINED, STATIC_KMQ = "pmi", "static kMQ"
RUNS: dict[str, dict[str, object]] = {
    REFINED: {},
    "pmi, scores shuffled": {"control": "shuffled_scores"},
    STATIC_KMQ: {"control": "kmq"},
    "random": {"control": "random"},
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one arm picked with one seed: shares 0 to 1 of spoilt rows, weights after the last round, seconds."""

    seed: int
    arm: str
    spoilt_share: float
    spoilt_weight: float
    effective_clusters: float
    seconds: float

    def line(self) -> list[object]:
        """As a line of the table."""
        return [
            self.seed,
            self.arm,
            f"{self.spoilt_share:.1%}",
            f"{self.spoilt_weight:.2f}",
            f"{self.effective_clusters:.1f}",
            f"{self.seconds:.0f}",
        ]


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


def measure(store: ArtifactStore, arguments: argparse.Namespace, seed: int) -> list[Outcome]:
    """Every arm on the mixture of one seed."""
    pairs = read_pairs(arguments.rows)
    clean = import_pairs(store, pairs, "clean")
    labels = cluster(store, clean, arguments.clusters)
    changed, is_spoilt = spoil(pairs, labels, seed)
    dataset_id = import_pairs(store, changed, f"spoilt {seed}")
    assert np.array_equal(cluster(store, dataset_id, arguments.clusters), labels)
    both = run_step(store, dataset_id, "embed", {"text": "both"})
    scores = run_step(store, dataset_id, "score", {"scorer": "alignment", "embeddings": both.id})
    shared = {
        "rounds": ROUNDS,
        "budget": arguments.budget,
        "seed": seed,
        "train": arguments.trained,
        "max_new_tokens": arguments.max_new_tokens,
        "clustering": store.list(dataset_id, "clustering")[0].id,
        "scores": scores.id,
        "scorer_options": {"response_words": arguments.response_words, "prompt_words": MAX_PROMPT_WORDS},
        "mode": arguments.mode,
    }
    outcomes = []
    for arm, values in RUNS.items():
        began = time.perf_counter()
        made = run_step(store, dataset_id, "refine", shared | values)
        selection = store.get(dataset_id, "selection", made.summary["selection"])
        share = float(is_spoilt[read_selected_ids(selection)].mean())
        weight, effective = weights_at_the_end(made, labels, is_spoilt)
        outcomes.append(Outcome(seed, arm, share, weight, effective, time.perf_counter() - began))
        print(*outcomes[-1].line(), sep=" | ", flush=True)
    return outcomes


def weights_at_the_end(made: Artifact, labels: Int64s, is_spoilt: Bools) -> tuple[float, float]:
    """Mean weight of spoilt over that of clean clusters, each relative to its first one, and exp of the entropy."""
    table = read_weights(made).to_pandas().pivot(index="cluster_id", columns="round", values="weight")
    first, last = table.iloc[:, 0], table.iloc[:, -1]
    moved = (last / first)[first > 0]
    spoilt = moved.index.isin(np.unique(labels[is_spoilt]))
    share = (last / last.sum())[last > 0]
    return float(moved[spoilt].mean() / moved[~spoilt].mean()), float(np.exp(-(share * np.log(share)).sum()))


def mean_and_interval(values: Sequence[float], form: str) -> str:
    """Mean of the seeds with Student's 95 % interval."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return form.format(mean)
    low, high = stats.t.interval(0.95, len(values) - 1, loc=mean, scale=stats.sem(values) or 1e-12)
    return f"{form.format(mean)} ({form.format(low)} to {form.format(high)})"


def means(outcomes: list[Outcome]) -> list[list[object]]:
    """One line per arm: its means over the seeds, and how its share differs from static kMQ's within a seed."""
    of_arm = {
        arm: sorted((one for one in outcomes if one.arm == arm), key=lambda one: one.seed) for arm in RUNS
    }
    static = np.array([one.spoilt_share for one in of_arm[STATIC_KMQ]])
    lines: list[list[object]] = []
    for arm, mine in of_arm.items():
        share = [one.spoilt_share for one in mine]
        difference = mean_and_interval(list(np.array(share) - static), "{:+.1%}") if arm != STATIC_KMQ else ""
        weight = mean_and_interval([one.spoilt_weight for one in mine], "{:.2f}")
        effective = mean_and_interval([one.effective_clusters for one in mine], "{:.1f}")
        lines.append([arm, mean_and_interval(share, "{:.1%}"), difference, weight, effective])
    return lines


def main() -> None:
    """Print every seed as it ends, then the means."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1100)
    parser.add_argument("--budget", type=int, default=120)
    parser.add_argument("--clusters", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--max-new-tokens", type=int, default=40)
    parser.add_argument("--response-words", type=int, default=40)
    parser.add_argument("--trained", action="store_true", help="fine-tune a round model in every round")
    parser.add_argument("--mode", default="tested")
    parser.add_argument("--workspace", default="", help="where answers are kept between runs")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = ArtifactStore(Path(arguments.workspace or folder))
        outcomes = [one for seed in range(arguments.seeds) for one in measure(store, arguments, seed)]
    columns = [
        "picked by",
        "spoilt among picked",
        "against static kMQ",
        "weight spoilt / clean",
        "effective clusters",
    ]
    print_table(
        f"Refinement (mode {arguments.mode}) with {SPOILT_FRACTION:.0%} of {arguments.clusters} clusters spoilt, "
        f"{arguments.rows} rows, budget {arguments.budget}, {arguments.seeds} seeds, "
        f"{'trained round models' if arguments.trained else 'cheap mode (nothing trained)'}",
        columns,
        means(outcomes),
    )


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
