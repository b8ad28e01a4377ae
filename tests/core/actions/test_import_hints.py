"""Every hint that an import gives is taken as it stands, and reads what it promises."""

from __future__ import annotations

import json
import re
import shlex
from collections import defaultdict
from pathlib import Path

import orjson
import pytest

from tamis.actions.imports import GuessedEncoding, guessed_encodings, plan_paths
from tamis.actions.remedies import reading_remedy
from tamis.errors import UnreadableFile
from tamis.formats import load_format
from tamis.formats.reader import ReadingOf
from tamis.formats.reasons import kind_of
from tamis.registry import parse_options
from tests.core.formats.cases import Case
from tests.core.formats.files import import_file

GOOD = [json.dumps({"instruction": f"q{i}", "output": f"a{i}"}) for i in range(2)]
QA = [("q0", "a0"), ("q1", "a1")]


def turns(*labels: object) -> str:
    said = [{"role": label, "content": text} for label, text in zip(labels, ("q1", "a1"), strict=True)]
    return json.dumps({"messages": said})


PLAIN_TURNS = turns("user", "assistant").replace("q1", "q0").replace("a1", "a0")
REJECTED = {
    "a trailing comma": f"{GOOD[0]}\n{GOOD[1][:-1]},}}\n",
    "a comment inside": f"{GOOD[0]}\n{GOOD[1][:-1]} /* why */}}\n",
    "a comment behind": f"{GOOD[0]}\n{GOOD[1]} // why\n",
    "both": f"{GOOD[0]}\n{GOOD[1][:-1]}, /* why */}}\n",
    "fused objects": f"{GOOD[0]}\n{GOOD[1]}{GOOD[1]}\n",
    "a label": f"{PLAIN_TURNS}\n{turns('narrator', 'assistant')}\n",
    "a label of two words": f"{PLAIN_TURNS}\n{turns('our customer', 'assistant')}\n",
    "a label with a quote": f"{PLAIN_TURNS}\n{turns(chr(39) + 'guest', 'assistant')}\n",
    "a label with a sign": f"{PLAIN_TURNS}\n{turns('a=b', 'assistant')}\n",
    "no label": f"{PLAIN_TURNS}\n{turns('', 'assistant')}\n",
    "null": f"{PLAIN_TURNS}\n{turns(None, 'assistant')}\n",
    "a number": f"{PLAIN_TURNS}\n{turns(0, 'assistant')}\n",
    "the assistant first": f"{PLAIN_TURNS}\n" + json.dumps({"messages": [
        {"role": "assistant", "content": "hello"}, {"role": "user", "content": "q1"}, {"role": "assistant", "content": "a1"},
    ]}),
    "a question last": f"{PLAIN_TURNS}\n" + json.dumps({"messages": [
        {"role": "user", "content": "q1"}, {"role": "assistant", "content": "a1"}, {"role": "user", "content": "and?"},
    ]}),
    "two encodings": (GOOD[0] + "\n").encode() + '{"instruction": "é1", "output": "a1"}\n'.encode("cp1252")
                      + '{"instruction": "ü2", "output": "a2"}\n{"instruction": "ö3", "output": "a3"}\n'.encode(),
}  # fmt: skip
REFUSED = {
    "translations": json.dumps({"id": 1, "source": "q0", "target": "a0"}) + "\n" + json.dumps({"id": 2, "source": "q1", "target": "a1"}),
    "triples": "\n".join(json.dumps({"query": f"q{i}", "pos": [f"a{i}"], "neg": ["x", "y"]}) for i in range(2)),
    "anchors": "anchor,positive,negative\nq0,a0,x\nq1,a1,y\n",
    "pairs without names": json.dumps([["q0", "a0"], ["q1", "a1"]]),
    "pairs by line": '["q0", "a0"]\n["q1", "a1"]\n',
    "names of several words": "my question,your reply of old\nq0,a0\nq1,a1\n",
    "names with signs": json.dumps([{"ask=": f"q{i}", "say'so": f"a{i}"} for i in range(2)]),
    "a comma in every line": "\n".join(f"{line[:-1]},}}" for line in GOOD),
    "a document with a comma": f'{{"a1": {GOOD[0]}, "a2": {GOOD[1]},}}',
    "a document with a comment": f'{{"a1": {GOOD[0]}, /* and */ "a2": {GOOD[1]}}}',
}  # fmt: skip


def choices(hint: str) -> dict:
    """What the options of a hint say, as the command line reads them."""
    given: dict[str, list[str]] = defaultdict(list)
    words = shlex.split(hint)
    for flag, value in zip(words[::2], words[1::2], strict=True):
        given[flag].append(value)
    return {
        "format_name": "".join(given["--format"]) or "auto",
        "fields": dict(pair.split("=", 1) for pair in given["--map"]),
        "roles": dict(pair.rsplit("=", 1) for pair in given["--role"]),
        "encoding": "".join(given["--encoding"]),
        "repairs": [name for names in given["--repair"] for name in names.split(",")],
    }


def read(path: Path, hint: str = "") -> Case:
    (file,) = plan_paths([str(path)], **choices(hint)).options["files"]
    fields = parse_options(load_format(file["format"]).fields, file["fields"])
    how = ReadingOf(encoding=file["encoding"], repairs=tuple(file["repairs"]))
    got = import_file(path, file["format"], fields, how=how)
    return Case(type("Known", (), {"format_name": file["format"], "fields": fields})(), got)


def pairs(got: Case) -> list[tuple[str, str]]:
    return [(turns[-2][1], turns[-1][1]) for turns in got.turns]


@pytest.mark.parametrize("name", list(REJECTED))
def test_what_would_read_rejected_lines_does(tmp_path: Path, name: str) -> None:
    content = REJECTED[name]
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (reject,) = read(path).imported.rejects
    assert reject.line == 2
    hint = reading_remedy(kind_of(reject.reason))
    assert hint
    got = read(path, hint.replace("ROLE", "user"))
    assert got.reasons == []
    if name == "two encodings":
        assert pairs(got) == [QA[0], ("é1", "a1"), ("ü2", "a2"), ("ö3", "a3")]
    else:
        assert [pairs(got)[0], *set(pairs(got)[1:])] == QA
    if "label" in name or name in ("null", "a number"):
        assert got.written() == [orjson.loads(line) for line in content.splitlines()]


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_would_read_a_refused_file_does(tmp_path: Path, name: str) -> None:
    path = tmp_path / "rows.data"
    path.write_text(REFUSED[name])
    with pytest.raises(UnreadableFile) as refused:
        read(path)
    said = str(refused.value)
    hint = said.rpartition("most likely with ")[2]
    got = read(path, hint if hint.startswith("--format") else re.findall(r"--repair [\w,-]+", said)[0])
    assert got.reasons == []
    assert pairs(got) == QA


def test_a_mapping_of_one_part_leaves_the_others_as_they_were_found(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"query": "q0", "response": "a0", "setting": "s"}) + "\n")
    assert [text for _, text in read(path, "--map system=setting").turns[0]] == ["s", "q0", "a0"]
    path.write_text(json.dumps({"query": "q0", "response": "a0", "system": "s"}) + "\n")
    assert [text for _, text in read(path, "--map system=").turns[0]] == ["q0", "a0"]


def test_a_guess_from_little_text_says_that_it_is_one(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"

    def guess(text: str) -> GuessedEncoding:
        path.write_bytes(f"instruction,output\n{text}".encode("cp1251"))
        (found,) = guessed_encodings(plan_paths([str(path)]))
        return found

    assert "too short to tell" in guess("Столица России?,Город Москва\n").sentence
    sure = guess("Какая столица России?,Столица России — Москва\n" * 40)
    assert (sure.encoding, sure.is_sure) == ("cp1251", True)
    assert "too short" not in sure.sentence
