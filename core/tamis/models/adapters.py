"""Where the adapters of a workspace are: any model option takes ``adapter:ID``."""

from __future__ import annotations

import re
from pathlib import Path

import orjson

from tamis.errors import CurationError, ModelMissing
from tamis.models.files import PICKLED, find_model

PREFIX = "adapter:"
BUNDLED_LLM = "smollm2"
KINDS = ("adapter", "refinement_round")  # artifacts that hold weights
WEIGHTS = "adapter"  # the folder inside such an artifact
CONFIG = "adapter_config.json"


def adapter_folder(model: str, workspace: Path) -> Path:
    """The folder with the weights of ``adapter:ID``; raises ModelMissing naming the adapters that are there."""
    identifier = model.removeprefix(PREFIX)
    known = adapter_ids(workspace)
    if identifier in known:
        return known[identifier]
    listed = ", ".join(sorted(known)) or "none"
    raise ModelMissing(
        f"There is no adapter {identifier!r} in {workspace}. Known: {listed}. Run 'finetune' to make one."
    )


def adapter_ids(workspace: Path) -> dict[str, Path]:
    """Id and weights folder of every finished adapter in the workspace, round models of refinements too."""
    paths = [path for kind in KINDS for path in workspace.glob(f"datasets/*/{kind}/*/{WEIGHTS}")]
    return {
        path.parent.name: path
        for path in sorted(paths)
        if re.fullmatch(r"\w[\w.-]*", path.parent.name) and (path.parent / "manifest.json").exists()
    }


def base_of(folder: Path) -> Path:
    """The folder of the model that an adapter was trained on; raises ModelMissing, CurationError for a pickled adapter.

    The path in the adapter's configuration is where the base lay then. When a workspace was moved, the base that it
    unpacked is looked for in the workspace that the adapter is in.
    """
    _refuse_pickles(folder)
    named = named_base(folder)
    if not named:
        raise ModelMissing(
            f"The adapter in {folder} does not name its base model: add base_model_name_or_path."
        )
    if not Path(named).is_dir():
        for above in folder.resolve().parents:
            moved = above / "cache" / "models" / Path(named).name
            if (moved / "config.json").exists():
                return moved
    return find_model(named)


def named_base(folder: Path) -> str:
    """What the adapter's configuration calls its base, a folder or a hub id; empty for none. Raises CurationError."""
    try:
        config = orjson.loads((folder / CONFIG).read_bytes())
        return str(config.get("base_model_name_or_path") or "")
    except (OSError, orjson.JSONDecodeError, AttributeError) as error:
        raise CurationError(f"The {CONFIG} of the adapter in {folder} cannot be read: {error}.") from error


def _refuse_pickles(folder: Path) -> None:
    # Whoever opens an adapter asks for its base first. PEFT unpickles where it finds no safetensors, which can run code.
    if (folder / "adapter_model.safetensors").is_file():
        return
    pickled = [path.name for path in sorted(folder.iterdir()) if path.suffix in PICKLED]
    if pickled:
        raise CurationError(
            f"The adapter in {folder} has {pickled[0]} and no adapter_model.safetensors: pickled weights can run code and are "
            "never loaded. Save it again with safetensors (model.save_pretrained writes it)."
        )
