"""The conversation formats that Tamis reads and writes, and the files that hold them."""

from __future__ import annotations

from tamis.formats.alpaca import AlpacaFields
from tamis.formats.chat import MessagesFields, ShareGPTFields
from tamis.formats.columns import InstructionResponseFields, PromptCompletionFields, QuestionAnswerFields
from tamis.formats.format import Format
from tamis.formats.preference import PreferenceFields
from tamis.formats.self_instruct import SelfInstructFields
from tamis.formats.transcript import TranscriptFields
from tamis.formats.turns import TurnsFields
from tamis.registry import Plugin, Table

# The order decides between formats that read a sample equally well: the more particular shape comes first.
FORMATS = Table(
    "format",
    Plugin(
        name="preference",
        title="Preference pairs",
        summary="chosen and rejected answers; chosen becomes the response",
        options=PreferenceFields,
        target="tamis.formats.preference:preference",
    ),
    Plugin(
        name="self_instruct",
        title="Self-Instruct",
        summary="an instruction with a list of instances, each of which becomes an example",
        options=SelfInstructFields,
        target="tamis.formats.self_instruct:self_instruct",
    ),
    Plugin(
        name="messages",
        title="OpenAI messages",
        summary="a list of turns with role and content, tool calls included",
        options=MessagesFields,
        target="tamis.formats.chat:messages",
    ),
    Plugin(
        name="sharegpt",
        title="ShareGPT",
        summary="a list of turns with from and value",
        options=ShareGPTFields,
        target="tamis.formats.chat:sharegpt",
    ),
    Plugin(
        name="turns",
        title="Plain turns",
        summary="a list of texts, user first, as in LIMA",
        options=TurnsFields,
        target="tamis.formats.turns:turns",
    ),
    Plugin(
        name="alpaca",
        title="Alpaca",
        summary="columns instruction, input and output",
        options=AlpacaFields,
        target="tamis.formats.alpaca:alpaca",
    ),
    Plugin(
        name="instruction_response",
        title="Instruction and response",
        summary="columns instruction and response, with an optional context as in Dolly",
        options=InstructionResponseFields,
        target="tamis.formats.columns:instruction_response",
    ),
    Plugin(
        name="prompt_completion",
        title="Prompt and completion",
        summary="a prompt column and a completion column, as text or as messages",
        options=PromptCompletionFields,
        target="tamis.formats.columns:prompt_completion",
    ),
    Plugin(
        name="question_answer",
        title="Question and answer",
        summary="columns question and answer",
        options=QuestionAnswerFields,
        target="tamis.formats.columns:question_answer",
    ),
    Plugin(
        name="transcript",
        title="Transcript",
        summary="a whole conversation as one text with marks of who speaks",
        options=TranscriptFields,
        target="tamis.formats.transcript:transcript",
    ),
)


def load_format(name: str) -> Format:
    """Return the format called ``name``; raises UnknownName naming the formats there are."""
    loaded: Format = FORMATS[name].load()()
    return loaded
