"""A tokenizer read from its files writes rows as transformers' own does, for every template and kind of row."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("transformers")

from tamis.errors import ModelMissing
from tamis.models.chat_tokens import ChatTokens
from tamis.models.file_tokenizer import FileTokenizer
from tamis.models.row_marks import UnfitRow
from tests.support.chat_rows import RECORDS, chat_row
from tests.support.chat_templates import TEMPLATES, merging_tokenizer


def found(chat: ChatTokens, kind: str):
    try:
        return chat.row(chat_row(kind), texts=True)
    except UnfitRow as error:
        return str(error)


@pytest.mark.parametrize("name", [*TEMPLATES, "qwen3_training", "gptoss_training"])
def test_rows_are_written_alike(name, tmp_path):
    tokenizer = merging_tokenizer(name)
    tokenizer.save_pretrained(tmp_path)
    ours, theirs = ChatTokens(FileTokenizer(tmp_path)), ChatTokens(tokenizer)
    for kind in RECORDS:
        assert found(ours, kind) == found(theirs, kind)
    assert (ours.header, ours.opening, ours.end) == (theirs.header, theirs.opening, theirs.end)


def test_a_folder_without_a_tokenizer_says_so(tmp_path):
    with pytest.raises(ModelMissing, match=r"The tokenizer in .* cannot be read"):
        FileTokenizer(tmp_path)


def test_neither_transformers_nor_torch_is_imported(tmp_path):
    merging_tokenizer("qwen3").save_pretrained(tmp_path)
    code = (
        "import sys, pathlib; from tamis.models.chat_tokens import ChatTokens; from tamis.models.chat_rows import ChatRow\n"
        "from tamis.models.file_tokenizer import FileTokenizer\n"
        f"chat = ChatTokens(FileTokenizer(pathlib.Path({str(tmp_path)!r})))\n"
        "chat.row(ChatRow(({'role': 'user', 'content': 'a'}, {'role': 'assistant', 'content': 'b'})))\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
