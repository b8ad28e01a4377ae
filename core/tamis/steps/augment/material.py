"""What a run of augment reads: parents with what a model got wrong, rows that may not come again, evaluation texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa

from tamis.compute.augment.marks import mix_weights
from tamis.compute.augment.shapes import label_of
from tamis.compute.augment.types import KnownRow, ParentRow, WritingTask
from tamis.compute.select.allocate import allocate
from tamis.compute.text.turn_text import turn_text
from tamis.errors import InvalidOptions, UnreadableFile
from tamis.filters.pool import FilterPool
from tamis.generators import GENERATORS
from tamis.scorers.contamination import read_texts
from tamis.scorers.options import evaluation_file_hash
from tamis.steps.augment.options import AugmentOptions
from tamis.store.artifacts.batches import SYNTHETIC, passed_rows
from tamis.store.artifacts.examinations import Examined, read_examined, read_groups
from tamis.store.artifacts.frozen_rows import read_frozen
from tamis.store.artifacts.readers import EXAMPLES, iter_examples, read_example_rows
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.types import Int64s, Message

COLUMNS = ["example_id", "messages", "prompt", "response", "meta", "source"]


def read_task(store: ArtifactStore, options: AugmentOptions) -> WritingTask:
    """The task of a run; raises InvalidOptions where no row is left to write from, or no row has one of the labels."""
    examples = store.get(options.parent, "examples", options.parent_examples)
    examined = _examined(store, options)
    ids = _parent_ids(store, options, int(examples.summary["n_examples"]))
    parents = _parents(examples, ids, examined)
    if options.parents_real_only:
        parents = [pair for pair in parents if not pair[1].startswith(SYNTHETIC)]
    parents += [(one, "") for one in given_parents(options)]
    if not parents and (options.parents or "parents" in GENERATORS[options.generator].needs):
        raise InvalidOptions(
            f"No row of {options.parent!r} is left to write from: those named are held out or were written by a model. Name "
            "other parents, or set parents_real_only to false."
        )
    rows = tuple(one for one, _ in parents)
    _check_labels(options.labels, rows)
    documents = tuple(filter(None, (one.document for one in rows)))
    return WritingTask(
        instruction=options.instruction, labels=options.labels, parents=_mixed(rows, store, options),
        documents=documents, brief=options.brief, brief_version=options.brief_version,
    )  # fmt: skip


def read_parents(
    store: ArtifactStore, examples: Artifact, options: AugmentOptions, ids: Sequence[int]
) -> list[ParentRow]:
    """These rows of the dataset as a run reads them, each with what an examined model got wrong; ascending by id.

    An examination that was deleted since says nothing.
    """
    named = options.examination
    found = store.find(options.parent, "examination", named) if named else None
    examined = {} if found is None else read_examined(found)
    return [one for one, _ in _parents(examples, np.asarray(ids, dtype=np.int64), examined)]


def given_parents(options: AugmentOptions) -> list[ParentRow]:
    """The examples of a request that are no rows, as parents: numbered −1, −2 …, so that they are of no row's family."""
    return [
        ParentRow(-1 - place, tuple(_turns(one.prompt, one.response)), one.prompt, one.response)
        for place, one in enumerate(options.examples)
    ]


def _turns(prompt: str, response: str) -> Iterator[Message]:
    yield {"role": "user", "content": prompt}
    yield {"role": "assistant", "content": response}


def read_filter_pool(
    store: ArtifactStore, options: AugmentOptions, task: WritingTask, batch: str
) -> FilterPool:
    """What the rows of a run are held against; raises UnreadableFile for an evaluation file that has changed."""
    examples = store.get(options.parent, "examples", options.parent_examples)
    known = list(known_rows(examples))
    known += [
        KnownRow(options.parent, one.example_id, one.prompt, one.response) for one in given_parents(options)
    ]
    apart = set(_held_out(store, options).tolist())
    held_out = [one for one in known if one.example_id in apart]
    for earlier in options.earlier:
        artifact = store.find(earlier.dataset_id, "examples", earlier.examples)
        if artifact is not None:
            kept = set(passed_rows(artifact).tolist())
            known += [one for one in known_rows(artifact) if one.example_id in kept]
    return FilterPool(
        parents={one.example_id: one for one in task.parents}, known=known,
        evaluation=evaluation_texts(options.evaluation_files, options.evaluation_hashes), held_out=held_out,
        labels=options.labels, scaffold=GENERATORS[options.generator].scaffold, batch=batch, seed=options.seed,
    )  # fmt: skip


def known_rows(examples: Artifact) -> Iterator[KnownRow]:
    """Every row of a dataset: what its last user turn asks, and its answer."""
    dataset_id, start = examples.manifest.dataset_id, 0
    for batch in iter_examples(examples, ["messages", "response"]):
        pairs = zip(batch.column("messages").to_pylist(), batch.column("response").to_pylist(), strict=True)
        for place, (messages, response) in enumerate(pairs, start):
            yield KnownRow(dataset_id, place, last_asked(orjson.loads(messages or "[]")), response or "")
        start += batch.num_rows


def last_asked(messages: Sequence[Message]) -> str:
    """The text of the last turn of a user before the answer."""
    asked = (turn_text(turn) for turn in reversed(messages[:-1]) if turn["role"] == "user")
    return next(asked, "")


def evaluation_texts(files: Sequence[str], hashes: Sequence[str]) -> list[str]:
    """Every text of evaluation files."""
    texts: list[str] = []
    for path, wanted in zip(files, hashes, strict=True):
        if evaluation_file_hash(path) != wanted:
            raise UnreadableFile(
                f"The evaluation file {path} has changed since the run was asked for: ask again."
            )
        texts += [text for strings in read_texts(Path(path).expanduser()) for text in strings]
    return texts


def _parent_ids(store: ArtifactStore, options: AugmentOptions, n_rows: int) -> Int64s:
    ids = np.arange(0 if options.examples else n_rows, dtype=np.int64)
    if options.parents:
        ids = read_frozen(store.get(options.parent, "rows", options.parents))
    return ids[~np.isin(ids, _held_out(store, options))]


def _held_out(store: ArtifactStore, options: AugmentOptions) -> Int64s:
    if not options.held_out:
        return np.empty(0, dtype=np.int64)
    return read_frozen(store.get(options.parent, "rows", options.held_out))


def _examined(store: ArtifactStore, options: AugmentOptions) -> dict[int, Examined]:
    if not options.examination:
        return {}
    return read_examined(store.get(options.parent, "examination", options.examination))


def _parents(examples: Artifact, ids: Int64s, examined: dict[int, Examined]) -> list[tuple[ParentRow, str]]:
    if not len(ids):
        return []
    rows: pa.Table = read_example_rows(examples.file(EXAMPLES), ids, COLUMNS)
    found = []
    for record in rows.to_pylist():
        messages = tuple(orjson.loads(record["messages"]))
        told = examined.get(record["example_id"])
        spoken = [turn["role"] for turn in messages if turn["role"] != "system"]
        # A system turn stays with the new row, so only a longer conversation is shown as one.
        prompt = last_asked(messages) if spoken == ["user", "assistant"] else record["prompt"]
        parent = ParentRow(
            record["example_id"], messages, prompt, record["response"] or "", orjson.loads(record["meta"] or "{}"),
            told.group if told else "", told.answer if told and told.mark == 0 else "",
        )  # fmt: skip
        found.append((parent, record["source"] or ""))
    return found


def _check_labels(labels: tuple[str, ...], parents: Sequence[ParentRow]) -> None:
    answered = [one for one in parents if one.response.strip()]
    if labels and answered and all(label_of(one.response, labels) is None for one in answered):
        raise InvalidOptions(
            f"No parent is answered by one of the labels {', '.join(labels)}: the first says {answered[0].response[:40]!r}. "
            "Give the labels as the rows have them."
        )


def _mixed(
    parents: tuple[ParentRow, ...], store: ArtifactStore, options: AugmentOptions
) -> tuple[ParentRow, ...]:
    """The parents as they are to be written from: each once, or as many of each group as its accuracy says."""
    if options.mix == "all":
        return parents
    if not options.examination:
        raise InvalidOptions(
            f"The mix {options.mix!r} needs the accuracy of groups: name the parents by an examination, as wrong:newest."
        )
    table = {
        one.group: one for one in read_groups(store.get(options.parent, "examination", options.examination))
    }
    groups = sorted({one.group for one in parents})
    right = np.array([table[name].right if name in table else 0.0 for name in groups])
    n = np.array([float(table[name].n) if name in table else 1.0 for name in groups])
    wanted = allocate(options.rows, mix_weights(right, n, options.mix), [options.rows] * len(groups))
    rng = np.random.default_rng([options.seed, options.round, 1])
    drawn: list[ParentRow] = []
    for name, n_rows in zip(groups, wanted.tolist(), strict=True):
        own = [one for one in parents if one.group == name]
        order = [place for _ in range(n_rows // len(own) + 1) for place in rng.permutation(len(own)).tolist()]
        drawn += [own[place] for place in order[:n_rows]]
    return tuple(drawn)
