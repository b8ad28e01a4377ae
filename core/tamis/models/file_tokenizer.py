"""A model's tokenizer and chat template from its files alone: what a page or a forecast asks, without transformers."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
import orjson
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tamis.errors import ModelMissing
from tamis.types import JSON, Message

TOKENIZER, CONFIG, TEMPLATE = "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"
NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
BEGIN, END = "\ue004", "\ue005"  # around what a template says that an assistant writes


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

    def apply_chat_template(
        self,
        turns: Sequence[Message],
        *,
        tools: Sequence[JSON] | None = None,
        add_generation_prompt: bool = False,
        **_given: bool,
    ) -> str:
        """The text that the template makes of the turns."""
        return self.tagged(turns, tools, add_generation_prompt=add_generation_prompt)[0]

    def tagged(
        self,
        turns: Sequence[Message],
        tools: Sequence[JSON] | None,
        *,
        add_generation_prompt: bool = False,
    ) -> tuple[str, list[tuple[int, int]]]:
        """The text, and the characters of its ``{% generation %}`` blocks."""
        template = _compiled(self.get_chat_template(None, tools))
        text = template.render(
            messages=[{key: value for key, value in turn.items() if value is not None} for turn in turns],
            tools=list(tools) if tools else None,
            documents=None,
            add_generation_prompt=add_generation_prompt,
            **self.special_tokens_map,
        )
        return _without_tags(text)

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


class _Generation(Extension):
    """``{% generation %}`` … ``{% endgeneration %}``: what stands between is marked."""

    tags = {"generation"}  # noqa: RUF012 - the library's own form

    def parse(self, parser: Any) -> Any:  # noqa: ANN401 - the library's own types
        """The block with a mark before and behind it."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_marked"), [], [], body).set_lineno(line)

    def _marked(self, caller: Any) -> str:  # noqa: ANN401 - the library's own type
        return f"{BEGIN}{caller()}{END}"


@functools.lru_cache(maxsize=64)
def _compiled(template: str) -> jinja2.Template:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, "jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = lambda form: datetime.now().astimezone().strftime(form)
    return environment.from_string(template)


def _to_json(value: JSON, ensure_ascii: bool = False, **given: Any) -> str:  # noqa: ANN401 - json's own
    import json

    return json.dumps(value, ensure_ascii=ensure_ascii, **given)


def _refuse(message: str) -> None:
    raise jinja2.TemplateError(message)


def _without_tags(text: str) -> tuple[str, list[tuple[int, int]]]:
    parts: list[str] = []
    blocks: list[tuple[int, int]] = []
    length = 0
    for piece in text.split(BEGIN):
        inside, found, outside = piece.partition(END)
        if found:
            blocks.append((length, length + len(inside)))
        parts += [inside, outside]
        length += len(inside) + len(outside)
    return "".join(parts), blocks


def _content(token: JSON) -> str:
    return str(token["content"] if isinstance(token, dict) else token)


def _extra(config: dict[str, JSON]) -> list[str]:
    given = config.get("extra_special_tokens") or config.get("additional_special_tokens") or []
    listed = given.values() if isinstance(given, dict) else given
    return [_content(token) for token in listed]
