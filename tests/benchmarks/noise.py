"""How well the default scores find planted faults, with the bundled models.

    python -m tests.benchmarks.noise [--rows 300] [--seeds 3] [--workspace FOLDER]

LIMA (single-turn rows) and the seed tasks of ../shared/data, else sample_data; 20 % of the rows are changed. The second
table has the other scores of a language model, on fewer rows and for swapped responses alone.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tamis.compute.clear.noise import NOISE_KINDS
from tests.benchmarks.measure import ROOT, print_table, run_process

SHARED = ROOT.parent / "shared" / "data"
FILES = [SHARED / "lima_train.jsonl", SHARED / "seed_tasks.jsonl"]
NAMES = ("confidence", "alignment", "defects", "pmi")
SLOW = ("ifd", "perplexity", "llm_rating", "deita_quality", "bsdetector")
SLOW_ROWS = 120


def measure(
    file: Path, kind: str, seed: int, *, rows: int, workspace: str, names: Sequence[str] = NAMES
) -> list[str]:
    """AUROC of each of the named scores."""
    command = [
        sys.executable,
        "-m",
        "tamis.cli",
        "--workspace",
        workspace,
        "bench-noise",
        str(file),
        "--json",
    ]
    command += ["--noise", kind, "--seed", str(seed), "--rows", str(rows), "--max-turns", "1"]
    for name in names:
        command += ["--score", name]
    found = json.loads(run_process(command).output.splitlines()[-1])["scores"]
    return [f"{found[name]:.3f}" for name in names]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workspace", default="", help="where answers are kept between runs")
    arguments = parser.parse_args()
    files = [file for file in FILES if file.exists()] or [ROOT / "sample_data" / "kitchen_and_home.jsonl"]
    with tempfile.TemporaryDirectory() as folder:
        where = {"rows": arguments.rows, "workspace": arguments.workspace or folder}
        table = [
            [file.stem, kind, seed, *measure(file, kind, seed, **where)]
            for file in files
            for kind in NOISE_KINDS
            for seed in range(arguments.seeds if kind == "swap" else 1)
        ]
        where["rows"] = min(arguments.rows, SLOW_ROWS)
        slow = [[file.stem, "swap", 0, *measure(file, "swap", 0, names=SLOW, **where)] for file in files[:1]]
    for names, found in ((NAMES, table), (SLOW, slow)):
        title = (
            f"AUROC for planted faults, at most {arguments.rows if names is NAMES else where['rows']} rows"
        )
        print_table(title, ["file", "noise", "seed", *names], found)


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
