"""Which rows to calibrate a pruning on: LIMA, seed tasks or full stops alone, by what each leaves of the bundled model.

``python -m tests.benchmarks.pruning --data ../shared/data``: Wanda, half of the weights, windows that no set can do without and
perplexity of the responses of rows that none holds; three draws, some minutes for each on one thread.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

import tamis
from tamis.actions.pruning import Pruning, pruning_lines, read_pruning
from tests.benchmarks.measure import ROOT, machine

MOST_WORDS = 120
STOPS = 60_000  # full stops of a junk row: so many that next to nothing of the template stands between them


def texts_of(data: Path) -> dict[str, list[tuple[str, str]]]:
    """Prompts and responses by where they come from, the short ones of each in a fixed order, and rows of full stops."""
    lima = [
        json.loads(line)["conversations"]
        for line in (data / "lima_train.jsonl").read_text("utf-8").splitlines()
    ]
    seeds = [json.loads(line) for line in (data / "seed_tasks.jsonl").read_text("utf-8").splitlines()]
    found = {
        "lima": [(one[0], one[1]) for one in lima if len(one) > 1],
        "seed_tasks": [
            (f"{one['instruction']}\n{one['instances'][0]['input']}".strip(), one["instances"][0]["output"])
            for one in seeds
        ],
        "stops": [("." * (STOPS + i), "." * STOPS) for i in range(40)],
    }
    rng = np.random.default_rng(3)
    short = {
        name: [one for one in rows if len(" ".join(one).split()) <= MOST_WORDS]
        for name, rows in found.items()
    }
    return {name: [rows[i] for i in rng.permutation(len(rows)).tolist()] for name, rows in short.items()}


def measure(
    folder: Path, data: Path, *, n_windows: int, row_tokens: int, n_seeds: int, n_rows: int, n_measured: int
) -> Pruning:
    """Import, name the sets and the rows to measure on, prune; sets in the order lima, seed_tasks, stops."""
    texts = texts_of(data)
    lines = [
        {"instruction": asked, "output": said, "set": f"{name}_{'measured' if i < n_measured else 'rows'}"}
        for name, rows in texts.items()
        for i, (asked, said) in enumerate(rows[: n_measured + n_rows])
    ]
    rows = tamis.open(folder / "w").import_rows(lines, name="Calibration", progress=False)
    for name in {one["set"] for one in lines}:
        rows.tags.add(name, np.array([i for i, one in enumerate(lines) if one["set"] == name]))
    made = rows.prune(
        calibrations=[f"tag:{name}_rows" for name in texts], evaluations=["tag:lima_measured", "tag:seed_tasks_measured"],
        n_rows=n_windows, row_tokens=row_tokens, n_seeds=n_seeds, n_evaluation_rows=n_measured, progress=False,
    )  # fmt: skip
    return read_pruning(rows._workspace.artifacts.get(rows.id, "pruning", made.id))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--windows", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=120, help="rows of a set")
    parser.add_argument("--measured", type=int, default=24, help="rows of either kind that are measured on")
    asked = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        found = measure(
            Path(folder), asked.data, n_windows=asked.windows, row_tokens=asked.tokens, n_seeds=asked.seeds, n_rows=asked.rows,
            n_measured=asked.measured,
        )  # fmt: skip
    print("\n".join(pruning_lines(found)))


if __name__ == "__main__":
    main()
