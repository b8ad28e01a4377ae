"""Chat templates of strangers: programs that loop, take memory, or look for what is none of theirs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tamis.actions.forecast import forecast, forecast_detail, row_lengths
from tamis.actions.learned_tokens import learned_tokens
from tamis.actions.submit import plan_run
from tamis.errors import LimitReached
from tamis.models import template_engine, template_process
from tamis.models.chat_rows import ChatRow, as_text_only, read_chat_row
from tamis.models.chat_template import ChatTemplate
from tamis.models.row_marks import UnfitRow
from tamis.settings import Settings
from tamis.store.workspace import open_workspace
from tests.pages.page_workspace import alpaca_file, import_file

TURNS = [{"role": "user", "content": "a question"}]
HARMLESS = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
ENORMOUS = (
    "{{ 'x' * 10 ** 12 }}",
    "{{ 'x' | center(10 ** 12) }}",
    "{{ '%1000000000000d' % 1 }}",
    "{% set ns = namespace(a='x') %}{% for i in range(60) %}{% set ns.a = ns.a ~ ns.a %}{% endfor %}",
    "{% set ns = namespace(a=['x']) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}{{ ns.a | tojson }}",
    "{% for i in range(9000) %}{{ 'x' * 9000 }}{% endfor %}",
)
REACHING = (
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ raise_exception.__globals__['sys'] }}",
    "{{ '{0.__class__.__mro__}'.format(messages) }}",
    "{{ (messages | attr('append'))('x') }}",
    "{{ messages.append('x') }}",
    "{% include '/etc/passwd' %}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
)


@pytest.fixture(autouse=True)
def impatient(tmp_path, monkeypatch):
    """The process that renders, with as little time and memory as a test has."""
    text = Path(str(template_process.__file__)).read_text("utf-8")
    short = text.replace("CPU_S = 5 ", "CPU_S = 0 ").replace("1 << 30", "1 << 28")
    assert short.count("CPU_S = 0 ") == short.count("1 << 28") == 1
    program = tmp_path / "template_process.py"
    program.write_text(short, "utf-8")
    monkeypatch.setattr(template_engine.template_process, "__file__", str(program))
    monkeypatch.setattr(template_engine, "_harmful", set())
    template_engine._end_idle()
    yield
    template_engine._end_idle()


def chat(template: str) -> ChatTemplate:
    """A template as the files of a model bring it."""
    return ChatTemplate(
        SimpleNamespace(
            chat_template=template, get_chat_template=lambda chosen, tools: template,
            special_tokens_map={"bos_token": "<s>"}, added_tokens_decoder={}, all_special_tokens=["<s>"], eos_token="</s>",
        )
    )  # fmt: skip


@pytest.mark.parametrize("template", [ENDLESS, *ENORMOUS])
def test_what_would_not_end_is_ended_and_said_in_one_sentence(template, monkeypatch):
    with pytest.raises(LimitReached, match="chat template takes more than .* Choose another model") as told:
        chat(template).render(TURNS, [])
    assert "\n" not in str(told.value)
    if "range(99999)" in template or "10 **" in template:
        # From then on it is known, and nothing is started for it.
        monkeypatch.setattr(template_engine, "_take", lambda: pytest.fail("asked again"))
        with pytest.raises(LimitReached):
            chat(template).turns(ChatRow(tuple(TURNS)))
    else:
        assert chat(HARMLESS).render(TURNS, []) == "user: a question\n"


@pytest.mark.parametrize("template", REACHING)
def test_what_reaches_out_is_refused_as_a_row_is(template):
    with pytest.raises(UnfitRow, match="refused by the chat template") as told:
        chat(template).render(TURNS, [])
    assert "\n" not in str(told.value) and len(str(told.value)) < 200
    assert chat(HARMLESS).render(TURNS, []) == "user: a question\n"


def test_no_variable_of_the_environment_and_no_folder_of_ours_is_there(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    chat(HARMLESS).render(TURNS, [])
    (renderer,) = template_engine._idle
    given = Path(f"/proc/{renderer._process.pid}/environ")
    if not given.exists():
        pytest.skip("this system shows no environment of processes")
    assert b"secret" not in given.read_bytes()


def test_a_process_that_was_forked_off_asks_one_of_its_own():
    chat(HARMLESS).render(TURNS, [])
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, b"%d" % len(template_engine._idle))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 9) == b"0"
    assert len(template_engine._idle) == 1
    os.close(read)
    os.close(write)


@pytest.mark.parametrize("depth", [300, 500, 700, 1000, 5000])
@pytest.mark.parametrize("place", ["arguments", "tools"])
@pytest.mark.parametrize("how", [lambda row: row, as_text_only], ids=["as it is", "in words"])
def test_what_is_nested_to_any_depth_is_a_row_that_does_not_fit(depth, place, how):
    deep = '{"a":' * depth + "1" + "}" * depth
    call = {
        "id": "1",
        "type": "function",
        "function": {"name": "f", "arguments": deep if place == "arguments" else "{}"},
    }
    record = {"messages": [*TURNS, {"role": "assistant", "content": "x", "tool_calls": [call]}]}
    if place == "tools":
        record["tools"] = deep
    template = chat(
        "{% for m in messages %}{{ m.role }}: {{ m.content }}{% for c in m.tool_calls or [] %}{{ c.function | tojson }}"
        "{% endfor %}{% endfor %}{{ tools | tojson }}"
    )
    try:
        row = how(read_chat_row(record))
        template.write(template.turns(row), template.tools(row))
    except UnfitRow as error:
        assert "nested too deep" in str(error)


def test_a_tokenizer_that_makes_millions_of_a_letter_is_not_the_servers_to_run(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    dataset_id = import_file(tmp_path / "workspace", alpaca_file(tmp_path, 3))
    folder = tmp_path / "model"
    folder.mkdir()
    evil = tokenizers.Tokenizer(tokenizers.models.BPE(vocab={"x": 0, "</s>": 1}, merges=[]))
    grow = tokenizers.normalizers.Replace(tokenizers.Regex("."), "x" * 32)
    evil.normalizer = tokenizers.normalizers.Sequence([grow] * 6)
    evil.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text('{"max_position_embeddings": 512}')
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"chat_template": HARMLESS, "eos_token": "</s>"})
    )
    settings = Settings(import_folders=[tmp_path], read_memory_gb=0.4, read_cpu_s=2)
    browser = open_workspace(tmp_path / "workspace", settings, confined=True)
    for ask in (
        lambda: learned_tokens(browser, dataset_id, 0, model=str(folder)),
        lambda: row_lengths(browser, dataset_id, np.arange(3), str(folder)),
        lambda: forecast_detail(browser, plan_run(browser, dataset_id, "finetune", {"model": str(folder)})),
    ):
        with pytest.raises(LimitReached, match="TAMIS_READ_"):
            ask()
    said = forecast(browser, dataset_id, "finetune", {"model": str(folder)}).checks
    assert any("TAMIS_READ_" in one.message for one in said if one.ok is False)
