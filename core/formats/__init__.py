"""The conversation formats that Tamis reads and writes, and the files that hold them."""

from __future__ import annotations

from core.formats.alpaca import AlpacaFields
from core.formats.chat import MessagesFields, ShareGPTFields
from core.formats.columns import InstructionResponseFields, PromptCompletionFields, QuestionAnswerFields
from core.formats.format import Format
from core.formats.preference import PreferenceFields
from core.formats.self_instruct import SelfInstructFields
from core.formats.turns import TurnsFields
from core.registry import Plugin, Table

# The order decides between formats that read a sample equally well: the more particular shape comes first.
FORMATS = Table(
    "format",
    Plugin(
        name="preference",
        title="Preference pairs",
        summary="chosen and rejected answers; chosen becomes the response",
        options=PreferenceFields,
        target="core.formats.preference:preference",
    ),
    Plugin(
        name="self_instruct",
        title="Self-Instruct",
        summary="an instruction with a list of instances, each of which becomes an example",
        options=SelfInstructFields,
        target="core.formats.self_instruct:self_instruct",
    ),
    Plugin(
        name="messages",
        title="OpenAI messages",
        summary="a list of turns with role and content, tool calls included",
        options=MessagesFields,
        target="core.formats.chat:messages",
    ),
    Plugin(
        name="sharegpt",
        title="ShareGPT",
        summary="a list of turns with from and value",
        options=ShareGPTFields,
        target="core.formats.chat:sharegpt",
    ),
    Plugin(
        name="turns",
        title="Plain turns",
        summary="a list of texts, user first, as in LIMA",
        options=TurnsFields,
        target="core.formats.turns:turns",
    ),
    Plugin(
        name="alpaca",
        title="Alpaca",
        summary="columns instruction, input and output",
        options=AlpacaFields,
        target="core.formats.alpaca:alpaca",
    ),
    Plugin(
        name="instruction_response",
        title="Instruction and response",
        summary="columns instruction and response, with an optional context as in Dolly",
        options=InstructionResponseFields,
        target="core.formats.columns:instruction_response",
    ),
    Plugin(
        name="prompt_completion",
        title="Prompt and completion",
        summary="a prompt column and a completion column, as text or as messages",
        options=PromptCompletionFields,
        target="core.formats.columns:prompt_completion",
    ),
    Plugin(
        name="question_answer",
        title="Question and answer",
        summary="columns question and answer",
        options=QuestionAnswerFields,
        target="core.formats.columns:question_answer",
    ),
)


def load_format(name: str) -> Format:
    """Return the format called ``name``; raises UnknownName naming the formats there are."""
    found: Format = FORMATS[name].load()()
    return found
