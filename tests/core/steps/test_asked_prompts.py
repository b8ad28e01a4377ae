"""What a model is asked about a row, by the shape of its conversation."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pyarrow as pa
import pytest

from tamis.formats.conversation import build_example
from tamis.llms.scripted import ScriptedModel
from tamis.protocols import ChatPrompt, Turn
from tamis.scorers import SCORERS
from tamis.scorers.likelihood import within_words
from tamis.scorers.transcript import transcript_of
from tamis.steps.chat_prompts import asked_prompt, question_and_answer
from tamis.steps.propose.chunks import Models, RowTexts, propose_for
from tamis.steps.propose.options import ProposeOptions
from tamis.steps.refine.chunks import asked_in
from tamis.steps.score.chunks import columns_read, scorer_input
from tamis.steps.score.options import ScoreOptions

U, A = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}
CALL = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}


def asked(*turns):
    example = build_example([*turns, A])
    found = asked_prompt(json.dumps(example.messages), example.prompt)
    assert str(found) == example.prompt  # for people and for the judge nothing changes
    return found


def test_one_users_turn_is_a_text_as_before():
    for turns in (
        [U],
        [{"role": "system", "content": ""}, U],
        [{"role": "user", "content": [{"type": "text", "text": "x"}]}],
    ):
        assert type(asked(*turns)) is str


@pytest.mark.parametrize("blank", [" ", "\n", "\u00a0"])
def test_a_blank_system_turn_is_not_asked_as_it_is_not_trained_on(blank):
    system = {"role": "system", "content": blank}
    example = build_example([system, U, A])
    found = asked_prompt(json.dumps(example.messages), example.prompt)
    assert (
        (type(found), found) == (str, "Hi") == (str, question_and_answer({"messages": example.messages})[0])
    )
    example = build_example([system, U, A, U, A])
    found = asked_prompt(json.dumps(example.messages), example.prompt)
    assert [turn.role for turn in found.turns] == ["user", "assistant", "user"]
    assert "system" not in found


def test_a_system_turn_and_earlier_turns_make_a_conversation():
    system = {"role": "system", "content": "Be kind."}
    found = asked(system, U, A, U | {"weight": 1})
    assert isinstance(found, ChatPrompt)
    assert found.turns == (("system", "Be kind."), ("user", "Hi"), ("assistant", "Ho"), ("user", "Hi"))
    assert asked(system, U).turns == (("system", "Be kind."), ("user", "Hi"))
    assert asked(U, A, U).turns[0].role == "user"


@pytest.mark.parametrize(
    "turns",
    [
        (U, CALL, {"role": "tool", "content": "7"}),
        (U, A | {"tool_calls": CALL["tool_calls"]}, U),
        (U, A, {"role": "user", "content": [{"type": "text", "text": "more"}]}),
    ],
)
def test_tools_and_parts_are_asked_as_the_turns_that_they_are(turns):
    found = asked(*turns)
    assert isinstance(found, ChatPrompt)
    assert found.messages == turns
    assert not found.is_plain
    assert pickle.loads(pickle.dumps(found)).messages == found.messages


def test_tools_of_a_row_are_asked_with_it_and_its_last_turn_is_the_answer():
    record = {"messages": [U, CALL], "tools": [{"type": "function", "function": {"name": "f"}}]}
    question, answer = question_and_answer(record)
    assert (question, question.tools) == ("Hi", tuple(record["tools"]))
    assert (answer, answer.message) == ("f({})", CALL)
    assert pickle.loads(pickle.dumps(answer)).message == CALL
    assert question_and_answer({"messages": [U, A]}) == ("Hi", "Ho")
    messages, meta = json.dumps(record["messages"]), json.dumps({"tools": record["tools"]})
    assert asked_prompt(messages, "Hi", meta).tools == question.tools


TALK = [{"role": "system", "content": "Be kind."}, U, A, {"role": "user", "content": "And?"}, A]
TOOLS = [{"type": "function", "function": {"name": "f"}}]


def row_table(**columns):
    example = build_example(TALK)
    values = {"prompt": example.prompt, "response": "Ho", "messages": json.dumps(TALK)}
    return pa.table({name: [value] for name, value in (values | columns).items()})


def test_scores_that_ask_a_model_ask_the_conversation_and_others_read_its_text():
    rows = row_table(meta=json.dumps({"tools": TOOLS}))
    given = [
        scorer_input(SCORERS[name], rows, None, llm=None, encode=None).prompts[0]
        for name in ("pmi", "length")
    ]
    assert [type(one) for one in given] == [ChatPrompt, str]
    assert given[0] == given[1]
    assert (given[0].messages, given[0].tools) == (tuple(TALK[:-1]), tuple(TOOLS))
    assert {"messages", "meta"} <= set(columns_read(SCORERS["pmi"]))
    assert not {"messages", "meta"} & set(columns_read(SCORERS["length"]))


def test_such_scores_are_not_taken_for_those_of_before():
    assert ScoreOptions(scorer="pmi").meaning() == {"asked": 2}
    assert ScoreOptions(scorer="length").meaning() == {}
    # What quotes a row quotes its tools and its reasoning since.
    assert ScoreOptions(scorer="llm_rating").meaning() == {"asked": 3}
    assert ScoreOptions(scorer="bsdetector").meaning() == {"asked": 3}
    assert ProposeOptions(method="correct").meaning() == {"judged": 2}
    assert ProposeOptions(method="filter").meaning() == {}


THINKS = CALL | {"content": "Ho", "reasoning_content": "They greet me."}
QUOTED = (
    'tools offered:\n{"type":"function","function":{"name":"f"}}\n\nuser: Hi\n\nassistant, reasoning: They greet me.\n\n'
    "assistant: Ho\nf({})\n\ntool: 7\n\nassistant: Ho\n\nuser: And?"
)


def with_tools():
    turns = [U, THINKS, {"role": "tool", "content": "7"}, A, {"role": "user", "content": "And?"}, A]
    return build_example(turns), json.dumps({"tools": TOOLS})


def test_what_is_quoted_holds_tools_calls_results_and_reasoning():
    example, meta = with_tools()
    found = asked_prompt(json.dumps(example.messages), example.prompt, meta)
    assert transcript_of(found) == QUOTED
    assert transcript_of("Hi") == "Hi"
    # Of texts alone it is what people read.
    assert (
        transcript_of(asked({"role": "system", "content": "Be kind."}, U)) == "system: Be kind.\n\nuser: Hi"
    )


def test_everything_that_quotes_a_row_quotes_it_alike():
    """Judge of proposals, rating and BSDetector: one fenced text in one user's message, no turn of the row's own."""
    heard = []

    def completes(question, k):
        heard.append(question)
        return "[[A]]"

    def chooses(question, letters):
        heard.append(question)
        return [1 / len(letters)] * len(letters)

    example, meta = with_tools()
    rows = row_table(prompt=example.prompt, messages=json.dumps(example.messages), meta=meta)
    for model in (ScriptedModel(chooses=chooses, completes=completes), ScriptedModel(completes=completes)):
        for name in ("llm_rating", "bsdetector"):
            row = SCORERS[name]
            given = scorer_input(row, rows, None, llm=model, encode=lambda texts: np.ones((len(texts), 2)))
            row.load()(row.options()).score(given)
        found = asked_prompt(json.dumps(example.messages), example.prompt, meta)
        options = ProposeOptions(method="correct")
        propose_for(RowTexts([0], [found], ["Ho"]), Models(model, model), options)
    judged = [one for one in heard if not isinstance(one, ChatPrompt)]  # the writer is asked the conversation
    assert len(judged) >= 12
    assert all(type(one) is str and QUOTED in one for one in judged)
    written = [one for one in heard if isinstance(one, ChatPrompt)]
    assert written
    assert all((one.messages, one.tools) == (found.messages, found.tools) for one in written)


def test_rounds_of_a_refinement_ask_the_conversation():
    (found,) = asked_in(row_table(meta=json.dumps({"tools": TOOLS})))
    assert (found.messages, found.tools) == (tuple(TALK[:-1]), tuple(TOOLS))


def test_a_long_conversation_stays_one_for_likelihoods():
    long = ChatPrompt(
        [
            Turn("system", "S"),
            *(Turn(role, "word " * 30) for role in ("user", "assistant") * 3),
            Turn("user", "Q?"),
        ]
    )
    cut = within_words(long, 80)
    assert isinstance(cut, ChatPrompt)
    assert [turn.role for turn in cut.turns] == ["system", "user", "assistant", "user"]
    assert within_words(cut, 80) is cut
