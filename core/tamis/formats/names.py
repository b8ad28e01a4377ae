"""What public datasets call the parts of a conversation; the order is that in which the names are tried."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache

from tamis.formats.role_labels import role_of
from tamis.formats.transcript_marks import STYLES
from tamis.types import JSON

MESSAGE_LISTS = (
    "messages", "conversations", "conversation", "dialog", "dialogue", "dialogs", "dialogues", "turns", "chat", "items",
    "contents", "chosen_conversation", "trajectory",
)  # fmt: skip
# Of them those under which texts without a speaker are what two people said in turn.
TEXTS_IN_TURN = (
    "messages", "conversations", "conversation", "dialog", "dialogue", "dialogs", "dialogues", "chat", "chosen_conversation",
)  # fmt: skip
SYSTEM = (
    "system", "system_prompt", "system_message", "system_instruction", "systeminstruction", "systemprompt", "sys_prompt",
    "sysprompt", "system_text",
    "系统", "系統", "系统提示", "系統提示", "系统提示词", "系統提示詞", "系统消息", "系统指令", "システム", "システムプロンプト", "システムメッセージ", "시스템", "시스템프롬프트",
    "시스템_프롬프트", "시스템_메시지", "systemnachricht", "systemanweisung", "system_nachricht", "message_système", "message_systeme", "mensaje_del_sistema",
    "mensaje_de_sistema", "sistema", "système", "systeme",
)  # fmt: skip
CONTEXT = (
    "context", "input", "inputs", "contexts", "sql_context", "passage", "document", "documents", "background", "support",
    "input_context", "context_text", "source_text", "source_document", "document_text", "passage_text", "article", "article_text",
    "paragraph",
    "输入", "輸入", "上下文", "入力", "文脈", "입력", "문맥", "eingabe", "kontext", "entrée", "contexte", "entrada", "contexto",
)  # fmt: skip
INPUT = ("input", "inputs", *(name for name in CONTEXT if name not in ("input", "inputs")))
HISTORY = (
    "history", "chat_history", "conversation_history", "dialog_history", "dialogue_history", "message_history",
    "previous_turns",
    *(
        f"{when}_{what}"
        for when in ("prev", "previous", "prior", "past", "earlier", "preceding")
        for what in ("messages", "turns", "conversation", "dialog", "dialogue", "chat")
        if (when, what) != ("previous", "turns")
    ),
)  # fmt: skip
REASONING = (
    "reasoning_content", "deepseek_reasoning", "deepseek_thinking_trajectory", "complex_cot", "chain_of_thought",
    "thinking_trajectory", "thinking_trajectories", "reasoning_trace", "reasoning", "thinking", "thought", "cot",
)  # fmt: skip
INSTRUCTION = ("instruction", "instructions")
QUESTION = ("question", "questions", "question_text")
PROMPT = (
    "prompt", "query", "problem", "inputs_pretokenized", "inputs", "input", "human", "user", "user_prompt", "user_message", "user_input",
    "sql_prompt", "input_text", "text_input", "prompt_text", "message_1", "patient", "request", "q",
)  # fmt: skip
COMPLETION = (
    "completion", "response", "output", "answer", "targets_pretokenized", "targets", "target", "solution", "generation", "assistant", "bot",
    "gpt", "answers", "outputs", "completions", "responses", "generations", "output_text", "response_text",
    "target_text", "answer_text", "assistant_response", "assistant_message", "bot_response", "model_response",
    "model_output", "generated_solution", "generated_text", "deepseek_solution", "deepseek_attempt", "correct_answer",
    "best_answer", "right_answer", "right_response", "long_answer", "reference_answer", "expected_answer", "expected_output", "ground_truth", "ideal",
    "canonical_solution", "solutions", "sql", "message_2", "doctor",
)  # fmt: skip
SEVERAL = ("answers", "solutions", "outputs", "completions", "responses", "generations")
# Names that say little by themselves: a prompt only with this answer, an answer only with this prompt.
PAIRS = (
    ("q", "a"), ("input", "expected"), ("message", "response"), ("message", "reply"), ("prompt", "text"), ("input", "content"), ("question", "query"), ("context", "response"),
    ("problem", "code"), ("prompt", "code"), ("instruction", "code"), ("instruction", "text"), ("title", "answers"),
    ("指令", "输出"), ("指令", "回答"), ("指令", "回复"), ("提示", "回答"), ("提示", "输出"), ("问题", "回答"), ("问题", "答案"),
    ("问", "答"), ("提问", "回答"), ("用户", "助手"), ("輸入", "輸出"), ("问题", "回复"), ("問題", "回答"), ("問題", "答案"),
    ("指令", "輸出"), ("输入", "输出"), ("指示", "出力"), ("指示", "回答"), ("指示", "応答"), ("質問", "回答"), ("質問", "応答"),
    ("入力", "出力"), ("지시", "출력"), ("지시", "응답"), ("지시문", "출력"), ("지시문", "응답"), ("명령", "응답"),
    ("질문", "답변"), ("질문", "대답"), ("질문", "응답"), ("입력", "출력"), ("frage", "antwort"), ("anweisung", "antwort"),
    ("anweisung", "ausgabe"), ("eingabe", "ausgabe"), ("question", "réponse"), ("question", "reponse"),
    ("instruction", "réponse"), ("instruction", "reponse"), ("consigne", "réponse"), ("entrée", "sortie"),
    ("instruction", "sortie"), ("pregunta", "respuesta"), ("instrucción", "respuesta"), ("instruccion", "respuesta"),
    ("instrucción", "salida"), ("entrada", "salida"),
)  # fmt: skip
TRANSCRIPTS = (
    "text", "chat", "conversation", "conversations", "transcript", "dialogue", "dialog", "messages", "formatted_text",
    "formatted_chat", "prompt", "input", "content", "sample", "data",
)  # fmt: skip
CHOSEN_REJECTED = (
    ("chosen", "rejected"), ("chosen_response", "rejected_response"), ("response_chosen", "response_rejected"),
    ("chosen_messages", "rejected_messages"), ("chosen_conversations", "rejected_conversations"),
    ("chosen_answer", "rejected_answer"), ("answer_chosen", "answer_rejected"), ("chosen_output", "rejected_output"),
    ("chosen_text", "rejected_text"), ("chosen_completion", "rejected_completion"),
    ("preferred_output", "non_preferred_output"), ("preferred", "non_preferred"), ("preferred", "dispreferred"),
    ("preferred", "rejected"), ("preferred_response", "rejected_response"), ("response_j", "response_k"),
    ("better_response", "worse_response"), ("better", "worse"), ("winner", "loser"), ("accepted", "rejected"),
    ("response", "rejected_response"), ("response", "rejected"), ("output", "rejected"), ("completion", "rejected"),
    ("answer", "rejected_answer"),
)  # fmt: skip
PREFERENCE_PROMPT = (
    "prompt", "instruction", "question", "conversations", "messages", "query", "conversation", "prompt_messages",
    "history", "context", "input", "trajectory", "problem",
)  # fmt: skip
ROLE_KEYS = ("role", "from", "speaker", "author", "sender", "user", "type", "Role", "From", "Speaker")
_ANSWER_KEYS = frozenset(
    ("pm_score", "selected", "accepted", "is_accepted", "is_correct")
)  # of answers, not of turns
_NUMBERED_KEYS = ("role", "from", "speaker")
CONTENT_KEYS = (
    "content", "value", "text", "message", "utterance", "parts", "body", "Content", "Value", "Text", "Message",
)  # fmt: skip
# Keys of an object that is one exchange: what the user says, what the assistant says.
EXCHANGE_KEYS = (
    ("human", "assistant"), ("user", "assistant"), ("input", "output"), ("question", "answer"), ("prompt", "response"),
    ("prompt", "completion"), ("instruction", "output"), ("instruction", "response"), ("query", "response"),
    ("human", "gpt"), ("human", "bot"), ("user", "bot"), ("human", "moss"), ("query", "answer"), ("q", "a"),
)  # fmt: skip
# What tells the names of columns from values.
KNOWN_COLUMNS = frozenset((
    *MESSAGE_LISTS, *SYSTEM, *CONTEXT, *HISTORY, *INSTRUCTION, *QUESTION, *PROMPT, *COMPLETION,
    *(name for pair in CHOSEN_REJECTED for name in pair), "id", "text", "instances",
))  # fmt: skip
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BETWEEN_WORDS = re.compile(r"[\s_-]+")
_FLAGS = frozenset(("on", "off", "yes", "no", "true", "false", "none", "low", "medium", "high", ""))
_REFUSED = ("reject", "non_preferred", "dispreferred", "worse", "worst", "loser", "negative")


@lru_cache(maxsize=1 << 14)  # more names than a row may have
def usual_spelling(column: str) -> str:
    """A column's own name as most datasets spell it: small letters, words parted by underscores."""
    words = _HUMP.sub("_", column.rpartition(".")[2].strip())
    return _BETWEEN_WORDS.sub("_", words).lower()


def match_column(columns: dict[str, JSON], *names: str) -> str | None:
    """Return the first column that has one of the names, whatever its case, in the order of the names.

    A column inside an object (``fields.prompt``) goes by its last name where no other column has it.
    """
    called = {name: column for column in reversed(columns) if (name := _told_in(column))}
    called |= {usual_spelling(column): column for column in reversed(columns)}
    called |= {column.rpartition(".")[2].lower(): column for column in reversed(columns)}
    called |= {column.lower(): column for column in reversed(columns)}
    called |= {column: column for column in columns}
    return next((called[name] for name in names if name in called), None)


def _told_in(column: str) -> str:
    """The name of the object whose text a column is: ``question`` of ``question.text``; empty for none."""
    head, _, last = column.rpartition(".")
    return usual_spelling(head) if head and last in ("text", "full_text") else ""


def match_text(columns: dict[str, JSON], *names: str) -> str | None:
    """Return the first column with one of the names that holds text or nothing yet, not a list or an object."""
    plain = {column: value for column, value in columns.items() if not isinstance(value, list | dict)}
    return match_column(plain, *names)


def match_thoughts(columns: dict[str, JSON], *names: str) -> str | None:
    """Return the first column with one of the names that holds thoughts; a switch, ``reasoning: on``, holds none."""
    thoughts = {column: value for column, value in columns.items() if not is_switch(value)}
    return match_column(thoughts, *names)


def optional_column(
    columns: dict[str, JSON], match: Callable[..., str | None], names: Sequence[str], taken: Sequence[str]
) -> str:
    """Return the column of an optional part; without one its usual name, or none where that name means something else.

    ``taken`` are columns that play another part.
    """
    free = {column: value for column, value in columns.items() if column not in taken}
    return match(free, *names) or ("" if names[0] in columns else names[0])


def optional_parts(columns: dict[str, JSON], fields: dict[str, str]) -> dict[str, str]:
    """Return the columns of the optional parts that a mapping has, beside those of ``fields`` (part to column)."""
    taken = tuple(fields.values())
    known: dict[str, tuple[Callable[..., str | None], tuple[str, ...]]] = {
        "system": (match_text, SYSTEM),
        "context": (match_text, CONTEXT),
        "input": (match_text, INPUT),
        "history": (match_column, HISTORY),
        "reasoning": (match_thoughts, REASONING),
    }
    return {part: optional_column(columns, match, names, taken) for part, (match, names) in known.items()}


def is_switch(value: JSON) -> bool:
    """Whether a text only says how much is thought, ``reasoning: on``."""
    return str(value or "-").strip().lower() in _FLAGS


def is_refused(column: str) -> bool:
    """Whether a column's name says that it holds the answer not to learn."""
    return any(word in column.lower() for word in _REFUSED)


def is_answer(column: str, columns: dict[str, JSON], turns: JSON = None) -> bool:
    """Whether a column is named an answer and stands beside a prompt that is text: its text is one, whatever it holds.

    ``turns`` are those that its text holds; those of a reply alone are no text.
    """
    if usual_spelling(column) not in COMPLETION:
        return False
    others = {name: value for name, value in columns.items() if name != column}
    asked = match_text(others, *INSTRUCTION, *QUESTION, *PROMPT)
    if asked is None or not isinstance(columns[asked], str) or columns[asked].lstrip()[:1] in ("[", "{"):
        return False
    if not isinstance(turns, list) or any(is_refused(name) for name in others):
        return turns is None
    labels = [turn[keys[0]] for turn in turns if (keys := turn_keys(turn))]
    return len(labels) == len(turns) > 1 and any(label in ("user", "human") for label in labels)


def asks_in_turns(columns: dict[str, JSON]) -> bool:
    """Whether a prompt or an input is a list of turns: an instruction beside it is not what is asked."""
    return any(turn_keys(first_item(columns.get(name))) is not None for name in ("prompt", "input"))


def lists_answers(column: str, value: JSON) -> bool:
    """Whether data under the name of several answers is a list of texts: each is one, the text of the list is none."""
    return (
        usual_spelling(column) in SEVERAL
        and isinstance(value, list)
        and bool(value)
        and all(isinstance(item, str) for item in value)
    )


def conversation_columns(columns: dict[str, JSON]) -> dict[str, JSON]:
    """Return the columns that may hold the conversation.

    None is a rejected one, one of two sides that stand against each other, the history beside an answer or beside a
    conversation, or an answer in text beside a prompt.
    """
    has_answer = match_column(columns, *COMPLETION) is not None
    # What came before the conversation is none where another column holds one.
    is_told = has_answer or any(
        usual_spelling(column) not in HISTORY and holds_turns(column, value)
        for column, value in columns.items()
    )
    lowered = {column.lower() for column in columns}

    def is_side(column: str) -> bool:
        name, _, side = column.lower().rpartition("_")
        other = {"a": "b", "b": "a", "0": "1", "1": "0", "2": "1"}.get(side)
        return bool(name) and other is not None and f"{name}_{other}" in lowered

    return {
        column: value
        for column, value in columns.items()
        if not is_refused(column)
        and not is_side(column)
        and not (isinstance(value, str) and is_answer(column, columns))
        and not (is_told and usual_spelling(column) in HISTORY)
    }


def exchange_keys(item: JSON) -> tuple[str, str] | None:
    """Return the keys of an object that is one exchange, user first, or None."""
    if not isinstance(item, dict):
        return None
    called = {key.lower(): key for key in item}
    return next(
        (
            (called[said], called[replied])
            for said, replied in EXCHANGE_KEYS
            if said in called and replied in called
        ),
        None,
    )


def turn_keys(item: JSON) -> tuple[str, str] | None:
    """Return the keys of a turn that hold its role and its text, or None when it is none."""
    if not isinstance(item, dict):
        return None
    role = next((key for key in ROLE_KEYS if isinstance(item.get(key), str)), None)
    if role not in (None, "role", "from") and not _ANSWER_KEYS.isdisjoint(item) and not role_of(item[role]):
        return None  # an answer with its author
    if role is None:  # a number, whose meaning a person has to say
        role = next((key for key in _NUMBERED_KEYS if type(item.get(key)) is int), None)
    content = next((key for key in CONTENT_KEYS if key in item and key != role), None)
    # The name of who speaks may be a key of an exchange, too.
    if role is not None and content is None and "tool_calls" in item and exchange_keys(item) is None:
        content = "content"
    return (role, content) if role and content else None


def telling_turn(turns: JSON) -> JSON:
    """Return the turn of a list that shows its keys: the first one, or the first with a text where that one only has a role."""
    first = first_item(turns)
    if (
        not isinstance(first, dict)
        or turn_keys(first)
        or not any(role_of(str(first.get(key))) for key in ROLE_KEYS)
    ):
        return first
    return next((turn for turn in turns[1:] if turn_keys(turn)), first)


def holds_turns(column: str, value: JSON) -> bool:
    """Whether a column holds turns, texts in turn under a name that says so, or a text with marks of who speaks."""
    if isinstance(value, str):
        return usual_spelling(column) in TRANSCRIPTS and any(
            len(style.findall(value)) > 1 for style in STYLES
        )
    first = telling_turn(value)
    if isinstance(first, str):
        return usual_spelling(column) in TEXTS_IN_TURN
    return bool(turn_keys(first) or exchange_keys(first) or is_named_turn(first))


def is_named_turn(item: JSON) -> bool:
    """Whether an object is one text under the name of who says it: ``{"user": "Hello"}``."""
    if not isinstance(item, dict) or len(item) != 1:
        return False
    ((name, text),) = item.items()
    return isinstance(text, str) and bool(role_of(name))


def first_item(value: JSON) -> JSON:
    """Return the first item of a list, or None."""
    return value[0] if isinstance(value, list) and value else None


def holds_conversation(column: str, value: JSON) -> bool:
    """Whether data under a name is a conversation or a part of one: turns, exchanges, or objects around them."""
    first = telling_turn(value)
    if turn_keys(first) or exchange_keys(first) or turn_keys(value) or is_named_turn(first):
        return True
    named = column.rpartition(".")[2].lower()
    if named in HISTORY:
        return isinstance(value, list)
    if isinstance(first, list | str):
        names = TEXTS_IN_TURN if isinstance(first, str) else MESSAGE_LISTS
        return named in names or (named == "data" and len(value) > 1)
    return isinstance(value, dict) and any(holds_conversation(key, item) for key, item in value.items())


def are_calls(value: JSON) -> bool:
    """Whether a value is a list of calls of functions: a name and arguments each."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(call, dict) and {"name", "arguments"} <= call.keys() for call in value)
    )


def are_choices(value: JSON) -> bool:
    """Whether a value is the answers of a chat API: objects with a message each."""
    first = first_item(value)
    return (
        isinstance(first, dict) and turn_keys(first) is None and turn_keys(first.get("message")) is not None
    )


def has_tools(columns: dict[str, JSON]) -> bool:
    """Whether a column lists the functions that may be called."""
    return match_column(columns, "tools", "functions", "available_tools", "tool_definitions") is not None


def late_names(
    parts: dict[str, str], joined: Sequence[str] = (), of_items: Collection[str] = ()
) -> dict[str, str]:
    """Return the part that each common name would have played had it been there, for the optional parts.

    ``parts`` maps part to column; a part that was given no column is not looked for. ``joined`` are columns that are
    part of the prompt, ``of_items`` parts that are no columns.
    """
    taken = {name.lower() for column in (*parts.values(), *joined) for name in column.split("|")}
    optional: dict[str, Sequence[str]] = {
        "system": SYSTEM, "context": CONTEXT, "input": INPUT, "history": HISTORY, "reasoning": REASONING[:8],
    }  # fmt: skip
    return {
        name: part
        for part, names in optional.items()
        if part in parts and part not in of_items
        for name in names
        if name not in taken
    }
