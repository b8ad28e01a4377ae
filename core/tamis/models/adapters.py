"""Where the adapters of a workspace are: any model option takes ``adapter:ID``."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from pathlib import Path

import orjson

from tamis.errors import ArtifactDamaged, CurationError, ModelMissing
from tamis.models.files import PICKLED, find_model

PREFIX = "adapter:"
BUNDLED_LLM = "smollm2"
KINDS = ("adapter", "refinement_round")  # artifacts that hold weights
WEIGHTS = "adapter"  # the folder inside such an artifact
CONFIG = "adapter_config.json"
ABOUT = "tamis.json"  # the manifest of the adapter beside weights that were merged or exported


def adapter_folder(model: str, workspace: Path) -> Path:
    """The folder with the weights of ``adapter:ID``; raises ModelMissing naming the adapters that are there, ArtifactDamaged
    for weights that are not what was written.
    """
    identifier = model.removeprefix(PREFIX)
    known = adapter_ids(workspace)
    if identifier in known:
        _require_sound(known[identifier])
        return known[identifier]
    listed = ", ".join(sorted(known)) or "none"
    raise ModelMissing(
        f"There is no adapter {identifier!r} in {workspace}. Known: {listed}. Run 'finetune' to make one."
    )


def _require_sound(folder: Path) -> None:
    """The files of the folder as the manifest beside it has them; one that stays as it is is read once in a process."""
    try:
        digests = orjson.loads((folder.parent / "manifest.json").read_bytes()).get("digests") or {}
    except ValueError as error:
        raise _damaged(folder, "manifest.json cannot be read") from error
    for name, digest in digests.items():
        path = folder.parent / name
        if not name.startswith(f"{WEIGHTS}/"):
            continue
        if not path.is_file():
            raise _damaged(folder, f"{name} is missing")
        status = path.stat()
        changed = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        if _digest(path, changed) != digest:
            raise _damaged(folder, f"{name} holds other bytes than were written")


def _damaged(folder: Path, what: str) -> ArtifactDamaged:
    return ArtifactDamaged(
        f"adapter:{folder.parent.name}: {what}. tamis doctor --verify --recompute trains it again where that can be done; else take "
        "it from a backup (tamis restore)."
    )


@lru_cache(maxsize=256)
def _digest(path: Path, changed: tuple[int, ...]) -> str:
    # What changed is the cache's key: another file of this name is another question.
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


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
