"""What cannot be written from, checked or played against: one sentence with the next step each, and nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tamis.actions.augment_trial import try_drafts
from tamis.actions.augmenting import accept_passed, batch_funnel, batch_groups
from tamis.actions.bench_grounded import bench_grounded
from tamis.actions.tags import add_tag
from tamis.errors import CurationError, InvalidOptions, ModelMissing
from tamis.steps.base_model import base_model_folder
from tamis.steps.finetune.claims import write_claims
from tamis.steps.finetune.split import Split
from tamis.steps.import_file.identify import plan_import
from tamis.store.artifacts.batches import read_provenance
from tamis.store.artifacts.proposals import read_proposals
from tests.core.steps.test_augment import House


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("bad"))


@pytest.fixture(scope="module")
def claims(house: House, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Rows of two sentences, whose documents are blank but for one, and two of which are judged."""
    file = tmp_path_factory.mktemp("claims") / "claims.jsonl"
    rows = [
        {"instruction": f"Is claim {i} so?", "output": said, "document": text, "claim": "It grows."}
        for i, (said, text) in enumerate((("Yes. It is.", " "), ("yes", ""), ("no", "It rains.")))
    ]
    file.write_text("".join(json.dumps(one) + "\n" for one in rows))
    plan = plan_import([str(file)], name="Claims")
    house.run(plan.dataset_id, "import", plan.options)
    for tag, rows in (("first", [0]), ("blank", [0, 1])):
        add_tag(house.workspace, plan.dataset_id, tag, np.array(rows), "ann")
    return plan.dataset_id


def test_a_batch_without_parents_is_reviewed_and_joined_as_any_other(house: House) -> None:
    """Rows of a task have examples and no parents."""
    answers = [json.dumps({"new_input": f"Which herb of bed {n}?"}) for n in range(40)]
    made = house.augment(
        generator="self_guide", instruction="Name a plant.", rows=3, filters={"scaffold": False, "length": False, "format": False},
        generator_options={"inputs_per_chain": 3, "answers": 2}, llm_options={"answers": answers},
    )  # fmt: skip
    batch = made.manifest.dataset_id
    lines = read_provenance(made).to_pylist()
    assert lines and all(one["parent_ids"] == [] and one["demo_ids"] for one in lines)
    proposed = read_proposals(house.run(batch, "propose", {"method": "additions"})).to_pylist()
    assert len(proposed) == made.summary["n_drafts"]
    n_passed = batch_funnel(house.workspace, batch).n_passed
    assert n_passed and sum(one.n_drafts for one in batch_groups(house.workspace, batch)) == len(lines)
    assert accept_passed(house.workspace, batch, reviewer="ann").n_rows == n_passed
    assert batch_funnel(house.workspace, batch).n_accepted == n_passed


def test_rows_that_a_generator_can_do_nothing_with_are_said_before_anything_is_asked(
    house: House, claims: str
) -> None:
    said = "found nothing to write from in 1 rows: it takes rows whose response is one sentence, a claim. Name other rows as parents"
    asked = {"generator": "c2d", "parents": "tag:first"}
    with pytest.raises(InvalidOptions, match=said):
        house.augment(claims, **asked)
    with pytest.raises(InvalidOptions, match=said):
        try_drafts(house.workspace, claims, asked | {"llm": "scripted", "llm_options": {"answers": ["no"]}})


def test_documents_that_are_blank_are_none(house: House, claims: str) -> None:
    with pytest.raises(
        InvalidOptions, match="needs documents, and no row has one: name rows whose metadata hold a document"
    ):
        house.augment(claims, generator="d2c", parents="tag:blank")
    made = house.augment(claims, generator="d2c", rows=1)
    assert made.summary["n_jobs"] == 1 and made.summary["reject_reasons"] == {"unsuitable": 1}


def test_a_claim_without_a_document_is_not_trained_on_and_counts_as_unsupported(
    house: House, claims: str, tmp_path: Path
) -> None:
    examples = house.store.examples(claims)
    told = write_claims(examples, _split([0, 1, 2]), tmp_path)
    assert (told["n_claims"], told["n_without_claims"]) == (1, 2)
    with pytest.raises(InvalidOptions, match="No row has a document and a claim in its metadata"):
        write_claims(examples, _split([0, 1]), tmp_path)
    file = tmp_path / "bench.jsonl"
    lines = [
        {"document": " ", "claim": "It grows.", "label": 0},
        {"document": "It grows.", "claim": "It grows.", "label": 1},
    ]
    file.write_text("".join(json.dumps(one) + "\n" for one in lines))
    found = bench_grounded(house.workspace, file, llm="scripted")
    assert found.n_not_judged == 1 and found.together.n == 2 and found.together.tnr == 1


def test_an_adapter_that_is_gone_is_named_with_those_that_are_there(house: House) -> None:
    """A training by self-play has it as its reference."""
    with pytest.raises(
        ModelMissing, match=r"no adapter 'adp-gone' in .* Known: none\. Run 'finetune' to make one"
    ):
        base_model_folder("adapter:adp-gone", house.workspace.path)
    asked = {"recipe": "spin", "model": "adapter:adp-gone", "split": "rows", "n_generate": 0, "decisions": ""}
    house.examine(llm="scripted", llm_options={"answers": ["No."]}, mark="overlap", temperature=1.0)
    with pytest.raises(CurationError, match="no adapter 'adp-gone'"):
        house.run(house.data, "finetune", asked)


def _split(rows: list[int]) -> Split:
    none = np.zeros(0, dtype=np.int64)
    return Split(
        train=np.array(rows, dtype=np.int64),
        held_out=none,
        groups=none,
        stopping=none,
        replaced={},
        n_dropped=0,
    )
