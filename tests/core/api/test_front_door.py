"""A workspace in Python: datasets, steps, results and jobs, as small as they look."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest

import tamis
from tamis.api.steps import RUNNING
from tamis.errors import (
    ArtifactMissing,
    DatasetMissing,
    InvalidOptions,
    JobConflict,
    JobFailed,
    UnknownName,
    UnreadableFile,
)
from tamis.steps import STEPS
from tamis.steps.option_values import named_options, plugin_groups
from tests.pages.page_workspace import alpaca_file

METHODS = [
    name for name in STEPS if name not in ("import", "curate", "referee", "worth")
]  # import_file, apply, and what holds rows out first, a referee and a worth, are their methods


@pytest.mark.parametrize("step", METHODS)
def test_every_step_is_a_method_that_documents_every_option(step: str) -> None:
    method = getattr(tamis.Dataset, step)
    signature, said = inspect.signature(method).parameters, inspect.getdoc(method) or ""
    for name in named_options(step, {}):
        assert name in signature
        assert f"    {name}: " in said
    for _, plugin, options in plugin_groups(step):
        assert plugin.name in said
        assert all(f"    {option.name}: " in said for option in options)
    assert set(RUNNING) <= set(signature)


@pytest.mark.parametrize("step", STEPS)
def test_no_option_is_called_as_what_says_how_a_step_is_run(step: str) -> None:
    names = set(named_options(step, {})) | {one.name for _, _, group in plugin_groups(step) for one in group}
    assert not names & {*RUNNING, "self"}


def test_every_table_comes_as_arrow_pandas_and_numpy(data: tamis.Dataset, ws: tamis.Workspace) -> None:
    tables = (
        ws.datasets(),
        data.columns,
        data.tags,
        data.clusters,
        data.rejects,
        data.decisions,
        data.jobs(),
        data.results(),
    )
    for table in tables:
        arrow, array = table.to_arrow(), table.to_numpy()
        assert len(array) == arrow.num_rows == len(table.to_pandas())
        assert array.dtype.names == tuple(arrow.column_names)
    assert data.clusters.to_numpy()["size"].sum() == 40


def test_what_cannot_be_changed_says_so_in_a_sentence(data: tamis.Dataset) -> None:
    picked = tamis.random(budget=2, n_rows=5)
    for one in (
        data,
        data.tags,
        data.columns,
        picked,
        data.results()[0],
        data.forecast("select", budget=5, method="random"),
    ):
        for name in ("note", "budget", "_workspace"):
            with pytest.raises(AttributeError, match=f"cannot be changed, so '{name}' cannot be set"):
                setattr(one, name, 1)


def test_what_was_computed_is_found_and_comes_as_arrays(data: tamis.Dataset) -> None:
    vectors = data.embed("hashing").to_numpy()
    clustering = data.cluster(n_clusters=4)
    assert vectors.shape[0] == len(data) == len(clustering.to_numpy()) == 40
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert clustering.to_pandas()["size"].sum() == 40
    assert data.project(method="pca").to_numpy().shape == (40, 2)
    scores = data.score("alignment")
    assert scores.to_pandas()["score"].to_numpy() == pytest.approx(scores.to_numpy(), nan_ok=True)
    assert data.scores("alignment").id == scores.id
    picked = data.select(budget=10)
    assert len(picked) == len(picked.ids) == len(picked.rows) == len(picked.to_pandas()) == 10
    assert set(picked.ids) == set(picked.rows.ids)


def test_arrays_of_a_dataset_give_the_selection_of_the_step(data: tamis.Dataset) -> None:
    picked = data.select(budget=10)
    arrays = data.embed("hashing").to_numpy(), data.score("alignment").to_numpy()
    assert tamis.kmq(*arrays, budget=10, n_clusters=4).ids.tolist() == picked.ids.tolist()


def test_options_of_a_result_make_it_again(data: tamis.Dataset) -> None:
    picked = data.select(budget=10)
    assert data.select(**picked.options).id == picked.id
    clustering = data.cluster(n_clusters=4)
    assert data.cluster(**clustering.options).id == clustering.id
    assert picked.inputs["clustering"] == clustering.id


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda d: d.cluster(n_cluster=3), InvalidOptions, "cluster has no option 'n_cluster'. Known: .*n_clusters"),
        (lambda d: d.cluster(n_clusters=-1), InvalidOptions, "n_clusters = -1"),
        (lambda d: d.cluster(n_clusters="many"), InvalidOptions, "n_clusters = 'many'"),
        (lambda d: d.score("alignement"), UnknownName, "alignement.*Known: alignment"),
        (lambda d: d.select(budget=0.5), InvalidOptions, "not whole"),
        (lambda d: d.select(quality="pmi"), ArtifactMissing, "Run 'score' first"),
        (lambda d: d.select(pinned=[40]), InvalidOptions, "There is no row 40 for pinned: rows go from 0 to 39"),
        (lambda d: d.select(within=np.ones(3, dtype=bool)), InvalidOptions, r"within is a mask of shape \(3,\)"),
        (lambda d: d.select(within="tag:nothing"), InvalidOptions, "No row of .* has the tag 'nothing'"),
        (lambda d: d.select("kmq", "random"), TypeError, "one option without its name, method"),
        (lambda d: d.score("alignment", scorer="length"), TypeError, "scorer twice"),
        (lambda d: d.embed("hashing", backend="moon"), UnknownName, "moon"),
        (lambda d: d.embed("hashing", resources={"gpu": 1}), InvalidOptions, "gpu is not an option here"),
        (lambda d: d.scores("pmi"), UnknownName, "pmi.*Known: alignment"),
        (lambda d: d.result("adapter"), UnknownName, "adapter.*Known: .*selection"),
        (lambda d: d.search("abc", by="row"), InvalidOptions, "no row abc: rows go from 0 to"),
        (lambda d: d.search(-1, by="row"), InvalidOptions, "no row -1: rows go from 0 to"),
        (lambda d: d.search(10**6, by="row"), InvalidOptions, "no row 1000000"),
        (lambda d: d.search(1, by="row", k=-1), InvalidOptions, "k = -1"),
        (lambda d: d.search("x", by="meaning", k=0), InvalidOptions, "k = 0"),
        (lambda d: d.search("x", by="smell"), UnknownName, "smell.*Known: meaning, pattern, row, words"),
        (lambda d: d.apply(), InvalidOptions, "Nothing is decided"),
        (lambda d: d.rename(" "), InvalidOptions, "at least one character"),
    ],
)  # fmt: skip
def test_errors_are_those_of_the_command_line(data: tamis.Dataset, call, error, said: str) -> None:
    with pytest.raises(error, match=f"(?s){said}"):
        call(data)


def test_rows_are_named_by_numbers_masks_rows_selections_and_tags(data: tamis.Dataset) -> None:
    ids = [3, 7, 21]
    mask = np.zeros(40, dtype=bool)
    mask[ids] = True
    data.tags.add("mine", ids)
    picked = data.select(budget=10)
    named = [ids, np.array(ids), mask, data.rows().where("rows", ids), "tag:mine", data.tags.rows("mine")]
    jobs = [data.select(budget=5, method="random", pinned=rows, wait=False) for rows in named]
    assert len({job.options["pinned"] for job in jobs}) == 1
    within = data.select(budget=5, method="random", within=picked, wait=False)
    assert (
        within.options["within"]
        == data.select(budget=5, method="random", within=picked.rows, wait=False).options["within"]
    )
    for job in (*jobs, within):
        if not job.status.final:
            job.cancel()


def test_a_job_is_looked_at_cancelled_and_forgotten(data: tamis.Dataset) -> None:
    job = data.select(budget=12, wait=False, priority=3)
    assert job.status in ("queued", "running", "succeeded")
    assert job.step == "select"
    assert [one.id for one in data.jobs()] == [job.id]
    if not job.status.final:
        job.cancel()
    ended = job.wait(progress=False)
    assert ended is job
    assert job.status in ("cancelled", "succeeded")
    if job.status == "cancelled":
        with pytest.raises(JobFailed, match="select cancelled") as failed:
            job.result()
        assert failed.value.job_id == job.id
    assert repr(job).startswith(f"Job {job.id}: select of {data.id}, {job.status}")
    job.delete()
    assert len(data.jobs()) == 0


def test_a_bar_shows_only_while_one_waits(data: tamis.Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    lengths = data.score("length")
    assert "100%" in capsys.readouterr().err
    assert data.score("length").id == lengths.id
    data.score("length", unit="characters", progress=False)
    assert capsys.readouterr() == ("", "")
    assert lengths.to_numpy().shape == (40,)


def test_a_dataset_is_imported_decided_about_and_applied(tmp_path: Path) -> None:
    ws = tamis.open(tmp_path / "new", reviewer="ann")
    assert len(ws.datasets()) == 0
    data = ws.import_file(alpaca_file(tmp_path, 12, bad_lines=2), name="Twelve", progress=False)
    assert (data.name, len(data), len(data.rejects)) == ("Twelve", 12, 2)
    assert "no json" in repr(data.rejects)
    data.decisions.decide([2, 5], "drop", reason="too short")
    data.decisions.decide(7, "replace", response="A better answer.")
    made = data.apply("Ten", progress=False)
    assert (made.name, len(made), made.parent) == ("Ten", 10, data.id)
    assert "A better answer." in [turns[-1]["content"] for turns in made.rows().messages()]
    written = made.export(tmp_path / "ten.jsonl", format="messages")
    assert written.n_rows == 10
    assert tamis.replay(data.export(tmp_path / "all.jsonl").manifest_path, progress=False)


def test_rows_in_memory_are_imported(tmp_path: Path) -> None:
    ws = tamis.open(tmp_path / "new")
    lines = [{"instruction": f"Question {i}?", "output": f"Answer {i}.", "n": np.int64(i)} for i in range(6)]
    listed = ws.import_rows(lines, name="Listed", progress=False)
    assert len(listed) == 6
    frame = listed.rows().to_pandas(["prompt", "response"]).assign(score=[0.5, None, 1, 2, 3, 4])
    framed = ws.import_rows(frame.rename(columns={"response": "completion"}), name="Framed", wait=False)
    assert framed.result(progress=False).rows().messages() == listed.rows().messages()
    with pytest.raises(InvalidOptions, match="Row 1 is str"):
        ws.import_rows([{"instruction": "a", "output": "b"}, "c"], name="Odd")
    with pytest.raises(InvalidOptions, match="Row 0 cannot be written as JSON"):
        ws.import_rows([{"instruction": object()}], name="Odd")


def test_a_setting_that_cannot_be_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAMIS_CPU_SLOTS", "0")
    with pytest.raises(InvalidOptions, match="TAMIS_CPU_SLOTS = '0'"):
        tamis.open("anywhere")


def test_a_file_that_cannot_be_read_is_refused_before_a_job(ws: tamis.Workspace, tmp_path: Path) -> None:
    (tmp_path / "nothing.jsonl").write_text("[1, 2]\n")
    with pytest.raises(UnreadableFile, match=r"nothing\.jsonl"):
        ws.import_file(tmp_path / "nothing.jsonl")
    assert len(ws.jobs()) == 0


def test_a_dataset_is_found_renamed_deleted_and_put_back(ws: tamis.Workspace, data: tamis.Dataset) -> None:
    assert ws.dataset(data.id).id == ws.datasets()[0].id == data.id
    assert data.rename("Answers").name == "Answers"
    with pytest.raises(DatasetMissing, match="Answers"):
        ws.dataset("Questions")
    ws.delete("Answers")
    assert len(ws.datasets()) == 0
    assert [entry.dataset_id for entry in ws.trash()] == [data.id]
    assert [line["name"] for line in ws.trash().to_arrow().to_pylist()] == ["Answers"]
    assert ws.restore(data.id).name == "Answers"
    ws.dataset("Answers").delete()
    assert ws.empty_trash() == 1
    assert len(ws.trash()) == 0


def test_a_dataset_with_a_job_under_way_stays(data: tamis.Dataset) -> None:
    job = data.select(budget=11, wait=False)
    if not job.status.final:
        with pytest.raises(JobConflict, match="under way"):
            data.delete()
        job.cancel()


def test_what_a_run_will_take_is_said_before_it(data: tamis.Dataset) -> None:
    found = data.forecast("score", scorer="length")
    assert (found.step, found.rows) == ("score", 40)
    with pytest.raises(InvalidOptions, match="no option"):
        data.forecast("score", sorer="length")
    assert len(data.jobs()) == 0


def test_objects_do_not_change(ws: tamis.Workspace, data: tamis.Dataset) -> None:
    for one in (ws, data, data.select(budget=10), data.rows(), data.tags, data.clusters):
        with pytest.raises(AttributeError):
            one._workspace = None
    with pytest.raises(ValueError, match="read-only"):
        data.rows().ids[0] = 5
