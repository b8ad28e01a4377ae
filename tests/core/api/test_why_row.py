"""Why a row is in a selection, and one row instead of another: recorded, undone, replayed, refused with a way out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import tamis
from tamis.errors import ArtifactMissing, CurationError, InvalidOptions
from tamis.selectors import SELECTORS
from tamis.steps.resolve_targets import freeze_target
from tests.pages.page_workspace import run_step, towards_target


@pytest.fixture
def picked(data: tamis.Dataset) -> tamis.SelectionResult:
    return data.active_selection


def out_of(picked: tamis.SelectionResult) -> int:
    return next(row for row in range(40) if row not in picked.ids)


def test_every_method_says_why_of_rows_in_and_out(data: tamis.Dataset) -> None:
    for method in SELECTORS:
        run_step(
            data._workspace.path,
            data.id,
            "select",
            {"budget": 10, "method": method} | towards_target(data._workspace.path, data.id, method),
        )
        selection = data.result("selection")
        assert selection.options["method"] == method
        for row in (int(selection.ids[3]), out_of(selection)):
            said = selection.why(row)
            assert said.picked == (row in selection.ids)
            assert said.sentences[0].startswith(f"Row {row} is {'in' if said.picked else 'not in'}: ")
            assert str(said) == "\n".join(said.sentences)
            assert len(said.sentences) > 1


def test_the_quota_of_the_cluster_is_named_and_counted(picked: tamis.SelectionResult) -> None:
    said = picked.why(int(picked.ids[0]))
    quota = said.explanation.quota
    assert quota is not None
    per_cluster = picked.per_cluster().to_pandas().set_index("cluster_id")["picked"]
    assert quota.quota == per_cluster[quota.group]
    assert any(f"Cluster {quota.group} (" in one and "of the budget of 10" in one for one in said.sentences)


def test_one_row_instead_of_another_is_recorded_active_and_undone(
    data: tamis.Dataset, picked: tamis.SelectionResult
) -> None:
    row, by = int(picked.ids[2]), out_of(picked)
    edited = picked.replace(row, by)
    assert data.active_selection.id == edited.id
    assert edited.ids.tolist() == [by if one == row else one for one in picked.ids.tolist()]
    assert edited.options["edits"] == [[row, by]]
    assert edited.inputs["base"] == picked.id
    assert edited.name.endswith("1 replaced")
    assert picked.replace(row, by).id == edited.id
    picked.activate()
    assert data.active_selection.id == picked.id
    with pytest.raises(CurationError, match="made from it"):
        picked.delete()


def test_why_of_an_edited_selection_names_the_hand_and_the_method(picked: tamis.SelectionResult) -> None:
    row, by = int(picked.ids[2]), out_of(picked)
    again = picked.replace(row, by).replace(int(picked.ids[0]), row)
    assert again.why(row).sentences[0].endswith(f"in place of row {int(picked.ids[0])}.")
    assert again.why(by).replaced == row
    assert "By the method itself: row" in again.why(by).sentences[1]
    assert again.why(int(picked.ids[0])).explanation.reason == "taken out by hand"
    untouched = int(picked.ids[5])
    assert again.why(untouched).sentences == picked.why(untouched).sentences


def test_an_export_of_an_edited_selection_is_replayed(picked: tamis.SelectionResult, tmp_path: Path) -> None:
    edited = picked.replace(int(picked.ids[2]), out_of(picked))
    twice = edited.replace(int(picked.ids[1]), int(picked.ids[2]))
    written = twice.export(tmp_path / "edited.jsonl")
    assert written.n_rows == 10
    manifest = json.loads(written.manifest_path.read_text(encoding="utf-8"))
    assert [one["step"] for one in manifest["artifacts"]].count("replace_rows") == 2
    assert tamis.replay(written.manifest_path, progress=False)


def test_rows_that_cannot_be_replaced_are_refused_with_the_reason(
    data: tamis.Dataset, picked: tamis.SelectionResult
) -> None:
    row, by = int(picked.ids[0]), out_of(picked)
    for wrong, reason in (
        ((40, by), "no row 40: rows go from 0 to 39"),
        ((row, -1), "no row -1"),
        ((by, by), "not in the selection"),
        ((row, int(picked.ids[1])), "already"),
    ):
        with pytest.raises(InvalidOptions, match=reason):
            picked.replace(*wrong)
    with pytest.raises(InvalidOptions, match="no row 40"):
        picked.why(40)
    tags = data.tags
    tags.add("always", [row])
    tags.add("never", [by])
    run_step(
        data._workspace.path, data.id, "select", {"budget": 10, "pinned": _frozen(data, "always"), "excluded": _frozen(data, "never")}
    )  # fmt: skip
    masked = data.result("selection")
    assert masked.why(row).explanation.reason == "pinned"
    assert masked.why(by).explanation.reason == "excluded"
    other = next(one for one in range(40) if one not in masked.ids and one != by)
    with pytest.raises(InvalidOptions, match="pinned"):
        masked.replace(row, other)
    with pytest.raises(InvalidOptions, match="may pick from"):
        masked.replace(int(masked.ids[-1]), by)


def _frozen(data: tamis.Dataset, tag: str) -> str:
    from tamis.steps.resolve_rows import freeze

    return freeze(data._workspace, data.id, f"tag:{tag}")


def _rewrite(picked: tamis.SelectionResult, **changed: object) -> None:
    path = picked._artifact.path / "manifest.json"
    written = json.loads(path.read_text(encoding="utf-8"))
    written.pop("seal", None)  # of what was written
    path.write_text(json.dumps(written | changed), encoding="utf-8")


def test_a_selection_without_records_is_refused_with_the_next_step(
    data: tamis.Dataset, picked: tamis.SelectionResult
) -> None:
    options, inputs = dict(picked.options), dict(picked.inputs)
    _rewrite(picked, inputs={})
    with pytest.raises(CurationError, match=r"does not record its examples.*Select again"):
        data.active_selection.why(0)
    _rewrite(picked, inputs=inputs | {"scores": "gone"})
    with pytest.raises(ArtifactMissing, match=r"scores gone, which is not there any more.*select again"):
        data.active_selection.why(0)
    _rewrite(picked, inputs=inputs, options=options | {"dropped": 1})
    with pytest.raises(CurationError, match=r"another edition.*select again"):
        data.active_selection.why(0)
    _rewrite(picked, options=options | {"seed": 7})
    with pytest.raises(CurationError, match="picks other rows"):
        data.active_selection.why(0)
    _rewrite(picked, options=options, step="refine")
    with pytest.raises(CurationError, match="drawn by 'refine'"):
        data.active_selection.why(0)


def test_targets_are_made_selected_for_and_replayed_by_the_front_door(
    data: tamis.Dataset, tmp_path: Path
) -> None:
    made = data.targets.add("baking", examples=[("How is bread made?", "With care."), "Why does bread rise?"])
    assert (made.name, made.n_examples) == ("baking", 2)
    data.targets.add("space", examples=["How far are stars?"], split=True)
    assert [one.name for one in data.targets.list()] == ["space", "baking"]
    with pytest.raises(ArtifactMissing, match="tamis run score"):
        data.targets.kept_out("baking")
    path, identifier = data._workspace.path, data.id
    both = freeze_target(data._workspace, identifier, "baking=3,space=1")
    scores = run_step(path, identifier, "score", {"scorer": "target_embedding", "target": both})
    asked = {"method": "target_round_robin", "budget": 8, "target": both, "similarities": scores.id}
    picked = data.result(run_step(path, identifier, "select", asked).id)
    assert [one["n_picked"] for one in picked.summary["notes"]["targets"]] == [6, 2]
    assert data.targets.kept_out("baking") == ()
    assert {one.target for one in data.targets.out_of_reach("space")} <= {"space"}
    assert not data.targets.plan_deletion(
        "baking"
    ).obstacle  # what both stand for together keeps its own copy
    data.targets.delete("baking")
    assert picked.why(int(picked.ids[0])).picked
    written = picked.export(tmp_path / "target.jsonl")
    assert tamis.replay(written.manifest_path, progress=False)
