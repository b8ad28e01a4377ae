"""A pickle in a model's folder runs code when it is loaded; none ever is, whichever way the folder is named."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from tamis.errors import CurationError
from tamis.models.adapters import base_of
from tamis.models.files import find_model
from tests.core.llms.conftest import build_model

torch = pytest.importorskip("torch")


class _Touch:
    """Unpickled, it makes a file."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self._target,)


@pytest.fixture
def trap(tmp_path):
    """An adapter over a sound base whose weights are a pickle, and the file that it would make."""
    base, folder, proof = build_model(tmp_path / "base"), tmp_path / "adapter", tmp_path / "ran"
    folder.mkdir()
    config = {"base_model_name_or_path": str(base), "peft_type": "LORA", "r": 2, "target_modules": ["q_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    (folder / "adapter_model.bin").write_bytes(pickle.dumps(_Touch(proof)))
    return folder, proof


def test_the_trap_works(trap):
    folder, proof = trap
    pickle.loads((folder / "adapter_model.bin").read_bytes())
    assert proof.exists()


def _as_a_language_model(folder):
    from tamis.llms import LLMS
    from tamis.registry import parse_options

    row = LLMS["transformers"]
    row.load()(parse_options(row.options, {"model": str(folder)}), folder.parent / "cache").generate(
        ["hello"]
    )


def _merged(folder):
    from tamis.models.merge import write_merged

    write_merged(folder, folder.parent / "merged")


def _trained_further(folder):
    from tamis.recipes import sft

    sft.load_model(folder, trainable=True, half=False)


def _asked_by_the_harness(folder):
    from tamis.steps.finetune.harness import _opened

    _opened(folder, cpu=True)


WAYS = [base_of, _as_a_language_model, _merged, _trained_further, _asked_by_the_harness]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__.strip("_"))
def test_no_way_loads_it(trap, way):
    folder, proof = trap
    with pytest.raises(CurationError, match=r"adapter_model\.bin.*never loaded"):
        way(folder)
    assert not proof.exists()


def test_a_pickled_model_is_refused_by_name(tmp_path):
    folder = build_model(tmp_path / "model")
    for weights in folder.glob("*.safetensors"):
        weights.unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(_Touch(tmp_path / "ran")))
    with pytest.raises(CurationError, match="pickled"):
        find_model(str(folder))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("inside", ["", "2_Dense", "2_Router/query_0_Dense"])
@pytest.mark.parametrize("decoy", ["", "decoy.safetensors", "optimizer.safetensors"])
def test_no_other_safetensors_keeps_a_pickle_from_being_refused(tmp_path, inside, decoy):
    # Libraries look for model.safetensors beside it, and take the pickle where that is missing; a module of a module is in no list.
    folder = tmp_path / "model"
    weights = folder / inside
    weights.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "model.safetensors").write_bytes(b"")
    kinds = [{"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]
    if inside:
        (folder / "model.safetensors").write_bytes(b"")
        kinds.append({"path": inside.partition("/")[0], "type": "sentence_transformers.models.Dense"})
    (folder / "modules.json").write_text(
        json.dumps([{"path": "", "type": "sentence_transformers.models.Transformer"}, *kinds])
    )
    if decoy:
        (weights / decoy).write_bytes(b"")
    (weights / "pytorch_model.bin").write_bytes(pickle.dumps(_Touch(tmp_path / "ran")))
    with pytest.raises(CurationError, match=r"pickled.*never loaded"):
        find_model(str(folder))
    (weights / "model.safetensors").write_bytes(b"")
    assert find_model(str(folder)) == folder


@pytest.mark.parametrize("text", ["", "{}", "[1]", "[" * 100_000])
def test_a_list_of_modules_that_is_none_is_one_sentence(tmp_path, text):
    (tmp_path / "modules.json").write_text(text)
    with pytest.raises(CurationError, match=r"modules\.json"):
        find_model(str(tmp_path))


@pytest.mark.parametrize(
    "kind",
    [
        "sentence_transformers.base.model.torch",
        "torch.hub",
        "modeling_evil.Module",
        "sentence_transformers.json",
    ],
)
@pytest.mark.parametrize("place", ["modules.json", "1_Router/router_config.json", "1_Router/config.json"])
def test_what_is_no_class_of_the_library_is_no_module(tmp_path, kind, place):
    (tmp_path / "1_Router").mkdir()
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")
    ours = {"path": "1_Router", "type": "sentence_transformers.base.modules.router.Router"}
    listed = [ours | {"type": kind}] if place == "modules.json" else [ours]
    (tmp_path / "modules.json").write_text(json.dumps(listed))
    if place != "modules.json":
        (tmp_path / place).write_text(json.dumps({"types": {"weights.pt": kind}}))
    with pytest.raises(CurationError, match="names its own code"):
        find_model(str(tmp_path))
