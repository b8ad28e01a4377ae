"""Chat templates of real models, and tokenizers that write with them.

Those that TRL ships are read from the installed package; the others are written down in tests/fixtures/templates.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

OWN = Path(__file__).parents[1] / "fixtures" / "templates"
WRITTEN = ("chatml", "smollm2", "mistral", "mistral_v1")
SHIPPED = ("llama3", "llama3_1", "qwen2_5", "qwen3", "gemma", "gemma3", "phi3", "gptoss")
TEMPLATES = (*WRITTEN, *SHIPPED)
MARKS = re.compile(r"<｜[^<>]+｜>|<\|[a-zA-Z_]+\|>|</?s>|<(?:start|end)_of_turn>|<[be]os>|\[/?[A-Z_]+\]")
# What the tokenizers of these models begin and end a text with, where that is not ChatML's.
ENDS = {
    "mistral": ("<s>", "</s>"), "mistral_v1": ("<s>", "</s>"), "gemma": ("<bos>", "<eos>"), "gemma3": ("<bos>", "<eos>"),
    "llama3": ("<|begin_of_text|>", "<|eot_id|>"), "llama3_1": ("<|begin_of_text|>", "<|eot_id|>"),
    "phi3": ("<s>", "<|endoftext|>"), "gptoss": ("<|startoftext|>", "<|return|>"),
}  # fmt: skip


def shipped_folder() -> Path | None:
    """Where TRL keeps its templates; None without it."""
    found = importlib.util.find_spec("trl")
    return None if found is None or found.origin is None else Path(found.origin).parent / "chat_templates"


def template_text(name: str) -> str:
    """The template of that name; skips the test where its package is not installed."""
    if name in WRITTEN:
        return (OWN / f"{name}.jinja").read_text("utf-8")
    folder = shipped_folder()
    path = None if folder is None else folder / f"{name}.jinja"
    if path is None or not path.exists():
        pytest.skip(f"TRL ships no template {name} here")
    return path.read_text("utf-8")


def dress(tokenizer, name: str):
    """The tokenizer with a model's template, its marks as special tokens and its two ends."""
    text = template_text(name)
    bos, eos = ENDS.get(name.removesuffix("_training"), ("<|im_start|>", "<|im_end|>"))
    marks = sorted(
        {*MARKS.findall(text), bos, eos} - {"[INST]", "[/INST]"}
        if name == "mistral_v1"
        else {*MARKS.findall(text), bos, eos}
    )
    tokenizer.add_special_tokens({"additional_special_tokens": marks, "bos_token": bos, "eos_token": eos})
    tokenizer.chat_template = text
    return tokenizer


def byte_tokenizer(name: str | None = None):
    """A tokenizer of single bytes, which splits no two texts differently apart and together, dressed as a model's."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(letters)}, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw)
    return tokenizer if name is None else dress(tokenizer, name)


# Written as byte-level vocabularies write them: Ġ is a space, Ċ the end of a line.
WORDS = (
    "ĊĊ", "ĊĊĊ", "ĊĠĠ", "ĠHo", "ĠHo.", "Ho.Ċ", "So.", "user", "assistant", "assistantĊ", "assistantĊĊ", "system", "ĠĊ",
    "Ġthe", "Ġa", "Ġyou", "function", "tool", "Ġto", "Ġof", "message", "Reasoning", "channel", "Ġand", "Ġlanguage", "Ġmodel",
    "name", "arguments", "parameters", "properties", "string", "type", "description", "required", "Ġ{", '":', 'Ġ"', "think",
)  # fmt: skip


def merging_tokenizer(name: str | None = None):
    """A byte-level tokenizer that merges what it can, across words and lines too: any text may melt with its neighbour."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    merges: dict[tuple[str, str], None] = {}
    for word in WORDS:
        for end in range(1, len(word)):
            merges[word[:end], word[end]] = None
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = dict.fromkeys([*letters, *("".join(pair) for pair in merges)])
    raw = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=list(merges)))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    raw.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw)
    return tokenizer if name is None else dress(tokenizer, name)
