"""ALC3 beside asking by doubt alone, by chance, and with in-sample probabilities: a source as label, a fifth of them flipped.

``python -m tests.benchmarks.alc3 lima_train.jsonl --picture docs/pictures/alc3.svg``
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from tamis.compute.clear.alc3_simulation import POLICIES, Curve, LabelTask, simulate
from tamis.encoders import open_encoder
from tests.benchmarks.measure import print_table

LEAST_ROWS = 100  # of a label
DIMENSIONS = 128
TITLES = {
    "alc3": "ALC3",
    "own": "asked by doubt alone",
    "random": "asked by chance",
    "in_sample": "ALC3, in-sample",
}
COLOURS = {"alc3": "#0F9D8A", "own": "#3B6FB6", "random": "#8A8A8A", "in_sample": "#C47A2C"}


def read_task(file: Path, encoder: str) -> tuple[np.ndarray, np.ndarray]:
    """Principal components of prompt and response vectors beside each other, and the source of each row as a number."""
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines() if line.strip()]
    rows = [row for row in rows if len(row["conversations"]) >= 2]
    names, labels, counts = np.unique(
        [row["source"] for row in rows], return_inverse=True, return_counts=True
    )
    kept = counts[labels] >= LEAST_ROWS
    opened = open_encoder(encoder)
    sides = [opened.encode([row["conversations"][turn] for row in rows]) for turn in (0, 1)]
    vectors = np.concatenate(sides, axis=1)
    vectors = vectors - vectors.mean(axis=0)
    u, s, _ = np.linalg.svd(vectors, full_matrices=False)
    return (u * s)[kept, :DIMENSIONS].astype(np.float64), np.unique(labels[kept], return_inverse=True)[
        1
    ].astype(np.int64)


def curves(vectors: np.ndarray, truth: np.ndarray, seeds: int, rounds: int) -> dict[str, list[Curve]]:
    """Every policy with every seed; a quarter of the rows, other ones for each seed, is measured on."""
    found: dict[str, list[Curve]] = {policy: [] for policy in POLICIES}
    for seed in range(seeds):
        test = np.zeros(len(truth), dtype=bool)
        test[np.random.default_rng(seed).permutation(len(truth))[: len(truth) // 4]] = True
        task = LabelTask(
            vectors=vectors, truth=truth, test=test, n_ask=round(0.02 * (~test).sum()), n_rounds=rounds
        )
        for policy in POLICIES:
            found[policy].append(simulate(task, policy, seed))
    return found


def draw(found: dict[str, list[Curve]], target: Path) -> None:
    """Accuracy and labels still wrong, means over seeds, by labels that people gave."""
    clean = float(np.mean([one.clean for one in found["alc3"]]))
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 300" font-family="sans-serif" font-size="12" fill="#445">'
    ]
    for left, field, title in (
        (50, "accuracy", "accuracy on clean rows"),
        (430, "n_wrong", "wrong labels trained on"),
    ):
        lines = {name: np.mean([getattr(one, field) for one in own], axis=0) for name, own in found.items()}
        low, high = (
            (0.0, max(map(np.max, lines.values())))
            if field == "n_wrong"
            else (min(map(np.min, lines.values())), max(clean, *map(np.max, lines.values())))
        )
        given = found["alc3"][0].n_annotated
        x = [left + 290 * n / given[-1] for n in given]

        def y(value: float, low: float = low, high: float = high) -> float:
            return 230 - 190 * (value - low) / (high - low)

        parts.append(f'<text x="{left}" y="24" font-weight="bold">{title}</text>')
        parts += [
            f'<text x="{left - 6}" y="{y(one):.0f}" text-anchor="end">{one:.2f}</text>'
            if field == "accuracy"
            else f'<text x="{left - 6}" y="{y(one):.0f}" text-anchor="end">{one:.0f}</text>'
            for one in (low, high)
        ]
        parts += [
            f'<text x="{left}" y="250">0</text>',
            f'<text x="{left + 290}" y="250" text-anchor="end">{given[-1]} labels given by people</text>',
        ]
        if field == "accuracy":
            parts.append(
                f'<path d="M{left} {y(clean):.1f}h290" stroke="#999" stroke-dasharray="4 3"/><text x="{left + 4}" y="{y(clean) - 5:.1f}">no label flipped</text>'
            )
        for name, line in lines.items():
            points = " ".join(f"{a:.1f},{y(b):.1f}" for a, b in zip(x, line, strict=True))
            parts.append(
                f'<polyline points="{points}" fill="none" stroke="{COLOURS[name]}" stroke-width="2"/>'
            )
    parts += [
        f'<text x="{50 + 180 * i}" y="284" fill="{COLOURS[name]}">■ {TITLES[name]}</text>'
        for i, name in enumerate(POLICIES)
    ]
    target.write_text("\n".join([*parts, "</svg>\n"]), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=14)
    parser.add_argument("--picture", type=Path)
    asked = parser.parse_args()
    found = curves(*read_task(asked.file, asked.encoder), asked.seeds, asked.rounds)
    lines = []
    for name, own in found.items():
        needed = [one.needed() for one in own]
        right = sum(one.n_corrected for one in own), sum(one.n_corrections for one in own)
        lines.append(
            [
                TITLES[name], ", ".join(f"{one:.0f}" for one in needed), f"{np.mean([n / one.n_planted for n, one in zip(needed, own, strict=True)]):.2f}",
                f"{np.mean([one.n_wrong[-1] for one in own]):.0f} of {np.mean([one.n_planted for one in own]):.0f}",
                f"{right[0]} of {right[1]}" if right[1] else "–",
            ]  # fmt: skip
        )  # fmt: skip
    print_table("ALC3 where the truth is known", ["policy", "annotations until within 0.5 points of clean", "per planted error", "still wrong at the end", "automatic corrections right"], lines)  # fmt: skip
    if asked.picture:
        draw(found, asked.picture)


if __name__ == "__main__":
    main()
