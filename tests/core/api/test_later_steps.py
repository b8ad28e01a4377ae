"""Comparisons, proposals, refinements and adapters from Python, on what the steps left without a worker."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tamis
from tamis.errors import ArtifactMissing, InvalidOptions
from tests.pages.page_workspace import run_step


def made(data: tamis.Dataset, step: str, **options: object) -> str:
    """A result of a step that ran in this process; its id."""
    return run_step(data._workspace.path, data.id, step, options).id


def test_a_comparison_is_a_table_and_a_report(data: tamis.Dataset, tmp_path: Path) -> None:
    ids = [made(data, "select", budget=10, method=name) for name in ("random", "kmq")]
    made(data, "compare", selections=ids)
    found = data.compare(ids)
    assert data.compare([data.result(one) for one in ids]).id == found.id
    table = found.to_pandas().set_index("method")
    assert list(table.index) == ["kmq", "random"]
    assert (table["radius"] > 0).all()
    assert (table["vendi_low"] < table["vendi_high"]).all()
    assert found.notes
    alone = data.result("comparison").only_rows(1)
    assert set(alone.ids) == set(data.result(ids[0]).ids) - set(data.result(ids[1]).ids)
    assert "<html" in found.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert data.compare_methods(["random", "kmq"], budget=10, compare={"selections": ids}).id == found.id


def test_picks_and_scores_are_told_per_cluster(data: tamis.Dataset) -> None:
    picked = data.select(budget=10)
    table = picked.per_cluster().to_pandas()
    assert (table["size"].sum(), table["picked"].sum()) == (40, 10)
    means = data.score("alignment").per_cluster().to_pandas()["mean"]
    assert means.is_monotonic_increasing
    made(data, "select", budget=10, method="random", quality="none")
    assert picked.baseline().options["method"] == "random"
    assert len(picked.baseline()) == 10


def test_proposals_are_reviewed_row_by_row_and_by_rule(data: tamis.Dataset) -> None:
    made(data, "propose", method="filter", score="alignment", gamma=1.0)
    proposals = data.result("proposals")
    waiting = data.decisions.queue()
    assert len(waiting) == len(proposals.to_arrow()) == 40
    first, second = (int(row) for row in waiting.ids[:2])
    assert [one.decision.verdict for one in data.decisions.approve(first)] == ["drop"]
    assert [one.decision.verdict for one in data.decisions.reject(second, proposals)] == ["keep"]
    assert len(data.decisions.queue(proposals)) == 38
    assert len(data.decisions.queue(decided_too=True)) == 40
    progress = data.decisions.progress()
    assert (progress.n_decided, progress.n_left, progress.agreement_fraction) == (2, 38, 0.5)
    event = data.decisions.by_rule(
        tamis.ReviewRule(approves=True, measure="confidence", is_above=False, limit=2.0)
    )
    assert event.n_rows == 38
    assert len(data.decisions) == 40
    calibration = data.decisions.calibrate()
    assert (calibration.n_by_rule, calibration.bands) == (38, None)


def test_a_refinement_has_rounds_selections_and_an_end(data: tamis.Dataset) -> None:
    made(data, "refine", rounds=2, budget=10, control="random")
    refinement = data.result("refinement")
    assert refinement.rounds.to_pandas()["new"].tolist() == [5, 5]
    assert len(refinement.selection()) == 10
    assert len(refinement.selection(1)) == 5
    assert len(refinement.flags) == 0
    assert set(refinement.to_pandas()["round"]) == {0, 1, 2}
    with pytest.raises(InvalidOptions, match="rounds go from 1 to 2"):
        refinement.selection(3)
    longer = refinement.more_rounds(1, wait=False)
    assert longer.options["continue_from"] == refinement.id
    if not longer.status.final:
        longer.cancel()
    assert refinement.id in refinement.delete()
    if longer.status == "succeeded":  # a round at random may be done before they are cancelled
        data.result("refinement").delete()
    with pytest.raises(tamis.errors.UnknownName, match="refinement"):
        data.result("refinement")


def test_adapters_are_listed_and_found(ws: tamis.Workspace) -> None:
    assert len(ws.adapters()) == len(ws.models()) == 0
    with pytest.raises(ArtifactMissing, match=r"no adapter 'x'.*Known: none"):
        ws.adapter("adapter:x")


def test_a_version_says_what_it_changed(data: tamis.Dataset) -> None:
    data.decisions.decide([3, 4], "drop")
    data.decisions.decide(7, "replace", response="New.")
    version = data.apply(progress=False)
    changes = version.changes().to_pandas()
    assert changes["kind"].tolist() == ["dropped", "dropped", "edited"] or set(changes["kind"]) <= {
        "dropped", "edited", "corrected",
    }  # fmt: skip
    assert changes["old_id"].tolist() == [3, 4, 7]
    assert set(changes["reviewer"]) == {"ann"}
    with pytest.raises(InvalidOptions, match="not made from another"):
        data.changes()


def test_rejected_lines_are_shown_and_written(data: tamis.Dataset, tmp_path: Path) -> None:
    assert len(data.rejects) == sum(data.rejects.reasons.values()) == 3
    reason, raw = data.rejects.show(41)
    assert (bool(reason), raw) == (True, "no json")
    assert data.rejects.export(tmp_path / "rejects.jsonl") == 3
    assert data.rejects.to_pandas()["line"].tolist() == [41, 42, 43]


def test_what_is_missing_is_run_and_what_is_there_is_not(data: tamis.Dataset) -> None:
    queued = data.run_missing(wait=False)
    assert [job.step for job in queued] == ["score"] * len(queued)
    assert all(isinstance(job, tamis.JobHandle) for job in queued)
    assert data.run_missing(progress=False) is data
    assert {job.step for job in data.jobs()} <= {"score"}
    assert data.scores("alignment").id == data.result("scores").id or data.scores("length")


def test_what_is_installed_is_a_table(ws: tamis.Workspace) -> None:
    found = ws.doctor().to_pandas()
    assert {"Tamis", "Packages", "Devices"} <= set(found["section"])
    assert str(ws.path) in found["value"].tolist()


def test_an_edit_is_a_decision_of_one_who_read_the_row(data: tamis.Dataset) -> None:
    assert data.decisions.edit(3, response="Read, and written anew.").decision.via == "edit"
    summary = data.decisions.summary()
    assert (summary.by_verdict["replace"], summary.by_reviewer) == (1, {"ann": 1})
    with pytest.raises(InvalidOptions, match="the new response, or the new messages"):
        data.decisions.edit(3)


def test_selections_are_trained_alike(data: tamis.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tamis.actions.jobs.refresh_jobs", lambda _: None)  # queued is enough
    picked = [data.result("selection"), data._workspace.artifacts.get(data.id, "selection", _other(data)).id]
    jobs = data.finetune_selections(picked, n_held_out=10, n_seeds=2, num_train_epochs=1)
    assert len(jobs) == 4
    assert len({job.options["held_out"] for job in jobs}) == 1
    for job in jobs:
        job.cancel(wait=False)
    with pytest.raises(InvalidOptions, match="train 2 or more"):
        data.finetune_selections(picked[:1])


def _other(data: tamis.Dataset) -> str:
    return made(data, "select", budget=10, method="random")


def test_planted_faults_are_found_or_not(
    ws: tamis.Workspace, pipeline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is measured is tested where it is measured; here, that options arrive and that a table comes back."""
    from tamis.actions.bench_noise import NoiseBench, NoiseFound

    asked: list[NoiseBench] = []

    def measure(path: Path, bench: NoiseBench, **_: object) -> NoiseFound:
        asked.append(bench)
        return NoiseFound(40, np.array([3, 5]), {"confidence": 0.9, "length": 0.5}, 0.8, 0.6, "model", {})

    monkeypatch.setattr("tamis.api.benchmarks.measure", measure)
    found = ws.bench_noise(
        pipeline.parent / "questions.jsonl", noise="truncate", rate=0.05, clear={"gamma": 0.2}
    )
    assert (asked[0].noise, asked[0].rate_fraction, asked[0].clear.gamma) == ("truncate", 0.05, 0.2)
    assert found.to_pandas().set_index("score")["auroc"].to_dict() == {"confidence": 0.9, "length": 0.5}
    assert (found.kept_half, found.noisy_rows.tolist()) == ((0.8, 0.6), [3, 5])
    assert repr(found).startswith("2 of 40 rows spoilt by 'truncate'")
