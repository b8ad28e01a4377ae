"""Rows per second of scoring with the bundled language model beside one unbatched call per question, in one run.

    python -m tests.benchmarks.llm_scoring [--rows 48] [--part 16] [--scores pmi,confidence]

The peer is what a person writes with transformers: the model of ``from_pretrained(...).eval()`` as the library made it,
``inference_mode``, one call per question, log-softmax over the logits of that call. It gets the same tokens and the
same cuts, and none of what the client does: no batches, no shared beginnings, and no head on the response
alone. Both take turns on parts of the rows, and take turns at being first, so that a busy machine slows both.

The peer of the first table has the client's number format (bfloat16 where the processor has it), the fastest choice
and so the hardest peer. Without a ``dtype`` the library takes the format of the files, here float16, which is slow on
processors without instructions for it; float32 is what a careful person takes on a CPU. The second table gives both, on
few rows and on the confidence's questions. Scores differ by rounding between any two of these.

Rows are of LIMA where ../shared/data holds it, else of sample_data. ``pmi`` asks the questions of ``ifd`` also; its 200
words are the default of both, ``confidence`` reads the 36 first words and the 36 last.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from tamis.compute.clear.bsdetector import REFLECTION
from tamis.llms import LLMS, SmolLM2Options
from tamis.protocols import RawPrompt
from tamis.registry import parse_options
from tamis.scorers import SCORERS
from tamis.scorers.bsdetector import FIRST, LETTERS, SECOND, reflection_prompt
from tamis.scorers.deita import COMPLEXITY, QUALITY
from tamis.scorers.deita import DIGITS as SIX
from tamis.scorers.likelihood import first_words, last_words, without_middle
from tamis.scorers.llm_rating import DIGITS, rating_prompt
from tests.benchmarks.embedding import load_texts
from tests.benchmarks.measure import print_table

PROMPT_WORDS, WORDS, LONG_WORDS = 60, 36, 200
Answers = Callable[[list[str], list[str]], Any]


class Plain:
    """One call of the library's model per question."""

    def __init__(self, model: Any, tokens: Any) -> None:
        self.model, self.tokens = model, tokens

    def choose(self, questions: list[str], answers: tuple[str, ...]) -> np.ndarray:
        """Probabilities (n, answers)."""
        import torch

        found = []
        for question, context in zip(questions, self.tokens.contexts(questions), strict=True):
            back, ids = self.tokens.answer_tokens(question, answers)
            logits = self.model(torch.tensor([context[: len(context) - back]])).logits[0, -1].float()
            found.append(torch.softmax(logits[[one[0] for one in ids]], dim=0).numpy())
        return np.array(found)

    def likelihood(self, prompts: list[str], responses: list[str]) -> np.ndarray:
        """Mean log p of each response and log p of its end, (n, 2)."""
        import torch

        found = []
        both = zip(self.tokens.contexts(prompts), self.tokens.plain(responses), strict=True)
        for context, response in both:
            logits = self.model(torch.tensor([context + response])).logits[0, len(context) - 1 :].float()
            logs = torch.log_softmax(logits, dim=-1)
            mean = logs[:-1].gather(1, torch.tensor(response)[:, None]).mean()
            found.append([float(mean), float(logs[-1, self.tokens.pieces.end])])
        return np.array(found)


class Ours:
    """The same questions to the client."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def choose(self, questions: list[str], answers: tuple[str, ...]) -> np.ndarray:
        """Probabilities (n, answers)."""
        return self.client.choose(questions, answers).probabilities

    def likelihood(self, prompts: list[str], responses: list[str]) -> np.ndarray:
        """Mean log p of each response and log p of its end, (n, 2)."""
        found = self.client.loglikelihood(prompts, responses)
        return np.stack([found.mean, found.end], axis=1)


def pmi(model: Any, prompts: list[str], responses: list[str], words: int = LONG_WORDS) -> np.ndarray:
    """Mean log p after the prompt less that alone."""
    read = [first_words(text, words) for text in responses]
    blank = [""] * len(read)
    return (model.likelihood(prompts, read) - model.likelihood(blank, read))[:, 0]


def confidence(model: Any, prompts: list[str], responses: list[str]) -> np.ndarray:
    """What the default confidence asks: pmi of the first words, and whether the last words are an end."""
    ends = model.likelihood([""] * len(responses), [last_words(text, WORDS) for text in responses])
    return pmi(model, prompts, responses, WORDS) + ends[:, 1] / 10


def deita(model: Any, prompts: list[str], responses: list[str]) -> np.ndarray:
    """Expected complexity times expected quality, as the authors ask for them."""
    pairs = list(zip(prompts, responses, strict=True))
    hard = [RawPrompt(COMPLEXITY.replace("{instruction}", p)) for p in prompts]
    good = [RawPrompt(QUALITY.replace("{instruction}", p).replace("{output}", r)) for p, r in pairs]
    return (model.choose(hard, SIX) @ np.arange(1, 7)) * (model.choose(good, SIX) @ np.arange(1, 7))


def rating(model: Any, prompts: list[str], responses: list[str]) -> np.ndarray:
    """Expected rating by the default rubric."""
    rubric = parse_options(SCORERS["llm_rating"].options, {}).rubric
    asked = [rating_prompt(rubric, p, r) for p, r in zip(prompts, responses, strict=True)]
    return model.choose(asked, DIGITS) @ np.arange(1, 6)


def reflection(model: Any, prompts: list[str], responses: list[str]) -> np.ndarray:
    """Both questions of self-reflection."""
    pairs = zip(prompts, responses, strict=True)
    asked = [reflection_prompt(p, r, ask) for p, r in pairs for ask in (FIRST, SECOND)]
    return model.choose(asked, LETTERS) @ np.array([REFLECTION[letter] for letter in LETTERS])


SCORES: dict[str, Answers] = {
    "pmi, ifd": pmi,
    "confidence": confidence,
    "deita": deita,
    "llm_rating": rating,
    "self-reflection": reflection,
}


@dataclass
class Spent:
    """Seconds of processor and of wall per part, and the scores."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    found: list[np.ndarray] = field(default_factory=list)

    def take(self, call: Callable[[], np.ndarray]) -> None:
        """Time one call."""
        import torch

        cpu, wall = time.process_time(), time.perf_counter()
        with torch.inference_mode():
            self.found.append(call())
        self.cpu.append(time.process_time() - cpu)
        self.wall.append(time.perf_counter() - wall)


def take_turns(score: Any, models: tuple[Any, Any], rows: list[tuple[str, str]], part: int) -> list[Spent]:
    """Both models on every part of the rows, each first in every other part."""
    spent = [Spent(), Spent()]
    for number, at in enumerate(range(0, len(rows), part)):
        prompts, responses = map(list, zip(*rows[at : at + part], strict=True))
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            spent[which].take(lambda model=models[which], p=prompts, r=responses: score(model, p, r))
    return spent


def line(name: str, rows: int, spent: list[Spent]) -> list[object]:
    """Rates over everything, medians over the parts of both ratios, and how equal the scores are."""
    slow, fast = spent
    ratios = [
        median(a / b for a, b in zip(getattr(slow, kind), getattr(fast, kind), strict=True))
        for kind in ("wall", "cpu")
    ]
    a, b = np.concatenate(slow.found), np.concatenate(fast.found)
    return [
        name,
        f"{rows / sum(slow.wall):.2f}",
        f"{rows / sum(fast.wall):.2f}",
        *(f"{ratio:.2f}" for ratio in ratios),
        f"{np.corrcoef(a, b)[0, 1]:.4f}",
        f"{np.abs(a - b).max():.3f}",
    ]


def opened(cache: Path, dtype: str) -> Any:
    """The client with its weights loaded and warm."""
    client = LLMS["smollm2"].load()(parse_options(SmolLM2Options, {"device": "cpu", "dtype": dtype}), cache)
    client.choose(["warm up"], ("A", "B"))
    return client


def peer(client: Any, **settings: Any) -> Plain:
    """The library's model from the same files, as it loads with these settings."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(client._folder, **settings).eval()
    return Plain(model, client._prompts)


HEADER = [
    "score",
    "unbatched rows/s",
    "rows/s",
    "ratio",
    "ratio of CPU time",
    "correlation",
    "largest difference",
]


def same_format(client: Any, rows: list[tuple[str, str]], part: int, names: list[str]) -> list[list[object]]:
    """One line per score beside the peer in the client's number format, and one for all of them."""
    models = peer(client, dtype=client.dtype), Ours(client)
    short = [(p, first_words(r, WORDS)) for p, r in rows]
    table, wall, cpu = [], np.zeros(2), np.zeros(2)
    for name in names:
        own = rows if SCORES[name] in (pmi, confidence) else short
        spent = take_turns(SCORES[name], models, own, part)
        table.append(line(name, len(rows), spent))
        wall += [sum(one.wall) for one in spent]
        cpu += [sum(one.cpu) for one in spent]
        print(f"{name}: {table[-1][1:]}", file=sys.stderr, flush=True)
    both = [f"{len(rows) / seconds:.2f}" for seconds in wall]
    table.append(["all", *both, f"{wall[0] / wall[1]:.2f}", f"{cpu[0] / cpu[1]:.2f}", "", ""])
    return table


def other_formats(client: Any, rows: list[tuple[str, str]]) -> list[list[object]]:
    """The confidence's questions beside peers in the format of the files and in float32."""
    table = []
    for name, settings in (("as it loads", {}), ("float32", {"dtype": "float32"})):
        plain = peer(client, **settings)
        label = f"confidence, {name} ({str(plain.model.dtype).removeprefix('torch.')})"
        table.append(line(label, len(rows), take_turns(confidence, (plain, Ours(client)), rows, len(rows))))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=48)
    parser.add_argument("--part", type=int, default=16, help="rows per turn")
    parser.add_argument("--scores", default=";".join(SCORES), help="names, with ; between them")
    parser.add_argument("--cache", default="", help="folder with the unpacked model, to spare its conversion")
    parser.add_argument("--dtype", default="auto", help="number format of the client and its first peer")
    arguments = parser.parse_args()
    texts = load_texts(2 * arguments.rows)
    rows = [(without_middle(p, PROMPT_WORDS), r) for p, r in zip(texts[0::2], texts[1::2], strict=True)]
    few = rows[: max(4, len(rows) // 12)]
    with tempfile.TemporaryDirectory() as folder:
        client = opened(Path(arguments.cache or folder), arguments.dtype)
        table = same_format(client, rows, arguments.part, arguments.scores.split(";"))
        other = other_formats(client, few)
    name = f"Scoring with the bundled language model, {len(rows)} rows, peer in {client.dtype}".replace(
        "torch.", ""
    )
    print_table(name, HEADER, table)
    print_table(f"The same beside peers in other formats, {len(few)} rows", HEADER, other)


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
