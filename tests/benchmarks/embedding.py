"""Rows per second of the bundled encoder beside a plain ``SentenceTransformer.encode``, in turns in one run.

    python -m tests.benchmarks.embedding [--rows 400] [--repeats 5]

The texts are the prompts and responses of LIMA where ../shared/data holds it, else of sample_data.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tamis.encoders import open_encoder
from tamis.models.files import find_model

PROJECT = Path(__file__).resolve().parent.parent.parent
LIMA = PROJECT.parent / "shared" / "data" / "lima_train.jsonl"


def load_texts(rows: int) -> list[str]:
    """Prompts and responses in turn, ``rows`` texts at most."""
    if LIMA.exists():
        pairs = [json.loads(line)["conversations"][:2] for line in LIMA.read_text("utf-8").splitlines()]
    else:
        with (PROJECT / "sample_data" / "work_and_code.csv").open(encoding="utf-8", newline="") as file:
            pairs = [[row["prompt"], row["response"]] for row in csv.DictReader(file)]
    return [text for pair in pairs for text in pair if text][:rows]


def seconds(encode: Callable[[Sequence[str]], object], texts: Sequence[str]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    encode(texts)
    return time.perf_counter() - start


def measure(rows: int, repeats: int) -> dict[str, float]:
    """Medians over the repeats and the lowest cosine between the two."""
    from sentence_transformers import SentenceTransformer

    texts = load_texts(rows)
    peer = SentenceTransformer(str(find_model("all-MiniLM-L6-v2")), device="cpu")

    def plain(some: Sequence[str]) -> object:
        return peer.encode(list(some), show_progress_bar=False)

    ours = open_encoder("minilm", {"device": "cpu"})
    cosine = np.sum(np.asarray(plain(texts)) * ours.encode(texts), axis=1)  # also warms both up
    times = [(seconds(plain, texts), seconds(ours.encode, texts)) for _ in range(repeats)]
    return {
        "texts": len(texts),
        "plain_rows_per_s": len(texts) / statistics.median(a for a, _ in times),
        "rows_per_s": len(texts) / statistics.median(b for _, b in times),
        "ratio": statistics.median(a / b for a, b in times),
        # On a machine that does other work too, the fastest turn of each is the least disturbed.
        "ratio_of_fastest": min(a for a, _ in times) / min(b for _, b in times),
        "min_cosine": float(cosine.min()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    found = measure(arguments.rows, arguments.repeats)
    print(
        f"embedding, {found['texts']:.0f} texts: SentenceTransformer.encode {found['plain_rows_per_s']:.1f} rows/s, "
        f"minilm {found['rows_per_s']:.1f} rows/s, ratio {found['ratio']:.2f} (fastest turns {found['ratio_of_fastest']:.2f}), "
        f"lowest cosine {found['min_cosine']:.5f}"
    )


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
