"""Held-out rows are held out: from rows like them, from what the model knows, and from early stopping."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from tamis.actions.adapters import export_adapter
from tamis.registry import parse_options
from tamis.steps.finetune.company import evaluated_rows, unsure_of
from tamis.steps.finetune.options import FinetuneOptions
from tamis.steps.finetune.split import split_one_by_one, split_rows, split_text
from tamis.steps.import_file.identify import plan_import
from tamis.steps.plan import plan_step
from tamis.store.artifacts.adapters import TRAIN
from tamis.store.artifacts.refinements import PICKS, PREVIOUS, ROUND_PICKS_SCHEMA, make_table
from tamis.store.artifacts.store import ArtifactStore, make_manifest
from tamis.store.workspace import open_workspace
from tests.core.steps.finetuning import rows_artifact, run

LONG = "Explain in three sentences why the sky is blue in the morning and red in the evening near the sea, number"


def dataset(folder, rows):
    file = folder / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    store = ArtifactStore(folder / "ws")
    plan = plan_import([str(file)])
    run(store, plan.dataset_id, "import", plan.options)
    return store, plan.dataset_id


def row(prompt, response="It is so.", **more):
    return {"instruction": prompt, "input": "", "output": response, **more}


def many(n=200):
    """Every prompt four times: as it is, with other signs, nearly so, and once alone."""
    rows = []
    for i in range(n // 4):
        word = f"topic{i} of{i} things{i} that{i} matter{i}"
        rows += [
            row(f"{LONG} {word}"),
            row(f"{LONG.upper()}: {word}!", "Other."),
            row(f"{LONG} {word} please"),
        ]
        rows.append(row(f"What is {i} plus {i * 7}?"))
    return rows


def split_of(store, dataset_id, **values):
    plan = plan_step(store, dataset_id, "finetune", values)
    inputs = {role: store.get(dataset_id, plan.input_kinds[role], one) for role, one in plan.inputs.items()}
    options = parse_options(FinetuneOptions, plan.options.model_dump(mode="json"))
    return split_rows(inputs, options, store.workspace), inputs, options


def keys(rows, ids):
    """What rows that belong together share."""
    return {" ".join(w for w in rows[i]["instruction"].lower().split() if w[-1:].isdigit()) for i in ids}


@pytest.mark.parametrize("seed", range(5))
def test_rows_with_equal_or_nearly_equal_prompts_are_on_one_side(tmp_path, seed):
    rows = many()
    store, dataset_id = dataset(tmp_path, rows)
    split, inputs, options = split_of(store, dataset_id, seed=seed, held_out_fraction=0.2)
    both = [sorted({i // 4 for i in ids if i % 4 < 3}) for ids in (split.train, split.held_out)]
    assert not set(both[0]) & set(both[1])
    assert 36 <= len(split.held_out) <= 40
    assert (split.counts.level, split.counts.n_repeats, split.counts.n_near) == ("near", 50, 50)
    assert "on one side" in split_text(split, stops_early=False)
    of = [(i // 4, i % 4 == 3) for i in split.held_out.tolist()]  # three of four rows are alike
    assert len(set(zip(of, split.groups.tolist(), strict=True))) == len(set(of)) == split.groups.max() + 1
    before = split_one_by_one(inputs, options)
    both = [{i // 4 for i in ids if i % 4 < 3} for ids in (before.train, before.held_out)]
    assert both[0] & both[1]  # what was done before


def test_families_are_on_one_side_by_field_by_parent_and_by_record(tmp_path):
    rows = [row(f"Question {i} about {i}?", id=f"r{i}", parent_id=f"r{i // 5 * 5}") for i in range(100)]
    store, dataset_id = dataset(tmp_path, rows)
    split, *_ = split_of(store, dataset_id, held_out_fraction=0.2)
    families = [set((ids // 5).tolist()) for ids in (split.train, split.held_out)]
    assert not families[0] & families[1]
    assert len(split.held_out) == 20
    assert split.counts.n_family == 80
    assert "Of all rows 80 are of the family of another." in split_text(split, stops_early=False)


def test_conversations_with_one_opening_are_on_one_side(tmp_path):
    """One holds the answer of the other's first question in its own prompt."""
    rows = []
    for i in range(60):
        asked = f"How do I keep tomato plant number {i} alive over a long winter?"
        turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": f"Keep {i} warm."}]
        more = [
            {"role": "user", "content": f"And what of {i} more?"},
            {"role": "assistant", "content": "The same."},
        ]
        rows += [{"messages": turns}, {"messages": turns + more}]
    store, dataset_id = dataset(tmp_path, rows)
    split, *_ = split_of(store, dataset_id, held_out_fraction=0.2)
    sides = [set((ids // 2).tolist()) for ids in (split.train, split.held_out)]
    assert not sides[0] & sides[1]
    assert len(split.held_out) == 24


def test_a_field_that_makes_all_rows_one_family_leaves_equal_prompts_together(tmp_path):
    store, dataset_id = dataset(tmp_path, [row(f"Name {i // 2} things.", group_id="all") for i in range(80)])
    split, *_ = split_of(store, dataset_id)
    assert (split.counts.level, len(split.held_out)) == ("prompts", 8)
    assert {i // 2 for i in split.held_out.tolist()}.isdisjoint({i // 2 for i in split.train.tolist()})


def test_early_stopping_looks_at_rows_of_its_own(tmp_path):
    store, dataset_id = dataset(tmp_path, many())
    patient = {"early_stopping_patience": 2}
    split, *_ = split_of(store, dataset_id, recipe_options=patient)
    sides = [split.train, split.held_out, split.stopping]
    assert sum(map(len, sides)) == 200
    groups = [{i // 4 for i in ids.tolist() if i % 4 < 3} for ids in sides]
    assert not groups[0] & groups[1] and not groups[0] & groups[2] and not groups[1] & groups[2]
    assert len(split.stopping) > 10
    assert f"Early stopping looked at {len(split.stopping)} other rows" in split_text(split, stops_early=True)
    without, *_ = split_of(store, dataset_id)
    assert not len(without.stopping)
    named = rows_artifact(store, dataset_id, [3, 7])
    around, *_ = split_of(store, dataset_id, recipe_options=patient, held_out=named, held_out_fraction=0)
    assert around.held_out.tolist() == [3, 7]
    assert len(around.stopping) > 10


def test_rows_like_named_held_out_ones_are_not_trained_on(tmp_path):
    store, dataset_id = dataset(tmp_path, many())
    split, *_ = split_of(store, dataset_id, held_out=rows_artifact(store, dataset_id, [0, 3, 9]))
    assert split.held_out.tolist() == [0, 3, 9]
    assert split.groups.tolist() == [0, 1, 2]
    both, *_ = split_of(store, dataset_id, held_out=rows_artifact(store, dataset_id, [0, 2, 3]))
    assert both.groups.tolist() == [0, 0, 1]
    assert not set(split.train.tolist()) & {0, 1, 2, 3, 8, 9, 10}
    assert split.counts.n_near_named == 4
    assert "4 rows like held-out ones were not trained on" in split_text(split, stops_early=False)


def adapter(store, dataset_id, prompts, *, identifier, model="smollm2", recorded=True, conversations=()):
    with store.writing(dataset_id, "adapter", identifier) as writer:
        (writer.path / "adapter").mkdir()
        (writer.path / "adapter" / "adapter_config.json").write_text("{}")
        if recorded:
            turns = [[{"role": "user", "content": p}, {"role": "assistant", "content": "x"}] for p in prompts]
            turns += conversations
            (writer.path / TRAIN).write_text("".join(json.dumps({"messages": t}) + "\n" for t in turns))
        writer.commit(
            make_manifest(
                writer, kind="adapter", identifier=identifier, dataset_id=dataset_id, step="finetune",
                options={"model": model}, inputs={}, format_version=1, summary={},
            )
        )  # fmt: skip
    return f"adapter:{identifier}"


def test_rows_that_the_model_was_trained_on_are_not_held_out_nor_are_those_like_them(tmp_path):
    """Also what the adapter's own model knew, and whatever dataset that was in: prompts are compared."""
    rows = many()
    store, dataset_id = dataset(tmp_path, rows)
    first = adapter(store, dataset_id, [rows[i]["instruction"] for i in range(60)], identifier="a" * 8)
    second = adapter(
        store,
        dataset_id,
        [rows[i]["instruction"] for i in range(60, 120, 4)],
        identifier="b" * 8,
        model=first,
    )
    split, *_ = split_of(store, dataset_id, model=second, held_out_fraction=0.3)
    known = set(range(60)) | {i for i in range(60, 120) if i % 4 < 3}
    assert not set(split.held_out.tolist()) & known
    assert len(split.held_out) > 20
    assert split.counts.n_known == len(known)
    assert f"{len(known)} rows were not held out: the model had been trained" in split_text(
        split, stops_early=False
    )
    named = rows_artifact(store, dataset_id, [3, 150, 151])
    around, *_ = split_of(store, dataset_id, model=second, held_out=named)
    assert (around.held_out.tolist(), around.counts.n_known) == ([150, 151], 1)
    assert 3 not in around.train


ASKED = 100  # rows of ``many`` that the models below were trained on


def known_adapter(store, dataset_id, rows, **more):
    """An adapter that was trained on the first rows, and the folder with its weights."""
    prompts = [rows[i]["instruction"] for i in range(ASKED)]
    model = adapter(store, dataset_id, prompts, identifier="a" * 8, **more)
    return model, store.get(dataset_id, "adapter", "a" * 8).path / "adapter"


def known_rows(split):
    return set(split.held_out.tolist()) & set(range(ASKED))


def test_an_adapter_that_is_given_as_a_folder_is_known_wherever_it_was_written(tmp_path, monkeypatch):
    """Where it lies, by a link, exported, and copied with its manifest; the held-out rows are those of ``adapter:ID``."""
    rows = many()
    store, dataset_id = dataset(tmp_path, rows)
    model, folder = known_adapter(store, dataset_id, rows)
    by_id, *_ = split_of(store, dataset_id, model=model, held_out_fraction=0.2)
    (tmp_path / "link").symlink_to(folder)
    exported = export_adapter(open_workspace(store.workspace), model, tmp_path / "exported")
    copied = shutil.copytree(folder.parent, tmp_path / "copied") / "adapter"
    monkeypatch.chdir(folder.parent)
    for path in (folder, "adapter", tmp_path / "link", exported, copied):
        split, *_ = split_of(store, dataset_id, model=str(path), held_out_fraction=0.2)
        assert split.held_out.tolist() == by_id.held_out.tolist(), path
        assert split.counts.n_known == ASKED
        assert not split.counts.unrecorded
        assert "100 rows were not held out: the model" in split_text(split, stops_early=False)
    assert not known_rows(by_id)


def test_a_model_of_its_own_is_known_by_its_folder_too(tmp_path):
    """All weights trained, or merged into the base: there is no configuration of an adapter."""
    rows = many()
    store, dataset_id = dataset(tmp_path, rows)
    _, folder = known_adapter(store, dataset_id, rows)
    merged = tmp_path / "merged"
    merged.mkdir()
    (merged / "config.json").write_text("{}")
    shutil.copy(folder.parent / "manifest.json", merged / "tamis.json")
    (folder / "adapter_config.json").rename(folder / "config.json")
    for path in (folder, merged):
        split, *_ = split_of(store, dataset_id, model=str(path), held_out_fraction=0.2)
        assert (known_rows(split), split.counts.n_known) == (set(), ASKED)


def test_what_an_adapter_was_made_from_is_followed_over_folders(tmp_path):
    rows = many()
    store, dataset_id = dataset(tmp_path, rows)
    _, folder = known_adapter(store, dataset_id, rows)
    second = adapter(
        store, dataset_id, [rows[i]["instruction"] for i in range(100, 120)], identifier="b" * 8,
        model=str(folder),
    )  # fmt: skip
    split, *_ = split_of(store, dataset_id, model=second, held_out_fraction=0.2)
    assert not known_rows(split)
    assert split.counts.n_known == 120
    third = adapter(
        store, dataset_id, [], identifier="c" * 8, model=str(tmp_path / "gone"), recorded=False
    )  # fmt: skip
    split, *_ = split_of(store, dataset_id, model=third)
    assert split.counts.unrecorded == f"{third} and {tmp_path / 'gone'}"


@pytest.mark.parametrize("file", ["adapter_config.json", "tamis.json"])
def test_of_an_adapter_of_others_it_is_said_that_its_rows_are_not_recorded(tmp_path, file):
    store, dataset_id = dataset(tmp_path, many())
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / file).write_text('{"artifact_id": "not-here"}')
    split, *_ = split_of(store, dataset_id, model=str(theirs))
    assert f"Which rows {theirs} was trained on is not recorded" in split_text(split, stops_early=False)
    (theirs / file).rename(theirs / "config.json")
    split, *_ = split_of(store, dataset_id, model=str(theirs))
    assert not split.counts.unrecorded  # a base: nobody says what any of them was trained on


def round_model(store, dataset_id, identifier, rows, *, model, previous=""):
    """A round that picked these rows, with the model that it left."""
    examples = store.examples(dataset_id)
    with store.writing(dataset_id, "refinement_round", identifier) as writer:
        (writer.path / "adapter").mkdir()
        (writer.path / "adapter" / "adapter_config.json").write_text("{}")
        n = len(rows)
        columns = {"example_id": rows, "cluster_id": [0] * n, "rank": list(range(n)), "weight": [1.0] * n}
        pq.write_table(make_table(ROUND_PICKS_SCHEMA, columns), writer.path / PICKS)
        inputs = {"examples": examples.id} | ({PREVIOUS: previous} if previous else {})
        writer.commit(
            make_manifest(
                writer, kind="refinement_round", identifier=identifier, dataset_id=dataset_id, step="refine_round",
                options={"settings": {"model": model}, "round": 1, "n_rows": n}, inputs=inputs, format_version=1, summary={},
            )
        )  # fmt: skip
    return f"adapter:{identifier}"


def test_the_rows_of_a_rounds_model_are_its_picks_those_before_it_and_its_models_own(tmp_path):
    rows = many()
    store, dataset_id = dataset(tmp_path, rows)
    base = adapter(
        store, dataset_id, [rows[i]["instruction"] for i in range(80, 100)], identifier="a" * 8
    )  # fmt: skip
    first = round_model(store, dataset_id, "d" * 8, list(range(39, -1, -1)), model=base)
    second = round_model(store, dataset_id, "e" * 8, list(range(40, 80)), model=base, previous="d" * 8)
    split, *_ = split_of(store, dataset_id, model=second, held_out_fraction=0.2)
    assert not known_rows(split)
    assert (split.counts.n_known, split.counts.unrecorded) == (ASKED, "")
    split, *_ = split_of(store, dataset_id, model=first, held_out_fraction=0.2)
    assert split.counts.n_known == 60
    shutil.rmtree(store.get(dataset_id, "refinement_round", "d" * 8).path)
    unsure, *_ = split_of(store, dataset_id, model=second, held_out_fraction=0.2)
    assert (unsure.counts.n_known, unsure.counts.unrecorded) == (20, second)


def test_rows_that_begin_a_conversation_that_the_model_was_trained_on_are_not_held_out(tmp_path):
    """Their answer is in that conversation; a greeting makes no such company."""

    def turns(*texts):
        return [{"role": "assistant" if i % 2 else "user", "content": text} for i, text in enumerate(texts)]

    asked = [f"How do I keep tomato plant number {i} alive over a long winter?" for i in range(40)]
    short = [f"Hi {i}!" for i in range(10)]
    rows = [{"messages": turns(text, "Keep it warm.")} for text in [*asked, *short]]
    store, dataset_id = dataset(tmp_path, rows)
    known = [
        turns(text, "Keep it warm.", "And what of the other months of a year?", "The same.")
        for text in asked[:20]
    ]
    known += [
        turns(text, "Hello.", "Who was it that first counted the stars?", "Hipparchus.") for text in short
    ]
    model = adapter(store, dataset_id, [], identifier="e" * 8, conversations=known)
    split, *_ = split_of(store, dataset_id, model=model, held_out_fraction=0.4)
    assert set(split.held_out.tolist()).isdisjoint(range(20))
    assert (len(split.held_out), split.counts.n_known) == (20, 20)


def test_an_adapter_that_knows_every_row_leaves_nothing_to_hold_out_and_that_is_said(tmp_path):
    rows = many(40)
    store, dataset_id = dataset(tmp_path, rows)
    knows = adapter(store, dataset_id, [one["instruction"] for one in rows], identifier="c" * 8)
    split, *_ = split_of(store, dataset_id, model=knows)
    assert (len(split.train), len(split.held_out)) == (40, 0)
    assert "No row was held out: the model had been trained on 40 of them" in split_text(
        split, stops_early=False
    )
    round_model = adapter(store, dataset_id, [], identifier="d" * 8, recorded=False)
    unsure, *_ = split_of(store, dataset_id, model=round_model)
    assert len(unsure.held_out) >= 2
    assert f"Which rows {round_model} was trained on is not recorded" in split_text(unsure, stops_early=False)


def test_of_a_folder_of_weights_that_says_nothing_it_is_told_that_nothing_can_be_told(tmp_path):
    """Full weights that were copied look like any published model's."""
    store, dataset_id = dataset(tmp_path, [row(f"What is topic{i} of{i * 3}?") for i in range(40)])
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "config.json").write_text("{}")
    split, *_ = split_of(store, dataset_id, model=str(weights))
    said = (
        f"It cannot be told what the folder {weights} was trained on: some held-out rows may be among that."
    )
    assert said in split_text(split, stops_early=False)
    assert split.counts.unrecorded == ""
    bundled, *_ = split_of(store, dataset_id)
    assert "was trained on" not in split_text(bundled, stops_early=False)
    examples = store.examples(dataset_id)
    assert unsure_of(str(weights), store.workspace, "held-out rows") == said
    beside = evaluated_rows(examples, np.arange(10), str(weights), store.workspace)
    assert (beside.known.sum(), len(np.unique(beside.groups)), "weights was trained on" in beside.unsure) == (
        0,
        10,
        True,
    )


def test_where_all_prompts_are_alike_what_can_be_kept_together_is_and_the_rest_is_said(tmp_path):
    """One long instruction with little added, then one instruction alone: no group could be held out whole."""
    store, dataset_id = dataset(tmp_path, [row(f"{LONG} {i}") for i in range(40)] * 2)
    split, *_ = split_of(store, dataset_id)
    assert (split.counts.level, len(split.held_out)) == ("equal", 8)
    assert {i % 40 for i in split.held_out.tolist()}.isdisjoint({i % 40 for i in split.train.tolist()})
    assert len(np.unique(split.groups)) == len({i % 40 for i in split.held_out.tolist()})
    assert "nearly equal prompts are on both sides" in split_text(split, stops_early=False)
    (tmp_path / "one").mkdir()
    store, dataset_id = dataset(tmp_path / "one", [row("Tell a story.", f"Story {i}.") for i in range(40)])
    split, *_ = split_of(store, dataset_id)
    assert (split.counts.level, len(split.held_out)) == ("rows", 4)
    assert split.groups.tolist() == [0] * 4  # four answers to one prompt are no four questions
    assert "too much is alike" in split_text(split, stops_early=False)


def test_rows_of_few_prompts_count_as_their_prompts_where_they_could_not_be_kept_together(tmp_path):
    """Eight prompts with sixty answers each are held out row by row, and are eight."""
    words = [f"Classify the mood of this text number{p} from{p * 3} the{p * 5} shelf{p}." for p in range(8)]
    store, dataset_id = dataset(tmp_path, [row(one, f"mood {a}") for one in words for a in range(60)])
    split, *_ = split_of(store, dataset_id)
    assert (split.counts.level, len(split.held_out)) == ("rows", 48)
    assert len(np.unique(split.groups)) == 8
    assert split.groups.tolist() == (split.held_out // 60).tolist()


def test_the_split_of_before_keeps_its_rows_and_the_name_of_its_result(tmp_path):
    store, dataset_id = dataset(tmp_path, many())
    split, *_ = split_of(store, dataset_id, split="rows", recipe_options={"early_stopping_patience": 1})
    drawn = np.sort(np.random.default_rng(42).permutation(np.arange(200))[:20])
    assert split.held_out.tolist() == drawn.tolist()
    assert split.counts is None
    asked = {(i // 4, i % 4 == 3) for i in drawn.tolist()}
    assert len(np.unique(split.groups)) == len(asked) < 20  # like rows count once, however they were drawn
    assert not len(split.stopping)
    assert (
        "may be among those that were trained on, and early stopping looked at these very rows"
        in split_text(split, stops_early=True)
    )
    identity = parse_options(FinetuneOptions, {"split": "rows"}).identity()
    assert "split" not in identity
    assert parse_options(FinetuneOptions, {}).identity() == identity | {"split": "connected"}


def test_chains_of_nearly_equal_prompts_are_held_out_whole_and_the_split_of_before_says_that_it_did_not(
    tmp_path,
):
    rng = np.random.default_rng(0)
    words = [
        [f"x{c}_{i}" if 0 < i % 6 <= 1 and i < 6 * v else f"w{c}_{i}" for i in range(40)]
        for c in range(20)
        for v in range(6)
    ]
    texts = [" ".join(words[i]) for i in rng.permutation(len(words))]
    store, dataset_id = dataset(tmp_path, [row(text) for text in texts])
    runs = [{tuple(t.split()[i : i + 3]) for i in range(38)} for t in texts]
    apart = {}
    for name in ("connected", "grouped"):
        split, *_ = split_of(store, dataset_id, split=name)
        assert len(split.held_out) >= 6
        apart[name] = sum(
            len(runs[i] & runs[j]) / len(runs[i] | runs[j]) >= 0.8
            for i in split.held_out
            for j in split.train
        )
        said = "some may be on both sides" in split_text(split, stops_early=False)
        assert said == (name == "grouped")
    assert apart["connected"] == 0 < apart["grouped"]
    assert parse_options(FinetuneOptions, {"split": "grouped"}).identity()["split"] == "grouped"


def test_where_most_rows_are_like_named_ones_only_equal_prompts_are_left_out_of_training(tmp_path):
    store, dataset_id = dataset(tmp_path, [row(f"Name {i // 2} things.", group_id="all") for i in range(80)])
    split, *_ = split_of(store, dataset_id, held_out=rows_artifact(store, dataset_id, [0, 2]))
    assert (split.counts.level, split.counts.n_near_named, len(split.train)) == ("prompts", 2, 76)
    assert "families are on both sides" in split_text(split, stops_early=False)
    # Of three rows alike one is held out: the others are trained on, and that is said.
    within = rows_artifact(store, dataset_id, [0, 1])
    split, *_ = split_of(store, dataset_id, within=within, held_out=rows_artifact(store, dataset_id, [0]))
    assert (split.counts.level, split.train.tolist()) == ("rows", [1])
    assert "too much is alike" in split_text(split, stops_early=False)
