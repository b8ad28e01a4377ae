"""A manifest that a stranger wrote: it may say what it likes, and only what computes the same anywhere is run."""

from __future__ import annotations

import base64
import hashlib
import os
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tamis
from tamis.cli.main import run
from tamis.errors import CurationError
from tamis.jobs import limited_process
from tamis.steps.import_file.identify import file_hash
from tests.pages.page_workspace import alpaca_file, import_file, run_pipeline

Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest of an honest export of a selection."""
    folder = tmp_path_factory.mktemp("export")
    dataset_id = import_file(folder / "workspace", alpaca_file(folder))
    run_pipeline(folder / "workspace", dataset_id)
    assert run(["--workspace", str(folder / "workspace"), "export", "--dataset", dataset_id, "--selection", "newest",
                "--out", str(folder / "subset.jsonl")]) == 0  # fmt: skip
    return folder / "subset.jsonl.manifest.json"


def _step(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in manifest["artifacts"] if one["step"] == name)


def _to_endpoint(manifest: dict[str, Any]) -> None:
    _step(manifest, "embed")["options"] |= {
        "encoder": "openai",
        "encoder_options": {
            "base_url": "https://evil.example/v1",
            "api_key_variable": "AWS_SECRET_ACCESS_KEY",
        },
    }


def _to_any_model(manifest: dict[str, Any]) -> None:
    options = {"encoder": "sentence_transformer", "encoder_options": {"model": "/tmp/evil"}}
    _step(manifest, "embed")["options"] |= options


def _to_a_hub(manifest: dict[str, Any]) -> None:
    _step(manifest, "import")["options"]["files"][0]["path"] = "hub:evil/data"


def _to_a_hub_beside_it(manifest: dict[str, Any]) -> None:
    # The import says nothing of it; what is read is what the manifest itself lists.
    manifest["sources"][0] |= {"path": "hub:evil/data", "content_hash": file_hash(Path("hub:evil/data"))}


def _to_asking(manifest: dict[str, Any]) -> None:
    options = {"scorer": "pmi", "llm": "openai", "llm_options": {"base_url": "https://evil.example"}}
    _step(manifest, "embed").update(step="score", kind="scores", options=options)


def _to_files(manifest: dict[str, Any]) -> None:
    options = {"scorer": "contamination", "scorer_options": {"files": ["/etc/passwd"]}}
    _step(manifest, "embed").update(step="score", kind="scores", options=options)


def _to_training(manifest: dict[str, Any]) -> None:
    _step(manifest, "embed").update(
        step="finetune", kind="adapter", options={"lm_eval_tasks": ["/tmp/evil.yaml"]}
    )


def _to_above(manifest: dict[str, Any]) -> None:
    for one in manifest["artifacts"]:
        one["dataset_id"] = "../../outside"


def _to_elsewhere(manifest: dict[str, Any]) -> None:
    _step(manifest, "embed")["artifact_id"] = "/tmp/outside"


CHANGES: list[Change] = [
    _to_endpoint, _to_any_model, _to_a_hub, _to_a_hub_beside_it, _to_asking, _to_files, _to_training, _to_above, _to_elsewhere,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda one: one.__name__.strip("_"))
def test_what_reaches_out_is_refused_before_anything_runs(
    export: Path,
    tmp_path: Path,
    change: Change,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    manifest = orjson.loads(export.read_bytes())
    change(manifest)
    path = tmp_path / "evil.manifest.json"
    path.write_bytes(orjson.dumps(manifest))
    monkeypatch.setattr("tamis.actions.replay.execute", lambda *_, **__: pytest.fail("a step was run"))
    assert run(["--workspace", str(tmp_path / "w"), "replay", str(path)]) != 0
    said = capsys.readouterr().err
    assert "The manifest asks for" in said
    assert "--trust" in said
    assert "Traceback" not in said
    assert "Something went wrong" not in said
    assert not list(tmp_path.glob("**/outside*"))


def test_an_honest_manifest_is_replayed_and_its_steps_said_first(
    export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--workspace", str(tmp_path / "w"), "replay", str(export)]) == 0
    out = capsys.readouterr()
    assert "The manifest asks for: import (examples)" in out.err
    assert "Identical" in out.out


def _digests(folder: Path) -> dict[str, str]:
    """Every file below a folder by its content; of the database, its rows."""
    files = {
        str(one): one for one in sorted(folder.rglob("*")) if one.is_file() and "tamis.sqlite" not in one.name
    }
    with closing(sqlite3.connect(folder / "tamis.sqlite")) as connection:
        rows = hashlib.sha256("\n".join(connection.iterdump()).encode()).hexdigest()
    return {name: hashlib.sha256(one.read_bytes()).hexdigest() for name, one in files.items()} | {
        "rows": rows
    }


def test_a_replay_leaves_the_workspace_as_it_is(export: Path, tmp_path: Path) -> None:
    """One that succeeds, one that is refused, and one whose rows differ."""
    given = export.parent / "workspace"
    before = _digests(given)
    assert run(["--workspace", str(given), "replay", str(export)]) == 0
    for number, change in enumerate((_to_endpoint, lambda manifest: manifest.update(sha256="0" * 64))):
        manifest = orjson.loads(export.read_bytes())
        change(manifest)
        path = tmp_path / f"{number}.manifest.json"
        path.write_bytes(orjson.dumps(manifest))
        assert run(["--workspace", str(given), "replay", str(path)]) != 0
    assert _digests(given) == before


def _replayed(
    export: Path, tmp_path: Path, change: Change, capsys: pytest.CaptureFixture[str], *more: str
) -> str:
    """What a replay of a changed manifest says, which is one sentence and no success."""
    manifest = orjson.loads(export.read_bytes())
    change(manifest)
    path = tmp_path / "evil.manifest.json"
    path.write_bytes(orjson.dumps(manifest))
    assert run(["--workspace", str(tmp_path / "w"), "replay", str(path), *more]) != 0
    said = capsys.readouterr().err
    assert "Something went wrong" not in said, said
    assert "Traceback" not in said
    return said


def _without_a_selection(manifest: dict[str, Any]) -> None:
    manifest["selection"] = "nothing"


def _without_decisions(manifest: dict[str, Any]) -> None:
    manifest["decisions"] = "nothing"


def _without_scores(manifest: dict[str, Any]) -> None:
    manifest["scores"] = {"a": "nothing"}


def _without_inputs(manifest: dict[str, Any]) -> None:
    _step(manifest, "embed")["inputs"] = {"examples": "nothing"}


def _without_anything(manifest: dict[str, Any]) -> None:
    manifest["artifacts"] = []
    manifest["selection"] = ""


def _without_vectors(manifest: dict[str, Any]) -> None:
    _step(manifest, "cluster")["inputs"].pop("embeddings")


def _with_an_input_of_another_kind(manifest: dict[str, Any]) -> None:
    _step(manifest, "cluster")["inputs"]["embeddings"] = _step(manifest, "import")["artifact_id"]


def _with_options_that_are_a_text(manifest: dict[str, Any]) -> None:
    _step(manifest, "cluster")["options"]["method_options"] = "AAAA"


def _with_a_name_of_5000_letters(manifest: dict[str, Any]) -> None:
    _step(manifest, "cluster")["artifact_id"] = "a" * 5000


def _with_a_dataset_of_5000_letters(manifest: dict[str, Any]) -> None:
    manifest["dataset_id"] = "a" * 5000
    for one in manifest["artifacts"]:
        one["dataset_id"] = "a" * 5000


def _with_a_column_of_nothing(manifest: dict[str, Any]) -> None:
    _step(manifest, "embed").update(step="take_column", kind="scores", options={})


def _with_scores_of_nothing(manifest: dict[str, Any]) -> None:
    _step(manifest, "embed").update(step="import_scores", kind="scores", options={}, summary={})


def _with_edits_of_nothing(manifest: dict[str, Any]) -> None:
    _step(manifest, "select").update(step="replace_rows", options={"edits": [[1]]}, inputs={})


def _with_rows_that_are_none(manifest: dict[str, Any]) -> None:
    _step(manifest, "embed").update(
        step="freeze", kind="rows", options={"rows": "AAAA"}, summary={"label": "x"}
    )


def _with_rows_far_away(manifest: dict[str, Any]) -> None:
    manifest.update(example_ids=[10**12], selection="")


def _with_files_that_are_a_text(manifest: dict[str, Any]) -> None:
    _step(manifest, "import")["options"]["files"] = "AAAA"


def _with_files_that_are_texts(manifest: dict[str, Any]) -> None:
    _step(manifest, "import")["options"]["files"] = ["AAAA"]


def _with_memory_as_a_source(manifest: dict[str, Any]) -> None:
    manifest["sources"][0] |= {"path": "/proc/self/mem"}


NONSENSE: list[Change] = [
    _without_a_selection, _without_decisions, _without_scores, _without_inputs, _without_vectors, _without_anything,
    _with_an_input_of_another_kind, _with_options_that_are_a_text, _with_a_name_of_5000_letters, _with_a_dataset_of_5000_letters,
    _with_a_column_of_nothing,
    _with_scores_of_nothing, _with_edits_of_nothing, _with_rows_that_are_none, _with_rows_far_away,
    _with_files_that_are_a_text, _with_files_that_are_texts, _with_memory_as_a_source,
]  # fmt: skip


@pytest.mark.parametrize("change", NONSENSE, ids=lambda one: one.__name__.strip("_"))
def test_what_a_manifest_cannot_mean_is_one_sentence(
    export: Path, tmp_path: Path, change: Change, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _replayed(export, tmp_path, change, capsys)


@pytest.mark.parametrize("kind", ["a pipe", "a device", "a folder"])
def test_a_source_that_never_ends_is_not_opened(
    export: Path, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = {"a pipe": tmp_path / "pipe.jsonl", "a device": Path("/dev/zero"), "a folder": tmp_path}[kind]
    if kind == "a pipe":
        os.mkfifo(path)

    # What stands for the content of something that is no file: its name.
    named = hashlib.blake2b(str(path).encode(), digest_size=16).hexdigest()

    def change(manifest: dict[str, Any]) -> None:
        manifest["sources"][0] |= {"path": str(path), "content_hash": named}

    assert "Name the file where it is now" in _replayed(export, tmp_path, change, capsys)


def test_what_a_manifest_and_its_source_unpack_to_has_limits(
    export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAMIS_READ_MEMORY_GB", "1")
    limited_process._end_idle()
    huge = tmp_path / "huge.parquet"
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(1000, np.int16)), pa.array(["x" * 3_000_000]))
    pq.write_table(pa.table({"instruction": column, "output": column}), huge, compression="zstd")

    def from_huge(manifest: dict[str, Any]) -> None:
        manifest["sources"][0] |= {"path": str(huge), "content_hash": file_hash(huge)}

    def from_rows(manifest: dict[str, Any]) -> None:
        made = zlib.compressobj(9)
        packed = b"".join([*(made.compress(bytes(1 << 24)) for _ in range(96)), made.flush()])
        rows = base64.b64encode(packed).decode()
        manifest["artifacts"].insert(0, {**_step(manifest, "import"), "artifact_id": "0" * 16, "kind": "rows", "step": "freeze",
                                         "options": {"rows": rows}, "inputs": {}, "summary": {"label": "x"}})  # fmt: skip

    for change in (from_huge, from_rows):
        assert "raise TAMIS_READ_MEMORY_GB" in _replayed(export, tmp_path, change, capsys)
    limited_process._end_idle()


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\x00\xff", b'{"artifacts": 7}', b"[" * 100_000])
def test_garbage_is_one_sentence(tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "garbage.manifest.json"
    path.write_bytes(content)
    assert run(["--workspace", str(tmp_path / "w"), "replay", str(path)]) != 0
    said = capsys.readouterr().err
    assert "is not a manifest of an export" in said
    assert "Traceback" not in said and len(said.splitlines()) == 1
    with pytest.raises(CurationError):
        tamis.replay(path, progress=False)
