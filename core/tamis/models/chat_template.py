"""A model's own chat template: what it makes of a conversation, and where each turn then stands."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tamis.models.chat_rows import TOO_DEEP, ChatRow, numbered_calls, template_turns
from tamis.models.opened_turns import GAP, thinks_aloud, with_thoughts_apart
from tamis.models.row_marks import UnfitRow
from tamis.models.template_engine import render_template
from tamis.models.template_probes import PLACE, turn_probe, turn_shape
from tamis.types import JSON, Message

# For models without a chat template.
PLAIN_TEMPLATE = (
    "{% if bos_token %}{{ bos_token }}{% endif %}"
    "{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ message['content'] + '\n\n' }}"
    "{% elif message['role'] == 'user' %}{{ '### Instruction:\n' + message['content'] + '\n\n' }}"
    "{% elif message['role'] == 'assistant' %}"
    "{{ '### Response:\n' + message['content'] + (eos_token or '') + '\n\n' }}"
    "{% else %}{{ '### Input:\n' + message['content'] + '\n\n' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '### Response:\n' }}{% endif %}"
)
STANDIN = "\ue003"  # stands for a text, as places do
# Is put inside a special token that somebody wrote, so that it stays text.
MARK = "\ue000\ue0ff"
_TAGGED = re.compile(r"\{%-?\s*generation\s*-?%\}")
SHORT_IDS = "length 9"  # in the words by which Mistral's templates refuse other ids of calls


@dataclass(frozen=True, slots=True)
class WrittenRow:
    """A conversation as one text, which begins with ``question``, the text up to where its last answer begins.

    ``spans`` are, by number of a turn, the characters that a model would write of it, the mark of its end among them,
    without turns that the template itself leaves out of what is learned; of turns that are no answers their texts.
    """

    text: str
    question: str
    spans: Mapping[int, tuple[int, int]]


class ChatTemplate:
    """The chat template of a tokenizer of transformers, which gets a plain one where it has none.

    What people wrote keeps out of the template's own marks: ``MARK`` parts each special token in it.
    """

    def __init__(self, tokenizer: Any) -> None:  # noqa: ANN401 - a tokenizer of transformers
        if not tokenizer.chat_template:
            tokenizer.chat_template = PLAIN_TEMPLATE
        self._tokenizer = tokenizer
        self.special = _special_tokens(tokenizer)
        self._refusals: dict[tuple[JSON, ...], str] = {}
        self._lost_thoughts: dict[tuple[JSON, ...], bool] = {}
        self._closers: frozenset[str] | None = None

    def turns(self, row: ChatRow) -> list[Message]:
        """The row's turns as this template takes them; raises UnfitRow with the reason why it does not.

        A system turn that the template refuses or leaves out joins the first user's, which is where models of such
        templates were shown instructions. Ids of calls are numbered anew where the template wants them of nine letters,
        as Mistral's do. Thoughts inside an answer's text are its reasoning for a template that has a place for it.
        """
        turns = template_turns(row)
        if any(map(thinks_aloud, turns)) and self._shows_reasoning:
            turns = list(map(with_thoughts_apart, turns))
        try:
            self._check(turns, row.tools)
        except UnfitRow as error:
            if SHORT_IDS in str(error):
                turns = numbered_calls(turns)
            elif [turn["role"] for turn in turns[:2]] == ["system", "user"]:
                turns = [turns[1] | {"content": turns[0]["content"] + GAP + turns[1]["content"]}, *turns[2:]]
            else:
                raise
            self._check(turns, row.tools)
        return [self._guarded(turn) for turn in turns]

    def leaves_out_reasoning(self, row: ChatRow) -> bool:
        """Whether some of the reasoning of a row that the template takes is not in its text, as of earlier turns."""
        try:
            turns = self.turns(row)
            places = [
                PLACE.format(f"{i}.{kind}")
                for i, turn in enumerate(turns)
                for kind, is_there in (("r", "thinking" in turn), ("aloud", thinks_aloud(turn)))
                if is_there
            ]
            shape = turn_shape(turns, row.tools)
            if places and shape not in self._lost_thoughts:
                text = self._probed(turns, row.tools)
                self._lost_thoughts[shape] = any(place not in text for place in places)
        except UnfitRow:
            return False
        return bool(places) and self._lost_thoughts[shape]

    def tools(self, row: ChatRow) -> list[JSON]:
        """The row's tools as this template takes them."""
        return [self._guarded(tool) for tool in row.tools]

    def question(self, turns: Sequence[Message], tools: Sequence[JSON]) -> str:
        """The text up to where the next answer begins: what the template asks with, where a whole conversation goes on
        from there with the answer, else what stands before an answer in one.
        """
        asked = self.render(turns, tools, asks=True)
        try:
            whole = self.render([*turns, {"role": "assistant", "content": STANDIN}], tools)
        except UnfitRow:
            return asked
        before = whole.rpartition(STANDIN)[0]
        if STANDIN not in whole or before.rstrip() == asked.rstrip():
            return asked
        # Some templates begin an answer by words and leave them out when they are asked to begin one.
        mark = _mark(asked, self.render(turns, tools))
        if mark and before.startswith(asked):
            return asked
        place = before.rfind(mark) + len(mark) if mark and mark in before else len(before)
        # A mark of an earlier answer is none of this one's.
        ended = any(found.group() in self.closers for found in self.special.finditer(before, place))
        return before if ended else before[:place]

    def question_of_text(self, text: str) -> str:
        """A text as a user's turn, up to where the answer begins, whether or not the template can hold an answer."""
        return self.render([self._guarded({"role": "user", "content": text})], (), asks=True)

    def write(self, turns: Sequence[Message], tools: Sequence[JSON], *, texts: bool = False) -> WrittenRow:
        """A conversation that ends with an answer, and where ``texts`` of other turns stand too; raises UnfitRow where it
        does not begin as it would be asked.
        """
        text, tagged = self._whole(turns, tools)
        question = self.question(turns[:-1], tools)
        if not text.startswith(question):
            raise UnfitRow("are written by the chat template in another way than it asks for them")
        told = [i for i, turn in enumerate(turns) if turn["role"] != "assistant"] if texts else []
        others = {i: self._span(turns, tools, i, text) for i in told}
        spans: dict[int, tuple[int, int]] = {}
        last = len(turns) - 1
        for i in [i for i, turn in enumerate(turns) if turn["role"] == "assistant"]:
            start = len(question) if i == last else self._start(turns, tools, i, text)
            after = self._end_of_text(turns, tools, i, text, start)
            closer = self.special.search(text, after)
            if closer is not None and closer.group() in self.closers:
                spans[i] = (start, closer.end())
            elif i == last:
                # The template ends an answer by nothing that a model could say.
                text = text[:after].rstrip() + (self._tokenizer.eos_token or "")
                spans[i] = (start, len(text))
            else:
                spans[i] = (start, after)
        if tagged is not None:
            spans = self._tagged(text, spans, tagged)
        return WrittenRow(text, question, spans | others)

    def _span(self, turns: Sequence[Message], tools: Sequence[JSON], i: int, text: str) -> tuple[int, int]:
        """The characters of one turn's own text in the written conversation ``text``."""
        other = self.render(_with_standin(turns, i), tools)
        start = _common_start(text, other)
        return start, max(start, len(text) - _common_end(text, other))

    @property
    def header(self) -> str:
        """What stands before an answer to nothing."""
        turn: list[Message] = [{"role": "user", "content": STANDIN}]
        alone, asked = self.render(turn, ()), self.question(turn, ())
        header = asked[len(alone) :] if asked.startswith(alone) else ""
        return header or asked.partition(STANDIN)[2]

    @property
    def closers(self) -> frozenset[str]:
        """The special tokens that end an answer, one that is the last turn and one that is not."""
        if self._closers is None:
            call = {"function": {"name": "f", "arguments": {STANDIN: STANDIN}}, "type": "function", "id": "c"}
            plain: Message = {"role": "assistant", "content": STANDIN}
            calling: Message = {"role": "assistant", "content": "", "tool_calls": [call]}
            follow: Message = {"role": "tool", "content": "x", "name": "f", "tool_call_id": "c"}
            self._closers = frozenset(
                [*self._ends(plain, {"role": "user", "content": "x"}), *self._ends(calling, follow)]
            )
        return self._closers

    def render(self, turns: Sequence[Message], tools: Sequence[JSON], *, asks: bool = False) -> str:
        """What the template makes of the turns, with the mark that begins an answer where it ``asks``.

        Raises UnfitRow with why the template refuses them, LimitReached for one that would not end.
        """
        return self._rendered(turns, tools, asks=asks)[0]

    def _rendered(
        self, turns: Sequence[Message], tools: Sequence[JSON], *, asks: bool = False
    ) -> tuple[str, list[tuple[int, int]]]:
        template = self._tokenizer.get_chat_template(None, list(tools) or None)
        return render_template(template, self._tokenizer.special_tokens_map, turns, tools, asks=asks)

    def _whole(
        self, turns: Sequence[Message], tools: Sequence[JSON]
    ) -> tuple[str, list[tuple[int, int]] | None]:
        """The text, and the characters in its ``{% generation %}`` blocks; None for a template without such."""
        text, blocks = self._rendered(turns, tools)
        template = self._tokenizer.get_chat_template(None, list(tools) or None)
        return text, blocks if _TAGGED.search(template) else None

    def _tagged(
        self, text: str, spans: Mapping[int, tuple[int, int]], blocks: Sequence[tuple[int, int]]
    ) -> dict[int, tuple[int, int]]:
        """What the template's own blocks say is learned of each turn: never what it is asked with, nor space behind its end."""
        kept: dict[int, tuple[int, int]] = {}
        numbers = sorted(spans)
        for place, i in enumerate(numbers):
            start = spans[i][0]
            limit = spans[numbers[place + 1]][0] if place + 1 < len(numbers) else len(text)
            # A block may begin before what a model is asked with ends; where it ends says whose it is.
            own = [(max(a, start), b) for a, b in blocks if start < b <= limit]
            if not own:
                continue
            end = max(b for _, b in own)
            ends = [found.end() for found in self.special.finditer(text, start, end)]
            if ends and text[ends[-1] : end].isspace():
                end = ends[-1]
            kept[i] = (min(a for a, _ in own), end)
        return kept

    def _start(self, turns: Sequence[Message], tools: Sequence[JSON], i: int, text: str) -> int:
        """Where a model would begin to write turn ``i``, which is not the last."""
        asked = self.render(turns[:i], tools, asks=True)
        if text.startswith(asked):
            return len(asked)
        # What came before is written otherwise once more follows: the mark that begins an answer is looked for.
        mark = _mark(asked, self.render(turns[:i], tools))
        start, _ = self._span(turns, tools, i, text)
        place = text.rfind(mark, 0, start) if mark else -1
        return place + len(mark) if place >= 0 else self._end_of_question(asked, text, start)

    def _end_of_question(self, asked: str, text: str, start: int) -> int:
        """Where a question ends that a template asks by its end alone; space between that and the answer is the answer's."""
        ends = [found.start() for found in self.special.finditer(asked)]
        last = asked[ends[-1] :] if ends else ""
        place = text.rfind(last, 0, start) if last else -1
        after = place + len(last)
        return after if place >= 0 and not text[after:start].strip() else start

    def _end_of_text(
        self, turns: Sequence[Message], tools: Sequence[JSON], i: int, text: str, start: int
    ) -> int:
        return max(start, self._span(turns, tools, i, text)[1])

    def _ends(self, answer: Message, follow: Message) -> Iterator[str]:
        user: Message = {"role": "user", "content": "x"}
        try:
            last = self.render([user, answer], ())
            after = last.rindex(STANDIN) + 1
            closer = self.special.search(last, after)
            if closer is None:
                return
            yield closer.group()
            among = self.render([user, answer, follow], ())
            other = self.special.search(among, among.rindex(STANDIN) + 1)
            # Harmony ends a last answer with another token than the ones before it.
            if other is not None and other.start() - among.rindex(STANDIN) == closer.start() - after + 1:
                yield other.group()
        except (UnfitRow, ValueError):
            return

    def _check(self, turns: Sequence[Message], tools: Sequence[JSON]) -> None:
        if turns and turns[-1]["role"] != "assistant":  # a question is written as its row will be
            turns = [*turns, {"role": "assistant", "content": "x"}]
        shape = turn_shape(turns, tools)
        if shape not in self._refusals:
            self._refusals[shape] = self._refusal(turns, tools)
        if self._refusals[shape]:
            raise UnfitRow(self._refusals[shape])

    def _refusal(self, turns: Sequence[Message], tools: Sequence[JSON]) -> str:
        """Why the template cannot hold turns of such a shape; empty where it can."""
        probes = list(map(turn_probe, turns, range(len(turns))))
        try:
            text = self._probed(turns, tools)
        except UnfitRow as error:
            return str(error)
        lost = [
            turn["role"] for i, turn in enumerate(probes) if turn["content"] and PLACE.format(i) not in text
        ]
        said = [text.find(PLACE.format(i)) for i, turn in enumerate(probes[:-1]) if turn["content"]]
        if not lost and said and max(said) > said[-1]:  # something of the question would stand in its answer
            lost = [probes[0]["role"]]
        if lost:
            return f"have turns that the chat template leaves out ({', '.join(dict.fromkeys(lost))})"
        if tools and PLACE.format("tool") not in text:
            return "have tools that the chat template leaves out"
        calls = [
            PLACE.format(f"{i}.{k}")
            for i, turn in enumerate(turns)
            for k in range(len(turn.get("tool_calls", ())))
        ]
        if any(call not in text for call in calls):
            return "have tool calls that the chat template leaves out"
        unsaid = thinks_aloud(turns[-1]) and PLACE.format(f"{len(turns) - 1}.aloud") not in text
        if unsaid or (any("thinking" in turn for turn in turns) and not self._shows_reasoning):
            return "have reasoning that the chat template leaves out"
        return ""  # fmt: skip

    def _probed(self, turns: Sequence[Message], tools: Sequence[JSON]) -> str:
        """The text of turns of such a shape, each with texts that can be found again."""
        tool = {
            "name": PLACE.format("tool"),
            "description": "x",
            "parameters": {"type": "object", "properties": {}},
        }
        probes = list(map(turn_probe, turns, range(len(turns))))
        return self.render(probes, [{"type": "function", "function": tool}] if tools else ())

    @functools.cached_property
    def _shows_reasoning(self) -> bool:
        """Whether an answer's reasoning is in the text at all: of earlier turns many templates leave it out on purpose."""
        answer = {
            "role": "assistant",
            "content": "x",
            "reasoning_content": PLACE.format("r"),
            "thinking": PLACE.format("r"),
        }
        try:
            return PLACE.format("r") in self.render([{"role": "user", "content": "x"}, answer], ())
        except UnfitRow:
            return False

    def _guarded(self, value: JSON) -> JSON:
        """The value with every special token in its texts parted, and without halves of surrogate pairs."""
        try:
            return self._parted(value)
        except RecursionError as error:  # a text of JSON is read to any depth
            raise UnfitRow(TOO_DEEP) from error

    def _parted(self, value: JSON) -> JSON:
        if isinstance(value, str):
            clean = value.encode("utf-8", "replace").decode()
            return self.special.sub(lambda found: found.group()[0] + MARK + found.group()[1:], clean)
        if isinstance(value, Mapping):
            return {self._parted(key): self._parted(one) for key, one in value.items()}
        return [self._parted(one) for one in value] if isinstance(value, list) else value


def _special_tokens(tokenizer: Any) -> re.Pattern[str]:  # noqa: ANN401 - a tokenizer of transformers
    names = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
    names |= set(tokenizer.all_special_tokens)
    named = sorted((name for name in names if len(name) > 1), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, named)) or r"(?!)")


def _with_standin(turns: Sequence[Message], i: int) -> list[Message]:
    """The turns with another text in turn ``i``: in what it says last."""
    turn = turns[i]
    if turn.get("tool_calls"):
        *calls, last = turn["tool_calls"]
        arguments: JSON = {STANDIN: STANDIN}
        if isinstance(last["function"]["arguments"], str):
            arguments = STANDIN
        other = turn | {
            "tool_calls": [*calls, last | {"function": last["function"] | {"arguments": arguments}}]
        }
    elif turn["content"].strip() or "thinking" not in turn:
        other = turn | {"content": STANDIN}
    else:
        other = turn | {"reasoning_content": STANDIN, "thinking": STANDIN}
    return [*turns[:i], other, *turns[i + 1 :]]


def _mark(asked: str, told: str) -> str:
    """What a template writes to begin an answer: the end of a question that its turns alone do not have."""
    return asked[_common_start(asked, told) :]


def _common_start(a: str, b: str) -> int:
    return len(os.path.commonprefix([a, b]))


def _common_end(a: str, b: str) -> int:
    return len(os.path.commonprefix([a[::-1], b[::-1]]))
