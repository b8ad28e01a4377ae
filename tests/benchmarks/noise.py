"""How well the default scores find planted faults, with the bundled models.

    python -m tests.benchmarks.noise [--rows 300] [--seeds 3] [--workspace FOLDER]

LIMA (single-turn rows) and the seed tasks of ../shared/data, else sample_data; 20 % of the rows are changed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from core.compute.noise import NOISE_KINDS
from tests.benchmarks.measure import ROOT, print_table, run_process

SHARED = ROOT.parent / "shared" / "data"
FILES = [SHARED / "lima_train.jsonl", SHARED / "seed_tasks.jsonl"]
NAMES = ("confidence", "alignment", "defects", "pmi")


def measure(file: Path, kind: str, seed: int, *, rows: int, workspace: str) -> dict[str, float]:
    """AUROC of each score."""
    command = [sys.executable, "-m", "core.cli", "--workspace", workspace, "bench-noise", str(file), "--json"]
    command += ["--noise", kind, "--seed", str(seed), "--rows", str(rows), "--max-turns", "1"]
    for name in NAMES:
        command += ["--score", name]
    found: dict[str, float] = json.loads(run_process(command).output.splitlines()[-1])["scores"]
    return found


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
        table = []
        for file in files:
            for kind in NOISE_KINDS:
                for seed in range(arguments.seeds if kind == "swap" else 1):
                    found = measure(
                        file, kind, seed, rows=arguments.rows, workspace=arguments.workspace or folder
                    )
                    table.append([file.stem, kind, seed, *(f"{found[name]:.3f}" for name in NAMES)])
    print_table(
        f"AUROC for planted faults, at most {arguments.rows} rows", ["file", "noise", "seed", *NAMES], table
    )


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
