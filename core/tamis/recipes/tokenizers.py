"""A model's tokenizer, completed with what training needs and some models lack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from tamis.errors import ModelMissing
from tamis.models.chat_template import PLAIN_TEMPLATE as PLAIN_TEMPLATE


def load_tokenizer(folder: Path) -> Any:  # noqa: ANN401 - a tokenizer of transformers
    """The tokenizer in ``folder``, with a plain chat template and a pad token where it has none.

    Both are saved with what is trained. Padding is masked out of attention and loss, so any token serves. Raises
    ModelMissing.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
        raise ModelMissing(f"The tokenizer in {folder} cannot be loaded: {reason}.") from error
    if not tokenizer.chat_template:
        tokenizer.chat_template = PLAIN_TEMPLATE
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(0)
    tokenizer.padding_side = "right"
    return tokenizer
