"""Import of JSON lines: rows per second and peak memory, beside the loader that training tools use."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import orjson

from tests.benchmarks.measure import print_table, run_process

PEER = """
import sys
from datasets import disable_progress_bars, load_dataset
disable_progress_bars()
def convert(row):
    user = row["instruction"] + ("\\n\\n" + row["input"] if row["input"] else "")
    return {"messages": [{"role": "user", "content": user}, {"role": "assistant", "content": row["output"]}]}
rows = load_dataset("json", data_files=sys.argv[1], cache_dir=sys.argv[2], split="train")
rows = rows.map(convert, num_proc=2)
rows.to_parquet(sys.argv[2] + "/out.parquet")
print(len(rows))
"""


def write_rows(path: Path, n_rows: int) -> None:
    """Alpaca records of about 500 bytes, no two alike."""
    words = (
        "sieve",
        "flour",
        "dough",
        "oven",
        "grain",
        "yeast",
        "crust",
        "water",
        "salt",
        "bread",
        "rest",
        "fold",
    )
    with path.open("wb") as stream:
        for number in range(n_rows):
            shuffled = " ".join(words[(number * step + step) % len(words)] for step in range(1, 30))
            record = {
                "instruction": f"Explain step {number} of the recipe: {shuffled}?",
                "input": "" if number % 3 else f"Batch {number}",
                "output": f"In step {number} you {shuffled}. Then {shuffled[::-1]}.",
                "id": f"row-{number}",
            }
            stream.write(orjson.dumps(record) + b"\n")


def main() -> None:
    """Print the table; ``--rows`` for a smaller file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    n_rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "rows.jsonl"
        write_rows(source, n_rows)
        size_mb = source.stat().st_size / 1e6
        ours = run_process(
            [
                sys.executable,
                "-m",
                "tamis.cli",
                "--workspace",
                f"{folder}/ws",
                "import",
                str(source),
                "--json",
            ]
        )
        assert orjson.loads(ours.output.splitlines()[-1])["n_imported"] == n_rows
        peer = run_process([sys.executable, "-c", PEER, str(source), f"{folder}/peer"])
        assert int(peer.output.split()[-1]) == n_rows
    rows = [
        (name, f"{run.seconds:.1f}", f"{n_rows / run.seconds:,.0f}", f"{run.peak_gb:.2f}")
        for name, run in (("tamis import", ours), ("datasets: load, map, to_parquet (2 processes)", peer))
    ]
    rows.append(("ratio", f"{peer.seconds / ours.seconds:.1f}×", "", f"{peer.peak_gb / ours.peak_gb:.1f}×"))
    print_table(
        f"Import of {n_rows:,} JSON lines ({size_mb:,.0f} MB), whole processes",
        ("what", "seconds", "rows/s", "peak GiB"),
        rows,
    )


if __name__ == "__main__":
    main()
