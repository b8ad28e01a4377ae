"""The marks by which a text says who speaks: those of chat templates, ``### Human:``, ``USER:``."""

from __future__ import annotations

import re
from collections import deque

# Blanks before a mark, begun where they begin: from each blank of a long run anew, a search would be quadratic.
_GAP = r"(?:(?<!\s)\s+)?"
# Each mark of a style names a speaker in its one group; the first style that finds two turns is it.
STYLES = tuple(
    re.compile(mark, re.IGNORECASE)
    for mark in (
        r"<\|im_start\|>\s*(system|user|assistant|tool)(?:[^\S\n]*\n|<\|im_sep\|>)",
        r"<\|start\|>\s*(system|developer|user|assistant|tool|functions\.[\w.-]+)(?:[^<]|<(?!\|(?:message|start)\|>)){0,200}<\|message\|>",
        r"<\|(?:start_header_id|header_start)\|>\s*(system|user|assistant|tool|ipython)\s*<\|(?:end_header_id|header_end)\|>\s*",
        r"<start_of_turn>\s*(user|model)[^\S\n]*\n",
        r"<\|turn>\s*(system|user|model|tool)[^\S\n]*\n",
        r"<\|start_of_role\|>\s*(system|user|assistant|tool|tool_response)\s*<\|end_of_role\|>",
        r"<\|START_OF_TURN_TOKEN\|>\s*<\|(SYSTEM|USER|CHATBOT)_TOKEN\|>",
        r"<\|im_(?:system|user|assistant)\|>\s*(system|user|assistant|tool)\s*<\|im_middle\|>",
        r"<\uff5c(?:hy_)?(User|Assistant)\uff5c>\s*",
        r"<\|(system|user|assistant|prompter|human|bot|observation)\|>(?::(?=\S))?\s*",
        r"\[\|(human|user|ai|assistant|system)\|\]\s*",
        rf"((?:<s>\s*)?\[INST\]\s*<<SYS>>\s*|{_GAP}<</SYS>>\s*|(?:<s>\s*)?\[SYSTEM_PROMPT\]\s*"
        rf"|{_GAP}\[/SYSTEM_PROMPT\]\s*\[INST\]\s*|(?:</s>\s*)?(?:<s>\s*)?\[INST\]\s*|{_GAP}\[/INST\]\s*"
        rf"|(?:</s>\s*)?\[TOOL_RESULTS\]\s*|{_GAP}\[/TOOL_RESULTS\]\s*)",
        rf"{_GAP}#{{2,3}}\s*(human|user|instruction|assistant|response|system|gpt|ai)\s*:\s*",
        r"<(human|bot)>:\s*",
        r"(GPT4 Correct User|GPT4 Correct Assistant):\s*",
        r"(?:^\s*|(?<!\s)\s+|(?:</s>|(?<=\uff5c>))\s*)((?-i:USER|ASSISTANT|FUNCTION RESPONSE))\s*:\s*",
        r"(?:^\s*|(?<!\s)[^\S\n]*\n\s*|(?<=\uff5c>)\s*)(user|human|assistant|ai|bot|gpt|falcon|system|function response|tool|customer|agent|patient|doctor"
        r"|student|teacher|q|a|question|answer)\s*:\s*",
        r"(?:^\s*|(?<!\s)[^\S\n]*\n\s*)(?:\[Round \d+\]\s*)?(问|答|用户|助手|ユーザー|アシスタント)\s*[:\uff1a]\s*",
    )
)
N_TEMPLATES = 12  # of the styles the first ones are marks of templates, which no prose has
_ROLE_OF = {
    "system": "system", "developer": "system",
    **dict.fromkeys(
        ("user", "human", "prompter", "instruction", "customer", "patient", "student", "q", "question", "问", "用户",
         "ユーザー", "gpt4 correct user"), "user"
    ),
    **dict.fromkeys(
        ("assistant", "ai", "bot", "gpt", "model", "response", "agent", "doctor", "teacher", "a", "answer", "falcon",
         "chatbot", "答", "助手", "アシスタント", "gpt4 correct assistant"), "assistant"
    ),
    **dict.fromkeys(("tool", "ipython", "function response", "tool_response", "observation"), "tool"),
}  # fmt: skip
_SPECIAL = r"</?s>|<\|[a-z_]+\|>|<end_of_turn>|<turn\|>|<eos>|<bos>|<eo[ha]>|\[\|endofturn\|\]|<\uff5c[^\uff5c<>]*\uff5c>"
_UNSAID = re.compile(rf"(?:\s|{_SPECIAL})+", re.IGNORECASE)
_START = re.compile(rf"(?:\s|{_SPECIAL}|\[gMASK\]|<sop>)*", re.IGNORECASE)

_LAST_TOKEN = re.compile(rf"(?:{_SPECIAL})\s*$", re.IGNORECASE)
_LONGEST_END = 200  # characters of a token and the blanks behind it


def role_of_mark(label: str) -> str:
    """The role of whoever a mark names."""
    name = label.strip().lower()
    if name.startswith("functions."):
        return "tool"
    if "tool_results" in name:
        return "assistant" if "[/" in name else "tool"
    if "inst" in name or "sys" in name and name[-1] in ">]":
        begins = name.endswith(("<<sys>>", "[system_prompt]"))
        return "system" if begins else "assistant" if name.endswith("[/inst]") else "user"
    return _ROLE_OF[name]


def ends_with_token(text: str) -> bool:
    """Whether a text ends with a special token, blanks behind it or not."""
    return _LAST_TOKEN.search(text[-_LONGEST_END:]) is not None


def without_end(text: str) -> str:
    """A text without the special tokens and blanks at its end."""
    # One after the other, of which the last counts: a search for the end would begin anew at every blank.
    last = deque(_UNSAID.finditer(text), maxlen=1)
    return text[: last[0].start()] if last and last[0].end() == len(text) else text


def between_tokens(text: str) -> str:
    """A text without the special tokens and blanks around it."""
    start = _START.match(text)
    return without_end(text[start.end() :] if start else text)
