"""Rows per second of scoring with the bundled language model beside one unbatched call per question, in one run.

    python -m tests.benchmarks.llm_scoring [--rows 24]

The same questions are put to the same weights in the same number format: by the library's model, one call each, and by
the client in batches. The rows are of LIMA where ../shared/data holds it, else of sample_data.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from core.llms import LLMS, SmolLM2Options
from core.registry import parse_options
from core.scorers import SCORERS
from core.scorers.bsdetector import FIRST, SECOND, reflection_prompt
from core.scorers.likelihood import first_words, without_middle
from core.scorers.llm_rating import DIGITS, rating_prompt
from tests.benchmarks.embedding import load_texts
from tests.benchmarks.measure import print_table

WORDS = 40


def unbatched_choice(model: Any, context: list[int], targets: list[int]) -> list[float]:
    """One call of the library's model for one question."""
    import torch

    logits = model(torch.tensor([context])).logits[0, -1].float()
    return torch.softmax(logits[targets], dim=0).tolist()


def unbatched_likelihood(model: Any, context: list[int], response: list[int]) -> float:
    """One call of the library's model for one response."""
    import torch

    logits = model(torch.tensor([context + response])).logits[0, len(context) - 1 : -1].float()
    logs = torch.log_softmax(logits, dim=-1)
    return float(logs.gather(1, torch.tensor(response)[:, None]).mean())


def measure(rows: int, cache: Path, dtype: str) -> list[list[object]]:
    """One line per score: rows per second of both, their ratio, the correlation and the largest difference."""
    import torch
    from transformers import AutoModelForCausalLM

    texts = load_texts(2 * rows)
    prompts = [without_middle(text, 60) for text in texts[0::2]]
    responses = [first_words(text, WORDS) for text in texts[1::2]]
    client = LLMS["smollm2"].load()(parse_options(SmolLM2Options, {"device": "cpu", "dtype": dtype}), cache)
    client.choose(["warm up"], ("A", "B"))
    plain = AutoModelForCausalLM.from_pretrained(client._folder, dtype=client.dtype).eval()
    rubric = parse_options(SCORERS["llm_rating"].options, {}).rubric
    rating = [rating_prompt(rubric, p, r) for p, r in zip(prompts, responses, strict=True)]
    doubts = [
        reflection_prompt(p, r, ask)
        for p, r in zip(prompts, responses, strict=True)
        for ask in (FIRST, SECOND)
    ]
    tokens = client._prompts

    def choice(questions: list[str], answers: tuple[str, ...]) -> tuple[Any, Any]:
        targets = [ids[0] for ids in tokens.answer_tokens("", answers)[1]]
        values = np.arange(1, len(answers) + 1)
        return (
            lambda: [np.dot(unbatched_choice(plain, c, targets), values) for c in tokens.contexts(questions)],
            lambda: client.choose(questions, answers).probabilities @ values,
        )

    def pmi_plain() -> list[float]:
        ids, alone = tokens.plain(responses), tokens.contexts([""])[0]
        given = [
            unbatched_likelihood(plain, c, r) for c, r in zip(tokens.contexts(prompts), ids, strict=True)
        ]
        return [g - unbatched_likelihood(plain, alone, r) for g, r in zip(given, ids, strict=True)]

    def pmi_batched() -> np.ndarray:
        return (
            client.loglikelihood(prompts, responses).mean - client.loglikelihood([""] * rows, responses).mean
        )

    cases = {"llm_rating": choice(rating, DIGITS), "self-reflection": choice(doubts, ("A", "B", "C"))}
    cases["pmi"] = (pmi_plain, pmi_batched)
    table = []
    total, total_cpu = [0.0, 0.0], [0.0, 0.0]
    for name, (slow, fast) in cases.items():
        seconds, cpu, found = [], [], []
        with torch.inference_mode():
            for call in (slow, fast):
                start, start_cpu = time.perf_counter(), time.process_time()
                found.append(np.asarray(call(), dtype=np.float64))
                seconds.append(time.perf_counter() - start)
                cpu.append(time.process_time() - start_cpu)
        total_cpu = [a + b for a, b in zip(total_cpu, cpu, strict=True)]
        total = [a + b for a, b in zip(total, seconds, strict=True)]
        same = float(np.corrcoef(found[0], found[1])[0, 1])
        table.append(
            [name, *_rates(rows, seconds, cpu), f"{same:.4f}", f"{np.abs(found[0] - found[1]).max():.3f}"]
        )
    table.append(["all", *_rates(rows, total, total_cpu), "", ""])
    return table


def _rates(rows: int, seconds: list[float], cpu: list[float]) -> list[str]:
    """Rows per second and their ratio; the ratio of processor times tells more on a machine that is busy otherwise."""
    rates = [f"{rows / spent:.2f}" for spent in seconds]
    return [*rates, f"{seconds[0] / seconds[1]:.2f}", f"{cpu[0] / cpu[1]:.2f}"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=48)
    parser.add_argument("--cache", default="", help="folder with the unpacked model, to spare its conversion")
    parser.add_argument("--dtype", default="auto", help="number format of both")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = measure(arguments.rows, Path(arguments.cache or folder), arguments.dtype)
    header = [
        "score",
        "unbatched rows/s",
        "rows/s",
        "ratio",
        "ratio of CPU time",
        "correlation",
        "largest difference",
    ]
    print_table(f"Scoring with the bundled language model, {arguments.rows} rows", header, table)


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
