"""Every campaign and every generator once with the bundled models, small enough for a busy processor: what it shows, and what not.

``python -m tests.benchmarks.campaigns NAME… --data ../shared/data`` remakes the rows of README's table: llm2llm, self_guide,
data_engine, spin, c2d, d2c, checker and checker_left_out, or all of them; each is printed as one JSON line and takes some minutes of one thread.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import tamis
from tamis.actions.campaigns import moves_table
from tamis.compute.text.grounding import sentences
from tests.benchmarks.measure import ROOT, machine

TOPICS = ("cooking", "travel", "fitness")
ASKED = f"Is this about {TOPICS[0]}, {TOPICS[1]} or {TOPICS[2]}? Answer with one word."
SHORT_WORDS = 30
TRAINING = {
    "max_steps": 8, "learning_rate": 5e-4, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 1, "max_length": 192, "use_cpu": True,
}  # fmt: skip
STUDENT = {
    "mark": "label", "mark_options": {"labels": list(TOPICS)}, "max_new_tokens": 6, "labels": list(TOPICS), "accept": "passed",
    "held_out_fraction": 0.4,
}  # fmt: skip
TEACHER = {"llm": "smollm2", "write_tokens": 192, "max_calls": 24}
TOLD = (
    "round", "move", "n_rows", "n_marked", "accuracy", "accuracy_low", "accuracy_high", "n_wrong", "n_jobs", "n_drafts", "n_passed", "stopped_by", "n_accepted",
    "n_added", "n_train", "n_held_out", "train_loss", "first_loss", "eval_loss", "pair_accuracy", "pair_accuracy_low", "pair_accuracy_high", "pair_margin", "logp_given",
)  # fmt: skip
Row = dict[str, Any]


def topic_rows() -> list[Row]:
    """English questions of the sample with one of three topics as the answer."""
    lines = (ROOT / "sample_data" / "kitchen_and_home.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    kept = [
        row for row in rows if row["topic"] in TOPICS and row["instruction"].isascii() and not row["input"]
    ]
    return [{"instruction": f"{ASKED}\n\n{row['instruction']}", "output": row["topic"]} for row in kept]


def seed_tasks(data: Path) -> list[Row]:
    """Seed tasks without an input."""
    lines = (data / "seed_tasks.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    firsts = [(row["instruction"], row["instances"][0]) for row in rows]
    return [
        {"instruction": asked, "output": one["output"].strip()} for asked, one in firsts if not one["input"]
    ]


def documents(data: Path, n: int) -> list[list[str]]:
    """Sentences of long answers of LIMA, the first twelve of each."""
    found = []
    for line in (data / "lima_train.jsonl").read_text("utf-8").splitlines():
        turns = json.loads(line)["conversations"]
        said = [one.strip() for one in sentences(turns[1])] if len(turns) > 1 else []
        said = [one for one in said if 30 <= len(one) <= 200 and one.isascii()]
        if len(said) >= 12:
            found.append(said[:12])
    order = np.random.default_rng(17).permutation(len(found))[:n]
    return [found[place] for place in order.tolist()]


def story(run: Any) -> Row:  # noqa: ANN401 - a CampaignHandle
    """Where a campaign ended, and the figures of its moves."""
    now = run.now
    moves = [
        {name: _short(one[name]) for name in TOLD if one.get(name) is not None} for one in moves_table(now)
    ]
    facts = [one.facts for one in now.moves if one.move.name == "augment" and one.facts]
    reasons = [{"reasons": one.get("reasons"), "problems": one.get("reject_reasons")} for one in facts]
    return {
        "reason": now.reason or now.said, "questions": now.questions, "tokens": now.tokens, "moves": moves, "writing": reasons,
    }  # fmt: skip


def written(batch: Any) -> Row:  # noqa: ANN401 - a BatchResult
    """What came of a batch."""
    found = batch.funnel
    names = ("stopped_by", "n_jobs", "n_drafts", "n_passed", "problems", "reasons", "questions", "tokens")
    return {name: getattr(found, name) for name in names}


def _short(value: object) -> object:
    return round(value, 4) if isinstance(value, float) else value


def llm2llm(space: tamis.Workspace, data: Path) -> Row:
    rows = space.import_rows(topic_rows(), name="Topics", progress=False)
    return story(rows.campaign("llm2llm", rounds=1, recipe_options=TRAINING, **STUDENT, **TEACHER))


def data_engine(space: tamis.Workspace, data: Path) -> Row:
    rows = space.import_rows(topic_rows(), name="Topics", progress=False)
    asked = {
        "rounds": 1,
        "rows": 6,
        "group": "response",
        "train": False,
        "student": "smollm2",
        "max_new_tokens": 24,
    }
    return story(rows.campaign("data_engine", **{**STUDENT, **asked}, **TEACHER))


def self_guide(space: tamis.Workspace, data: Path) -> Row:
    rows = space.import_rows(topic_rows(), name="Topics", progress=False)
    shown = [[i for i, one in enumerate(topic_rows()) if one["output"] == topic][:2] for topic in TOPICS]
    rows.tags.add("shown", np.array(sum(shown, [])))
    small = {"inputs_per_chain": 4, "answers": 3, "input_tokens": 80, "answer_tokens": 6}
    asked = {name: STUDENT[name] for name in ("mark", "mark_options", "max_new_tokens", "labels", "accept")}
    return story(
        rows.campaign(
            "self_guide",
            instruction=ASKED,
            demos="tag:shown",
            rows=12,
            llm="smollm2",
            max_calls=120,
            generator_options=small,
            recipe_options=TRAINING,
            **asked,
        )  # fmt: skip
    )


def spin(space: tamis.Workspace, data: Path) -> Row:
    short = [one for one in seed_tasks(data) if 3 <= len(one["output"].split()) <= SHORT_WORDS][:40]
    rows = space.import_rows(short, name="Short tasks", progress=False)
    played = TRAINING | {"max_steps": 6, "cut_pairs": "shorten"}
    return story(
        rows.campaign(
            "spin",
            rounds=2,
            patience=0,
            sft_options=TRAINING | {"max_steps": 4, "learning_rate": 2e-4},
            recipe_options=played,
            held_out_fraction=0.3,
            max_new_tokens=40,
        )  # fmt: skip
    )


def c2d(space: tamis.Workspace, data: Path) -> Row:
    claims = [
        one
        for one in seed_tasks(data)
        if len(sentences(one["output"])) == 1 and 8 <= len(one["output"].split()) <= 30
    ][:6]
    rows = space.import_rows(claims, name="Claims", progress=False)
    return written(rows.augment("c2d", rows=60, max_calls=40, max_new_tokens=160, progress=False))


def d2c(space: tamis.Workspace, data: Path) -> Row:
    texts = [" ".join(one) for one in documents(data, 3)]
    rows = space.import_rows(
        [{"instruction": "Sum it up.", "output": one[:60], "document": one} for one in texts],
        name="Documents", progress=False,
    )  # fmt: skip
    return written(rows.augment("d2c", rows=200, max_calls=150, max_new_tokens=160, progress=False))


def claims_elsewhere(data: Path) -> list[Row]:
    """Five sentences of a text, with the one in their middle and with one of another text."""
    texts, pairs = documents(data, 130), list[Row]()
    for number, said in enumerate(texts):
        place, other = number % 12, texts[(number + 1) % len(texts)]
        document = " ".join(said[(place + step) % 12] for step in range(-2, 3))
        pairs += [
            {"document": document, "claim": one[place], "label": label}
            for label, one in ((1, said), (0, other))
        ]
    return pairs


def claims_left_out(data: Path) -> list[Row]:
    """A sentence of a text, against the text with it and against the text without it."""
    pairs = list[Row]()
    for number, said in enumerate(documents(data, 60)):
        place = number % 12
        for label, kept in ((1, said), (0, said[:place] + said[place + 1 :])):
            pairs.append({"document": " ".join(kept), "claim": said[place], "label": label})
    return pairs


def checker(space: tamis.Workspace, data: Path) -> Row:
    """Claims of the text and of another; whole texts are held out."""
    learns = {"num_train_epochs": 6, "max_length": 192, "learning_rate": 2e-4}
    return _checked(space, claims_elsewhere(data), n_held_out=60, options=learns)


def checker_left_out(space: tamis.Workspace, data: Path) -> Row:
    """The harder one: the text that misses the claim differs by that sentence alone."""
    learns = {"num_train_epochs": 2, "max_length": 256, "learning_rate": 1e-4}
    return _checked(space, claims_left_out(data), n_held_out=40, options=learns)


def _checked(space: tamis.Workspace, pairs: list[Row], *, n_held_out: int, options: Mapping[str, Any]) -> Row:
    lines = [
        {
            "instruction": f"Document:\n{one['document']}\n\nClaim: {one['claim']}",
            "output": ("no", "yes")[one["label"]],
            "document": one["document"],
            "claim": one["claim"],
        }  # fmt: skip
        for one in pairs
    ]
    rows = space.import_rows(lines, name="Claims of texts", progress=False)
    rows.tags.add("apart", np.arange(len(pairs) - n_held_out, len(pairs)))
    made = rows.finetune(
        recipe="checker", model="all-MiniLM-L6-v2", recipe_options={"use_cpu": True, **options},
        held_out="tag:apart", held_out_fraction=0.0, decisions="none", n_generate=0, progress=False,
    )  # fmt: skip
    file = space.path / "apart.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in pairs[-n_held_out:]), "utf-8")
    names = (
        "n_claims",
        "n_held_out_claims",
        "balanced_accuracy",
        "balanced_accuracy_low",
        "balanced_accuracy_high",
    )
    told: Row = {name: _short(made.summary.get(name)) for name in names}
    for name, given in (("checker", {"checker": f"adapter:{made.id}"}), ("smollm2", {"llm": "smollm2"})):
        found = space.bench_grounded(file, **given).together
        told[f"bench {name}"] = [_short(found.value), _short(found.low), _short(found.high)]
    return told


RUNS: Mapping[str, Callable[[tamis.Workspace, Path], Row]] = {
    one.__name__: one for one in (llm2llm, self_guide, data_engine, spin, c2d, d2c, checker, checker_left_out)
}


def main(names: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(RUNS)}; none: all")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    asked = parser.parse_args()
    print(json.dumps({"machine": machine()}), flush=True)
    for name in asked.names or RUNS:
        with tempfile.TemporaryDirectory() as folder:
            start = time.monotonic()
            told = RUNS[name](tamis.open(Path(folder) / "w", reviewer="bench"), asked.data)
            print(json.dumps({"run": name, "seconds": round(time.monotonic() - start)} | told), flush=True)


if __name__ == "__main__":
    main()
