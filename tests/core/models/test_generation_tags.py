"""Our own masks, turn by turn, against those that templates with ``{% generation %}`` bring."""

from __future__ import annotations

import pytest

pytest.importorskip("transformers")

from tamis.models.chat_template import ChatTemplate
from tamis.models.chat_tokens import ChatTokens
from tamis.models.row_marks import UnfitRow
from tests.support.chat_rows import RECORDS, chat_row
from tests.support.chat_templates import byte_tokenizer, shipped_folder

TAGGED = (
    "llama3", "qwen2_5", "qwen3", "gemma", "gemma3", "phi3", "phi3_5", "gptoss", "cohere", "deepseekv3", "lfm2",
    "qwen3_instruct_2507", "glm4moe", "nemotron_3_nano",
)  # fmt: skip
ENDS_TWICE = {"phi3", "phi3_5"}  # their blocks hold the end of the text behind the end of the turn, too


def spoken(tokenizer, tokens):
    """The learned stretches as texts, one per answer."""
    return [tokenizer.decode(tokens.ids[first:last]) for _, (first, last) in sorted(tokens.spans.items())]


def runs(tokenizer, ids, places):
    """The tokens at these places as texts of neighbours."""
    texts = [""]
    for place in range(len(ids)):
        if place in places:
            texts[-1] += tokenizer.decode([ids[place]])
        elif texts[-1]:
            texts.append("")
    return texts


@pytest.mark.parametrize("name", TAGGED)
def test_tags_and_our_own_masks_agree(name, monkeypatch):
    folder = shipped_folder()
    if folder is None or not (folder / f"{name}_training.jinja").exists():
        pytest.skip(f"TRL ships no template {name}_training here")
    tokenizer = byte_tokenizer(f"{name}_training")
    compared = 0
    whole = ChatTemplate._whole

    def untagged(*given):
        return whole(*given)[0], None

    for kind in RECORDS:
        try:
            tagged = ChatTokens(tokenizer).row(chat_row(kind))
            with monkeypatch.context() as patch:
                patch.setattr(ChatTemplate, "_whole", untagged)
                own = ChatTokens(tokenizer).row(chat_row(kind))
        except UnfitRow:
            continue
        compared += 1
        assert tagged.ids == own.ids
        assert tagged.n_question == own.n_question
        if name in ENDS_TWICE:
            pairs = zip(spoken(tokenizer, tagged), spoken(tokenizer, own), strict=True)
            assert all(a.startswith(b) and len(a) - len(b) < 20 for a, b in pairs)
        else:
            assert tagged.spans == own.spans
    assert compared >= 8


@pytest.mark.parametrize("name", TAGGED)
def test_what_the_library_masks_is_learned(name):
    """Its mask is ours, but for what a model is asked with and the space behind an answer's end."""
    folder = shipped_folder()
    if folder is None or not (folder / f"{name}_training.jinja").exists():
        pytest.skip(f"TRL ships no template {name}_training here")
    tokenizer = byte_tokenizer(f"{name}_training")
    for kind in ("one exchange", "two exchanges", "space around"):
        row = chat_row(kind)
        found = tokenizer.apply_chat_template(
            list(row.messages), tokenize=True, return_dict=True, return_assistant_tokens_mask=True
        )
        tokens = ChatTokens(tokenizer).row(row)
        assert tokens.ids == found["input_ids"]
        ours = {place for first, last in tokens.spans.values() for place in range(first, last)}
        theirs = {place for place, mask in enumerate(found["assistant_masks"]) if mask}
        assert ours <= theirs
        header = tokenizer.decode(ChatTokens(tokenizer).header)
        assert all(run.strip() in header for run in runs(tokenizer, tokens.ids, theirs - ours))
