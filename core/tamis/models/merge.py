"""An adapter and its base made into one model."""

from __future__ import annotations

from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from tamis.models.adapters import base_of


def write_merged(adapter: Path, folder: Path) -> None:
    """Write base and adapter as one model with its tokenizer into ``folder``, in the base's number format.

    The sum is computed in float32, so that rounding happens once.
    """
    transformers_logging.disable_progress_bar()
    base = base_of(adapter)
    settings = {"local_files_only": True, "trust_remote_code": False}
    model = AutoModelForCausalLM.from_pretrained(
        str(base), dtype=torch.float32, use_safetensors=True, **settings
    )
    merged = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload().to(_stored_dtype(base))
    merged.save_pretrained(str(folder), safe_serialization=True)
    own = adapter if (adapter / "tokenizer_config.json").exists() else base
    AutoTokenizer.from_pretrained(str(own), **settings).save_pretrained(str(folder))


def _stored_dtype(folder: Path) -> torch.dtype:
    from safetensors import safe_open

    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118 - no mapping, although it has keys
                dtype: torch.dtype = weights.get_tensor(name).dtype
                return dtype
    return torch.float32
