"""A tiny random model, made here in a second."""

from __future__ import annotations

import pytest

CHAT_TEMPLATE = (
    "{% for m in messages %}{{ '<|start|>' + m['role'] + '\n' + m['content'] + '<|stop|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start|>assistant\n' }}{% endif %}"
)


def build_model(folder, *, chat: bool = True, classifier: bool = False, seed: int = 0, labels=None):
    """A byte-level tokenizer and a random Llama of two layers, saved as any model is."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import (
        LlamaConfig,
        LlamaForCausalLM,
        LlamaForSequenceClassification,
        PreTrainedTokenizerFast,
    )

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    special = ["<|start|>", "<|stop|>"]
    vocabulary = {token: i for i, token in enumerate([*special, *letters])}
    raw = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<|start|>", eos_token="<|stop|>", pad_token="<|stop|>"
    )
    if chat:
        tokenizer.chat_template = CHAT_TEMPLATE
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
        initializer_range=0.3,
        num_labels=len(labels) if labels else 1,
        id2label=dict(enumerate(labels)) if labels else None,
    )
    kind = LlamaForSequenceClassification if classifier else LlamaForCausalLM
    kind(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    pytest.importorskip("transformers")
    return build_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def local(tiny):
    """The client under test, in float32 so that batches change nothing that a test could see."""
    from tamis.llms import LLMS, TransformersOptions

    options = TransformersOptions(model=str(tiny), dtype="float32", device="cpu", batch_tokens=400)
    return LLMS["transformers"].load()(options, tiny)


@pytest.fixture(scope="session")
def plain(tiny):
    """The library's own model and tokenizer, asked one question at a time."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return AutoModelForCausalLM.from_pretrained(tiny).eval(), AutoTokenizer.from_pretrained(tiny)
