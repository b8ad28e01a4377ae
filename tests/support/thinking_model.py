"""A tiny random model whose chat template takes tools and reasoning."""

from __future__ import annotations

from pathlib import Path

from tests.core.llms.conftest import build_model
from tests.support.chat_templates import merging_tokenizer


def build_thinking_model(folder: Path) -> Path:
    """The tiny model with Qwen 3's template and as many tokens as that needs."""
    from transformers import AutoModelForCausalLM

    made, tokenizer = build_model(folder), merging_tokenizer("qwen3")
    model = AutoModelForCausalLM.from_pretrained(made)
    model.resize_token_embeddings(len(tokenizer))
    model.save_pretrained(made)
    tokenizer.save_pretrained(made)
    return Path(made)
