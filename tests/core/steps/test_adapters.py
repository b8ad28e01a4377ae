"""What is done with a finished adapter."""

from __future__ import annotations

import json
import shutil
import zipfile

import pytest

from tamis.actions.adapters import delete_adapter, export_adapter, merge_adapter, merge_problem, merged_bytes
from tamis.cli.main import run as tamis
from tamis.errors import ArtifactMissing, InvalidOptions, ModelMissing
from tamis.llms import open_llm
from tamis.steps.base_model import base_model_folder
from tamis.store.workspace import open_workspace
from tests.core.llms.conftest import build_model
from tests.core.steps.finetuning import RECIPE, run, small_dataset

torch = pytest.importorskip("torch")
pytest.importorskip("trl")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A workspace with one adapter of the tiny model."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("adapters")
    model = build_model(folder / "tiny")
    store, dataset_id = small_dataset(folder)
    values = {
        "model": str(model), "recipe_options": RECIPE | {"learning_rate": 0.05}, "held_out_fraction": 0
    }  # fmt: skip
    yield store, run(store, dataset_id, "finetune", values), model
    torch.set_num_threads(before)


def losses(store, model):
    options = {"model": str(model), "dtype": "float32", "device": "cpu"}
    return (
        open_llm("transformers", options, workspace=store.workspace)
        .loglikelihood(["What?"], ["It is 6."])
        .mean
    )


def test_a_merged_model_says_what_its_adapter_says(trained, tmp_path):
    store, adapter, model = trained
    merged = merge_adapter(open_workspace(store.workspace), adapter.id, tmp_path / "merged")
    assert (merged / "config.json").exists()
    assert not (merged / "adapter_config.json").exists()
    assert losses(store, merged) == pytest.approx(losses(store, f"adapter:{adapter.id}"), abs=1e-4)
    assert losses(store, merged) != pytest.approx(losses(store, model), abs=1e-2)
    assert json.loads((merged / "tamis.json").read_text())["artifact_id"] == adapter.id


def test_a_merge_that_has_no_room_or_no_place_is_refused(trained, tmp_path, monkeypatch):
    store, adapter, model = trained
    assert merged_bytes(adapter) == sum(path.stat().st_size for path in model.glob("*.safetensors")) > 0
    (tmp_path / "there").mkdir()
    with pytest.raises(InvalidOptions, match="is there already"):
        merge_adapter(open_workspace(store.workspace), adapter.id, tmp_path / "there")
    (tmp_path / "file").write_text("")
    assert "cannot be written" in merge_problem(adapter, tmp_path / "file" / "inside")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1))
    with pytest.raises(InvalidOptions, match="GB free: name a folder on another disk"):
        merge_adapter(open_workspace(store.workspace), adapter.id, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_an_export_holds_weights_tokenizer_and_manifest_and_replaces_nothing(trained, tmp_path):
    store, adapter, _ = trained
    folder = export_adapter(open_workspace(store.workspace), f"adapter:{adapter.id}", tmp_path / "out")
    names = {path.name for path in folder.iterdir()}
    assert {"adapter_model.safetensors", "adapter_config.json", "tokenizer.json", "tamis.json"} <= names
    with pytest.raises(InvalidOptions, match="is there already"):
        export_adapter(open_workspace(store.workspace), adapter.id, tmp_path / "out")
    packed = export_adapter(open_workspace(store.workspace), adapter.id, tmp_path / "out.zip")
    with zipfile.ZipFile(packed) as archive:
        assert names <= {name.rstrip("/") for name in archive.namelist()}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out.zip"]


def test_an_adapter_names_its_base_after_its_workspace_was_moved(trained, tmp_path):
    import shutil

    store, adapter, model = trained
    moved = tmp_path / "moved"
    folder = moved / "datasets" / "d" / "adapter" / "x" / "adapter"
    shutil.copytree(adapter.path / "adapter", folder)
    (folder.parent / "manifest.json").write_text("{}")
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = "/gone/cache/models/unpacked-1"
    (folder / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(ModelMissing, match="unpacked-1"):
        losses(type(store)(moved), "adapter:x")
    shutil.copytree(model, moved / "cache" / "models" / "unpacked-1")
    assert base_model_folder("adapter:x", moved) == folder
    assert losses(type(store)(moved), "adapter:x") == pytest.approx(
        losses(store, f"adapter:{adapter.id}"), abs=1e-5
    )


def test_an_unknown_adapter_is_named_with_those_that_are_there(trained, tmp_path):
    store, adapter, _ = trained
    with pytest.raises(ArtifactMissing, match=f"no adapter 'nope'.*{adapter.id}"):
        export_adapter(open_workspace(store.workspace), "nope", tmp_path / "x")
    with pytest.raises(ModelMissing, match=f"no adapter 'nope'.*{adapter.id}"):
        open_llm("transformers", {"model": "adapter:nope"}, workspace=store.workspace)


def test_the_command_line_lists_and_deletes(trained, capsys):
    store, adapter, _ = trained
    workspace = ["--workspace", str(store.workspace), "--json"]
    assert tamis(["adapters", "list", *workspace]) == 0
    listed = json.loads(capsys.readouterr().out.splitlines()[-1])["adapters"]
    assert [entry["artifact_id"] for entry in listed] == [adapter.id]
    assert delete_adapter(open_workspace(store.workspace), adapter.id).id == adapter.id
    assert not adapter.path.exists()
    assert tamis(["adapters", "delete", adapter.id, *workspace]) == 2  # no job has run
