"""Rows of every kind that training meets."""

from __future__ import annotations

from tamis.models.chat_rows import ChatRow, read_chat_row


def user(text, **marks):
    return {"role": "user", "content": text, **marks}


def says(text, **marks):
    return {"role": "assistant", "content": text, **marks}


def system(text):
    return {"role": "system", "content": text}


def called(name, arguments, number=1):
    function = {"name": name, "arguments": arguments}
    return {"id": f"call{number:05d}", "type": "function", "function": function}


def told(text, number=1):
    return {"role": "tool", "tool_call_id": f"call{number:05d}", "content": text}


def tool(name):
    parameters = {"type": "object", "properties": {"port": {"type": "string"}}, "required": ["port"]}
    return {
        "type": "function",
        "function": {"name": name, "description": f"The {name} of a port", "parameters": parameters},
    }


TIDE, WIND = tool("tide"), tool("wind")
ASK = called("tide", '{"port": "Brest"}')
RECORDS = {
    "one exchange": {"messages": [user("Hi?"), says("Ho.")]},
    "system": {"messages": [system("Be kind."), user("Hi?"), says("Ho.")]},
    "two exchanges": {"messages": [user("Hi?"), says("Ho."), user("And?"), says("So.")]},
    "system, two exchanges": {"messages": [system("Be brief."), user("Hi?"), says("Ho."), user("And?"), says("So.")]},
    "space around": {"messages": [user(" Hi? \n"), says("\n\n  Ho. \n")]},
    "marks in texts": {
        "messages": [
            user("Say <|im_end|> or </s> or <|eot_id|>"),
            says("<|im_start|>user\nHo<|end|><end_of_turn>[/INST]"),
            user("<|return|>"),
            says("</s>So."),
        ]
    },
    "other scripts": {"messages": [user("Qu’est-ce ? 日本語 🌊"), says("C’est l’été: ça va 🙂")]},
    "empty system": {"messages": [system(""), user("Hi?"), says("Ho.")]},
    "weight 0, then 1": {"messages": [user("2+2?"), says("5", weight=0), user("Sure?"), says("Sorry, 4.", weight=1)]},
    "train false": {"messages": [user("Peru?"), says("Cuzco", train=False), user("No."), says("Lima", train=True)]},
    "weight a fraction": {"messages": [user("A nut"), says("Nut", loss_weight=0.25), user("Which?"), says("Almond")]},
    "a turn's label": {"messages": [user("Hi?"), says("Ho.", label=False), user("And?"), says("So.", label=True)]},
    "row's label": {"messages": [user("Good?"), says("This one is bad.")], "label": False},
    "reasoning": {"messages": [user("3 dogs' legs?"), says("12", reasoning_content="Four each, three times.")]},
    "reasoning twice": {
        "messages": [user("2+2?"), says("4", thinking="Two and two."), user("3+3?"), says("6", reasoning="Three and three.")]
    },
    "thought inside": {"messages": [user("2+2?"), says("<think>\nTwo and two.\n</think>\n\n4")]},
    "a tool's round": {
        "messages": [user("Tide?"), says(None, tool_calls=[ASK]), told('3.1 "m"'), says("3.1 metres.")], "tools": [TIDE]
    },
    "ends with a call": {"messages": [user("Tide?"), says("", tool_calls=[ASK])], "tools": [TIDE, WIND]},
    "thought before a call": {
        "messages": [
            user("Tide?"), says(None, tool_calls=[ASK], reasoning_content="I must look."), told("3.1 m"), says("3.1 metres.")
        ],
        "tools": [TIDE],
    },
    "Anthropic's parts": {
        "messages": [
            user("Tide?"),
            says([
                {"type": "thinking", "thinking": "I must look."}, {"type": "tool_use", "id": "call00001", "name": "tide", "input": {"port": "Brest"}},
            ]),
            user([{"type": "tool_result", "tool_use_id": "call00001", "content": [{"type": "text", "text": "3.1 m"}]}]),
            says([{"type": "text", "text": "3.1 metres."}]),
        ],
        "tools": [{"name": "tide", "description": "The tide of a port", "input_schema": TIDE["function"]["parameters"]}],
    },
    "a tool gave an object": {
        "messages": [user("Tide?"), says("", tool_calls=[ASK]), told({"m": 3.1}), says("3.1 metres.")], "tools": [TIDE]
    },
    "masked": {"messages": [user("Peru?"), says("Cuzco", masked=True), user("No."), says("Lima", train_on_turn=True)]},
    "thought beside": {"messages": [user("2+2?"), says("4")], "reasoning_content": "Two and two."},
    "parts": {"messages": [user([{"type": "text", "text": "Hi"}, {"type": "text", "text": "there?"}]), says("Ho.")]},
    "code in an answer": {
        "messages": [user("Show it."), says("```python\nfor i in range(2):\n    print(i)  # two lines\n```\n\n- one\n- two")]
    },
    "JSON in an answer": {"messages": [user("As JSON?"), says('{"name": "tide", "arguments": {"port": "Brest", "m": [3.1, null]}}')]},
    "letters that run the other way": {"messages": [system("בקצרה"), user("ما هذا؟"), says("นี่คือทะเล، وهو أزرق 👩‍👩‍👧")]},
    "only the last answer": {"messages": [user("Hi?"), says("Ho."), user("And?"), says("So.")], "mask_history": True},
    "three exchanges, one of no weight": {
        "messages": [
            system("Be brief."), user("Peru?"), says("Lima", weight=1), user("Chile?"), says("Santiago", weight=0), user("Cuba?"), says("Havana")
        ]
    },
    "a whole row of half weight": {"messages": [user("Hi?"), says("Ho."), user("And?"), says("So.")], "weight": 0.5},
    "a picture": {"messages": [user([{"type": "image"}, {"type": "text", "text": "What?"}]), says("A dock.")]},
}  # fmt: skip


def chat_row(kind: str) -> ChatRow:
    return read_chat_row(RECORDS[kind])


# Tools, calls, results, reasoning, weights and a system turn: all that a training can be told.
EVERYTHING = {
    "messages": [
        system("Be exact."),
        user("Tide in Brest?"),
        says(None, tool_calls=[ASK], reasoning_content="I must look.", weight=0.5),
        told("3.1 m"),
        says("3.1 metres.", train=True),
        user("And the wind?"),
        says("No idea.", thinking="Nobody told me.", loss_weight=1.0),
    ],
    "tools": [TIDE],
    "source_id": "x-1",
}
