"""A damaged artifact is never lost: it stands, and is told, until the very same is there again."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tamis.actions.adapters import export_adapter
from tamis.actions.given_scores import import_scores, take_column
from tamis.actions.imports import plan_paths, start_import
from tamis.actions.row_tokens import keep_row_tokens
from tamis.actions.selection_origin import BASE, EDITS
from tamis.actions.submit import submit
from tamis.actions.verify import Verification, make_again, verify
from tamis.actions.why_row import REPLACE, replace_row
from tamis.cli.main import run
from tamis.compute.cluster.levels import Level
from tamis.errors import ArtifactDamaged, CurationError
from tamis.jobs.scheduler import queue
from tamis.models.adapters import adapter_folder
from tamis.steps.curate.options import CurateOptions
from tamis.store.artifacts.digests import _known_digest
from tamis.store.artifacts.frozen_rows import freeze_rows
from tamis.store.artifacts.readers import read_selected_ids
from tamis.store.artifacts.store import SET_ASIDE, Artifact
from tamis.store.artifacts.view import open_view
from tamis.store.map.column_files import open_column
from tamis.store.map.level_files import keep_levels, read_levels
from tamis.store.map.tile_files import open_tiles
from tamis.store.review.decisions import decide
from tamis.store.review.frozen_decisions import freeze_decisions
from tamis.store.workspace import Workspace, open_workspace
from tests.pages.fine_tuned import write_adapter
from tests.pages.page_workspace import add_target, alpaca_file, import_file, run_pipeline, run_step

Say = Callable[..., str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A workspace with an artifact of every kind that is made in a moment, and the file it came from beside it."""
    root = tmp_path_factory.mktemp("made")
    source = alpaca_file(root)
    path = root / "workspace"
    dataset = import_file(path, source)
    picked = run_pipeline(path, dataset)
    workspace = open_workspace(path)
    run_step(path, dataset, "project", {"method": "pca"})
    other = run_step(path, dataset, "select", {"method": "random", "budget": 8})
    run_step(path, dataset, "compare", {"selections": [picked.id, other.id]})
    run_step(path, dataset, "propose", {"method": "filter", "score": "alignment", "gamma": 0.5})
    rows = read_selected_ids(picked).tolist()
    replace_row(workspace, dataset, picked.id, rows[0], next(one for one in range(40) if one not in rows))
    take_column(workspace.artifacts, dataset, "response_chars")
    given = root / "scores.csv"
    given.write_text("row,score\n" + "".join(f"{row},{row / 7}\n" for row in range(40)))
    import_scores(workspace, dataset, given, name="mine")
    keep_row_tokens(workspace.artifacts, dataset, "smollm2", "sft_lora", {})
    add_target(path, dataset)
    freeze_rows(workspace.artifacts, dataset, read_selected_ids(picked), "a few")
    decide(workspace.database, dataset, 3, verdict="drop", via="reject", reviewer="ann")
    frozen = freeze_decisions(workspace, dataset)
    assert frozen is not None
    examples = workspace.artifacts.examples(dataset)
    options = CurateOptions(parent=dataset, parent_examples=examples.id, decisions=frozen.id, name="v2")
    run_step(path, "questions-v2", "curate", options.model_dump(mode="json"))
    assert verify(workspace).is_sound
    return root, dataset


@pytest.fixture
def place(made: tuple[Path, str], tmp_path: Path) -> Iterator[tuple[Workspace, str, Path]]:
    """A copy of it; the recorded paths lead to the source of before, which each test may move away and back."""
    root, dataset = made
    shutil.copytree(root / "workspace", tmp_path / "workspace")
    (tmp_path / "workspace" / "tamis.sqlite.place").unlink(missing_ok=True)
    source = root / "questions.jsonl"
    whole = source.read_bytes()
    yield open_workspace(tmp_path / "workspace"), dataset, source
    source.write_bytes(whole)


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


def _artifacts(workspace: Workspace) -> list[Artifact]:
    return [one for dataset in workspace.artifacts.dataset_ids() for one in workspace.artifacts.list(dataset)]


def _run_queued(workspace: Workspace) -> None:
    """What is queued now, in this process."""
    from tamis.jobs import job_table
    from tamis.jobs.model import JobState
    from tamis.steps.execute import Task, execute
    from tests.pages.page_workspace import _Silent

    for job in reversed(job_table.list_jobs(workspace.database, states=[JobState.QUEUED])):
        task = Task(job.dataset_id, job.step, job.options, job.inputs, job.input_kinds, job.artifact_id)
        execute(workspace.artifacts, task, _Silent())
        with workspace.database.writing() as connection:
            job_table.change(connection, job, {"state": JobState.SUCCEEDED})


def _kinds(found: Verification) -> set[tuple[str, str]]:
    return {(one.kind, one.artifact_id) for one in found.damaged}


def test_every_kind_with_a_flipped_bit_is_made_again_as_it_was(place: tuple[Workspace, str, Path]) -> None:
    workspace, _, _ = place
    artifacts = _artifacts(workspace)
    assert {one.kind for one in artifacts} >= {
        "examples", "embeddings", "clustering", "projection", "scores", "selection", "comparison", "proposals", "target",
        "rows", "decisions",
    }  # fmt: skip
    for one in artifacts:
        file = max((one.path / name for name in one.manifest.files), key=lambda path: path.stat().st_size)
        whole = file.read_bytes()
        _flip(file)
        (damage,) = verify(workspace).damaged
        again = make_again(workspace, damage)
        if not isinstance(again, Artifact):  # until its job is done, the damaged one stands where it was
            assert _kinds(verify(workspace)) == {(one.kind, one.id)}
            assert again.mends
            _run_queued(workspace)
        found = verify(workspace)
        assert found.is_sound, one.kind
        assert file.read_bytes() == whole or one.kind in ("comparison", "proposals"), one.kind
        assert found.set_aside == (one.path.with_name(f".{one.id}{SET_ASIDE}"),)
        shutil.rmtree(found.set_aside[0])


@pytest.mark.parametrize("state", ["absent", "changed", "a folder"])
def test_a_dataset_whose_file_is_gone_stays_in_sight_as_damaged(
    place: tuple[Workspace, str, Path], state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace, dataset, source = place
    examples = workspace.artifacts.examples(dataset)
    _flip(examples.path / "examples.parquet")
    before = sorted(path.name for path in examples.path.parent.iterdir())
    if state == "changed":
        source.write_bytes(source.read_bytes().replace(b"Answer 1 ", b"Answer X "))
    else:
        source.unlink()
    if state == "a folder":
        source.mkdir()
    for _ in range(2):
        assert run(["--workspace", str(workspace.path), "doctor", "--verify", "--recompute"]) == 1
        said = capsys.readouterr().out
        assert "bring back the file as it was" in said and "take it from a backup" in said
        assert "Field required" not in said and "input_value" not in said
        assert sorted(path.name for path in examples.path.parent.iterdir()) == before
        assert _kinds(verify(workspace)) == {("examples", examples.id)}
    run(["--workspace", str(workspace.path), "datasets"])
    assert dataset in capsys.readouterr().out
    if state == "a folder":
        source.rmdir()


def test_a_file_that_changes_before_its_job_runs_replaces_nothing(
    place: tuple[Workspace, str, Path],
) -> None:
    workspace, dataset, source = place
    examples = workspace.artifacts.examples(dataset)
    _flip(examples.path / "examples.parquet")
    make_again(workspace, verify(workspace).damaged[0])
    source.write_bytes(source.read_bytes().replace(b"Answer 1 ", b"Answer X "))
    with pytest.raises(CurationError, match="has changed since the import was agreed to"):
        _run_queued(workspace)
    assert _kinds(verify(workspace)) == {("examples", examples.id)}


def test_what_nothing_is_known_of_is_said_in_a_sentence(place: tuple[Workspace, str, Path]) -> None:
    workspace, _, _ = place
    for one in _artifacts(workspace):
        _flip(one.path / "manifest.json")
    found = verify(workspace)
    assert len(found.damaged) == found.n_artifacts
    for damage in found.damaged:
        with pytest.raises(CurationError, match="take it from a backup"):
            make_again(workspace, damage)
    assert _kinds(verify(workspace)) == _kinds(found)


def test_every_byte_of_a_manifest_counts(place: tuple[Workspace, str, Path]) -> None:
    workspace, dataset, _ = place
    path = workspace.artifacts.examples(dataset).path / "manifest.json"
    whole = path.read_bytes()
    for position in range(0, len(whole), 13):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        assert not verify(workspace).is_sound, (position, whole[position - 20 : position + 20])
        with pytest.raises(ArtifactDamaged, match="tamis doctor --verify --recompute"):
            workspace.artifacts.examples(dataset)


def test_a_dataset_whose_description_is_damaged_is_not_called_missing(
    place: tuple[Workspace, str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workspace, dataset, _ = place
    _flip(workspace.artifacts.examples(dataset).path / "manifest.json")
    assert run(["--workspace", str(workspace.path), "datasets"]) == 0
    said = capsys.readouterr()
    assert "is damaged" in said.err and "No datasets yet" not in said.out
    for named in (dataset, "Questions"):
        assert run(["--workspace", str(workspace.path), "rows", "list", "--dataset", named]) == 2
        assert "is damaged" in capsys.readouterr().err


def test_what_a_crash_left_aside_is_found_and_made_again(place: tuple[Workspace, str, Path]) -> None:
    workspace, dataset, _ = place
    examples = workspace.artifacts.examples(dataset)
    _flip(examples.path / "examples.parquet")
    examples.path.rename(examples.path.with_name(f".{examples.id}{SET_ASIDE}"))
    (damage,) = verify(workspace).damaged
    assert "nothing is in its place" in damage.what[-1]
    assert workspace.artifacts.damaged_dataset_ids() == [dataset]
    make_again(workspace, damage)
    _run_queued(workspace)
    assert verify(workspace).is_sound
    assert workspace.artifacts.examples(dataset).id == examples.id


def test_what_a_map_keeps_beside_is_no_artifact(place: tuple[Workspace, str, Path]) -> None:
    workspace, dataset, _ = place
    kept = workspace.artifacts.datasets_path / dataset / ".maps" / "abc"
    kept.mkdir(parents=True)
    (kept / "tiles").write_bytes(b"x")
    assert verify(workspace).is_sound


def test_what_is_damaged_is_made_after_what_it_is_made_from(place: tuple[Workspace, str, Path]) -> None:
    workspace, dataset, _ = place
    _flip(workspace.artifacts.examples(dataset).path / "examples.parquet")
    make_again(workspace, verify(workspace).damaged[0])
    _run_queued(workspace)  # the examples are the newest of all by now, and still come first
    for kind in ("selection", "clustering", "embeddings", "examples"):
        for one in workspace.artifacts.list(dataset, kind):
            _flip(max((one.path / name for name in one.manifest.files), key=lambda path: path.stat().st_size))
    queued = {}
    for damage in verify(workspace).damaged:
        try:
            again = make_again(workspace, damage)
        except CurationError:  # an edit by hand, of a selection that is not there yet
            assert damage.kind == "selection"
            continue
        assert isinstance(again, queue.Submission)
        queued[damage.kind] = again.job
    asked = sorted(queued, key=lambda kind: queued[kind].job_id)  # of several selections the last
    assert asked == ["examples", "embeddings", "clustering", "selection"]
    assert queued["clustering"].waits_for == tuple(
        sorted((queued["examples"].job_id, queued["embeddings"].job_id))
    )
    _run_queued(workspace)
    (last,) = verify(workspace).damaged
    make_again(workspace, last)
    assert verify(workspace).is_sound


# What was computed is used again only where it is what was computed.


def test_no_step_uses_a_damaged_result_again(place: tuple[Workspace, str, Path]) -> None:
    workspace, _, _ = place
    for one in _artifacts(workspace):
        if one.manifest.step not in ("embed", "cluster", "project", "score", "select"):
            continue
        damaged = max((one.path / name for name in one.manifest.files), key=lambda path: path.stat().st_size)
        whole = damaged.read_bytes()
        asked = (workspace, one.manifest.dataset_id, one.manifest.step, one.manifest.options)
        assert submit(*asked).already_done
        _flip(damaged)
        done = submit(*asked)
        assert not done.already_done and "holds other bytes" in done.mends[0], one.kind
        _run_queued(workspace)
        assert damaged.read_bytes() == whole
        assert submit(*asked).already_done


def test_an_import_of_what_is_damaged_is_an_import(place: tuple[Workspace, str, Path]) -> None:
    workspace, dataset, source = place
    plan = plan_paths([str(source)], name="Questions")
    assert start_import(workspace, plan).already_done
    _flip(workspace.artifacts.examples(dataset).path / "examples.parquet")
    done = start_import(workspace, plan)
    assert not done.already_done and done.mends
    _run_queued(workspace)
    assert verify(workspace).is_sound


def test_nothing_that_is_made_at_once_is_used_damaged(place: tuple[Workspace, str, Path]) -> None:
    workspace, dataset, _ = place
    store = workspace.artifacts
    edited = next(one for one in store.list(dataset, "selection") if one.manifest.step == REPLACE)
    picked = store.get(dataset, "selection", edited.manifest.inputs[BASE])
    ((out, into),) = edited.manifest.options[EDITS]
    makers: list[tuple[str, Callable[[], Artifact | None]]] = [
        ("scores", lambda: take_column(store, dataset, "response_chars")),
        ("rows", lambda: freeze_rows(store, dataset, read_selected_ids(picked), "a few")),
        ("decisions", lambda: freeze_decisions(workspace, dataset)),
        ("target", lambda: add_target(workspace.path, dataset)),
        ("selection", lambda: replace_row(workspace, dataset, picked.id, out, into)),
    ]
    for kind, make in makers:
        there = make()
        assert there is not None and there.kind == kind
        _flip(max((there.path / name for name in there.manifest.files), key=lambda path: path.stat().st_size))
        again = make()
        assert again is not None and again.id == there.id
        assert not again.damage(), kind


def test_a_bit_that_flips_behind_the_clock_is_found(place: tuple[Workspace, str, Path]) -> None:
    import os

    workspace, dataset, _ = place
    one = workspace.artifacts.list(dataset, "embeddings")[0]
    path = one.path / "prompt.npy"
    assert not one.damage()
    before = path.stat()
    with path.open("r+b") as stream:
        stream.seek(-5, 2)
        byte = stream.read(1)
        stream.seek(-5, 2)
        stream.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert one.damage()


def test_reading_again_costs_nothing_while_nothing_changed(
    place: tuple[Workspace, str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, dataset, _ = place
    one = workspace.artifacts.list(dataset, "embeddings")[0]
    _known_digest.cache_clear()
    one.damage()
    monkeypatch.setattr("tamis.store.artifacts.digests.digest_of", lambda path: pytest.fail(f"{path} again"))
    assert not one.damage()
    assert submit(workspace, dataset, "embed", one.manifest.options).already_done


def test_a_job_that_fails_leaves_the_damaged_one_in_its_place(
    place: tuple[Workspace, str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, dataset, _ = place
    one = workspace.artifacts.list(dataset, "clustering")[0]
    _flip(max((one.path / name for name in one.manifest.files), key=lambda path: path.stat().st_size))
    make_again(workspace, verify(workspace).damaged[0])

    def full(_: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tamis.store.durable.sync_tree", full)
    with pytest.raises(OSError, match="No space left"):
        _run_queued(workspace)
    monkeypatch.undo()
    assert _kinds(verify(workspace)) == {("clustering", one.id)}
    _run_queued(workspace)
    assert verify(workspace).is_sound


def test_one_command_makes_a_dataset_again_and_looks(
    place: tuple[Workspace, str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workspace, dataset, _ = place
    _flip(workspace.artifacts.examples(dataset).path / "examples.parquet")
    assert run(["--workspace", str(workspace.path), "doctor", "--verify", "--recompute"]) == 0
    said = capsys.readouterr().out
    assert "import succeeded" in said and "1 damaged" in said and "every file is what was written" in said
    assert verify(workspace).is_sound
    assert json.loads((workspace.artifacts.examples(dataset).path / "manifest.json").read_bytes())["seal"]


def test_weights_that_are_damaged_are_neither_loaded_nor_handed_on(
    place: tuple[Workspace, str, Path], tmp_path: Path
) -> None:
    workspace, dataset, _ = place
    adapter = write_adapter(workspace.path, dataset)
    weights = adapter_folder(f"adapter:{adapter.id}", workspace.path)
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        whole = (weights / name).read_bytes()
        _flip(weights / name)
        with pytest.raises(ArtifactDamaged, match=f"{name} holds other bytes"):
            adapter_folder(f"adapter:{adapter.id}", workspace.path)
        with pytest.raises(ArtifactDamaged):
            export_adapter(workspace, adapter.id, tmp_path / "exported")
        assert not (tmp_path / "exported").exists()
        assert _kinds(verify(workspace)) == {("adapter", adapter.id)}
        (weights / name).write_bytes(whole)
    assert export_adapter(workspace, adapter.id, tmp_path / "exported").is_dir()


def test_a_map_shows_no_flipped_bit(place: tuple[Workspace, str, Path]) -> None:
    """Tiles of a layout are refused; what is kept beside for it is made anew."""
    workspace, dataset, _ = place
    view = open_view(workspace.artifacts, dataset)
    layout = view.require("layout")
    assert "tiles.npy" in layout.manifest.files
    tiles = open_tiles(layout)
    for name in ("tiles.npy", "order.npy", "places.npy", "tiles.json"):
        whole = (layout.path / name).read_bytes()
        _flip(layout.path / name)
        with pytest.raises(ArtifactDamaged, match=name):
            open_tiles(layout)
        (layout.path / name).write_bytes(whole)
    column = open_column(layout, tiles, view, "cluster")
    keywords = [["a"], ["b"], ["c"], ["d"]]
    keep_levels(view.require("clustering"), [Level(np.arange(4), keywords)])
    of_old = view.require("embeddings")
    built = open_tiles(of_old)
    kept = [
        path for path in (layout.path.parent.parent / ".maps").rglob("*") if path.suffix in (".npy", ".json")
    ]
    assert len(kept) >= 3
    for path in kept:
        whole = path.read_bytes()
        for position in range(0, len(whole), max(1, len(whole) // 40)):
            path.write_bytes(whole[:position] + bytes([whole[position] ^ 2]) + whole[position + 1 :])
            again = open_column(layout, tiles, view, "cluster")
            assert (again.values, again.counts, again.kind) == (column.values, column.counts, column.kind)
            assert np.array_equal(again.codes, column.codes), (path, position)
            assert np.array_equal(open_tiles(of_old).places, built.places)
            levels = read_levels(view.require("clustering"))
            assert levels is None or (levels[0].keywords, levels[0].group.tolist()) == (
                keywords,
                [0, 1, 2, 3],
            )
            path.write_bytes(whole)
