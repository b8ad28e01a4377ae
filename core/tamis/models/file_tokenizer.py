"""A model's tokenizer and chat template from its files alone: what a page or a forecast asks, without transformers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from tamis.errors import ModelMissing
from tamis.types import JSON

TOKENIZER, CONFIG, TEMPLATE = "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"
NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


class FileTokenizer:
    """The part of a transformers tokenizer that ``ChatTokens`` asks for, from the folder of a model.

    Raises ModelMissing where there is no tokenizer.json, or where it or a template cannot be read.
    """

    is_fast = True

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        try:
            self._raw = Tokenizer.from_file(str(folder / TOKENIZER))
            path = folder / CONFIG
            config = orjson.loads(path.read_bytes()) if path.exists() else {}
        except Exception as error:  # the library raises no other type
            raise ModelMissing(f"The tokenizer in {folder} cannot be read: {str(error)[:200]}.") from error
        named = {name: _content(config[name]) for name in NAMED if config.get(name)}
        self.special_tokens_map: dict[str, str] = named
        self.bos_token, self.eos_token = named.get("bos_token"), named.get("eos_token")
        self.added_tokens_decoder = self._raw.get_added_tokens_decoder()
        self.all_special_tokens = sorted({*named.values(), *_extra(config)})
        path = folder / TEMPLATE
        self.chat_template: JSON = path.read_text("utf-8") if path.exists() else config.get("chat_template")

    @property
    def bos_token_id(self) -> int | None:
        """The id of the token that begins every text; None where there is none."""
        return None if self.bos_token is None else self.convert_tokens_to_ids(self.bos_token)

    @property
    def eos_token_id(self) -> int | None:
        """The id of the token that ends a text; None where there is none."""
        return None if self.eos_token is None else self.convert_tokens_to_ids(self.eos_token)

    @property
    def all_special_ids(self) -> list[int | None]:
        """The ids of all special tokens."""
        return [self.convert_tokens_to_ids(token) for token in self.all_special_tokens]

    def convert_tokens_to_ids(self, token: str) -> int | None:
        """The id of a token as the vocabulary names it; None for one that it does not know."""
        known: int | None = self._raw.token_to_id(token)
        return known

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool = False, **_given: bool) -> str:
        """The text of some tokens."""
        return str(self._raw.decode(list(ids), skip_special_tokens=skip_special_tokens))

    def get_chat_template(self, chosen: str | None, tools: Sequence[JSON] | None) -> str:
        """The template itself; of several that which is there for tools, where there are some."""
        if chosen is not None:
            return chosen
        if isinstance(self.chat_template, str):
            return self.chat_template
        several = {one["name"]: one["template"] for one in self.chat_template or ()}
        if tools and "tool_use" in several:
            return str(several["tool_use"])
        return str(several.get("default") or next(iter(several.values())))

    def __call__(
        self,
        text: str | Sequence[str],
        *,
        add_special_tokens: bool = True,
        split_special_tokens: bool = False,
        return_offsets_mapping: bool = False,
        **_given: bool,
    ) -> dict[str, Any]:
        """``input_ids`` and, where wanted, ``offset_mapping`` of a text or of several."""
        self._raw.encode_special_tokens = split_special_tokens
        several = [text] if isinstance(text, str) else list(text)
        found = self._raw.encode_batch(several, add_special_tokens=add_special_tokens)
        made: dict[str, Any] = {"input_ids": [one.ids for one in found]}
        if return_offsets_mapping:
            made["offset_mapping"] = [one.offsets for one in found]
        return {name: values[0] for name, values in made.items()} if isinstance(text, str) else made


def _content(token: JSON) -> str:
    return str(token["content"] if isinstance(token, dict) else token)


def _extra(config: dict[str, JSON]) -> list[str]:
    given = config.get("extra_special_tokens") or config.get("additional_special_tokens") or []
    listed = given.values() if isinstance(given, dict) else given
    return [_content(token) for token in listed]
