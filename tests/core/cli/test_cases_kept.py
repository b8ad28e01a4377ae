"""Files from public reports whose values used to change, or to stay out, without a word: what leaves is what came."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.core.cli.test_cases import CASES, Tamis, tamis

__all__ = ["tamis"]  # a fixture
BESIDE = Path(__file__).parents[4] / "shared" / "cases"  # where the reports stand beside a checkout
# Reports without a file: what they say of commands.
OF_COMMANDS = ("16-export-selected-own-columns", "66-cli-reject-reasons")


def exported(tamis: Tamis, dataset: str, path: Path, *arguments: str) -> Path:
    code, said = tamis("export", "--dataset", dataset, "--out", str(path), *arguments)
    assert code == 0, said
    return path


def as_messages(tamis: Tamis, dataset: str, path: Path) -> list[dict[str, Any]]:
    exported(tamis, dataset, path, "--format", "messages")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def the_file(case: str) -> Path:
    (file,) = (CASES / case).iterdir()
    return file


@pytest.mark.parametrize("case", ["12-nan", "30-bigints-dupkeys", "42-column-collisions", "11-null-fill"])
def test_every_row_comes_in_and_the_bytes_go_out(tamis: Tamis, tmp_path: Path, case: str) -> None:
    file = the_file(case)
    code, done = tamis("import", str(file))
    assert (code, done["n_rejected"], done["n_imported"]) == (0, 0, len(file.read_bytes().splitlines()))
    assert exported(tamis, done["dataset_id"], tmp_path / "out.jsonl").read_bytes() == file.read_bytes()


def test_shards_whose_first_rows_are_equal_keep_their_blanks(tamis: Tamis, tmp_path: Path) -> None:
    files = sorted((CASES / "49-byte-equality").iterdir())
    code, done = tamis("import", *map(str, files))
    assert code == 0
    out = exported(tamis, done["dataset_id"], tmp_path / "out.jsonl")
    assert out.read_bytes() == b"".join(file.read_bytes().strip() + b"\n" for file in files)


def test_quotes_at_the_beginning_of_a_cell_are_text(tamis: Tamis, tmp_path: Path) -> None:
    dataset = tamis.import_case("01-tsv-quotes")
    texts = [
        [turn["content"] for turn in row["messages"]]
        for row in as_messages(tamis, dataset, tmp_path / "a.jsonl")
    ]
    assert ['"Carpe diem" comes from which poet?', "Horace, in the Odes."] in texts
    assert ["Who said so?", '"Never again" was the slogan of the march.'] in texts
    with exported(tamis, dataset, tmp_path / "a.tsv").open(encoding="utf-8", newline="") as out:
        again = [[row["instruction"], row["output"]] for row in csv.DictReader(out, delimiter="\t")]
    assert again == texts


def test_arguments_of_other_names_are_not_filled_with_null(tamis: Tamis, tmp_path: Path) -> None:
    dataset = tamis.import_case("11-null-fill")
    before = as_messages(tamis, dataset, tmp_path / "before.jsonl")
    table = exported(tamis, dataset, tmp_path / "a.parquet", "--format", "messages")
    code, done = tamis("import", str(table))
    assert code == 0
    assert as_messages(tamis, done["dataset_id"], tmp_path / "after.jsonl") == before


def test_a_mark_in_the_middle_of_joined_lines_does_not_leave(tamis: Tamis, tmp_path: Path) -> None:
    out = exported(tamis, tamis.import_case("13-bom-utf16"), tmp_path / "a.jsonl")
    assert [json.loads(line)["instruction"] for line in out.read_bytes().splitlines()] == ["a", "c"]


def test_letters_of_an_older_encoding_arrive(tamis: Tamis, tmp_path: Path) -> None:
    dataset = tamis.import_case("14-legacy-encodings")
    out = exported(tamis, dataset, tmp_path / "a.csv").read_text("utf-8")
    assert "déjeuner" in out
    assert "servi à midi" in out
    assert "World" in out


def test_commas_behind_lines_are_left_out_and_counted(tamis: Tamis, tmp_path: Path) -> None:
    code, done = tamis("import", str(the_file("20-jsonl-syntax")))
    assert (code, done["n_rejected"], done["n_imported"]) == (0, 0, 6)
    assert any("5 rows" in note["note"] and "comma" in note["note"] for note in done["notes"])
    rows = as_messages(tamis, done["dataset_id"], tmp_path / "a.jsonl")
    assert rows[5]["messages"][0]["content"] == "Name fact number 5 about tides"


def test_a_number_of_any_length_is_the_text_that_it_was(tamis: Tamis, tmp_path: Path) -> None:
    rows = as_messages(tamis, tamis.import_case("30-bigints-dupkeys"), tmp_path / "a.jsonl")
    assert rows[2]["messages"][-1]["content"] == "18446744073709551617"


def test_own_columns_do_not_join_a_conversation(tamis: Tamis, tmp_path: Path) -> None:
    dataset = tamis.import_case("42-column-collisions")
    (row,) = as_messages(tamis, dataset, tmp_path / "a.jsonl")
    out = exported(tamis, dataset, tmp_path / "pairs.jsonl", "--format", "instruction_response")
    code, done = tamis("import", str(out))
    assert code == 0
    (again,) = as_messages(tamis, done["dataset_id"], tmp_path / "b.jsonl")
    assert again["messages"] == row["messages"]
    assert [turn["content"] for turn in row["messages"]] == ["real question", "real answer"]


def test_a_table_in_one_object_comes_in_as_its_rows(tamis: Tamis, tmp_path: Path) -> None:
    file = the_file("32-wrapper-splits")
    rows = as_messages(tamis, tamis.import_case("32-wrapper-splits"), tmp_path / "a.jsonl")
    told = json.loads(file.read_text("utf-8"))["data"]
    assert [[turn["content"] for turn in row["messages"]] for row in rows] == [[q, a] for q, _, a in told]


def test_of_a_folder_all_is_read_or_named(tamis: Tamis) -> None:
    code, done = tamis("import", str(CASES / "33-folder-shards" / "plain"))
    assert code == 0
    # Three files of lines, one of them in a folder below, a packed shard, and lines in a text file.
    assert done["n_imported"] == 2 + 2 + 1 + 2 + 2
    assert {Path(one["path"]).name for one in done["not_read"]} == {"README.md", "dataset_infos.json"}
    code, done = tamis("import", str(CASES / "33-folder-shards" / "repo"))
    assert (code, done["n_rejected"]) == (0, 0)
    shards = (CASES / "33-folder-shards" / "repo" / "data").iterdir()
    assert done["n_imported"] == sum(pq.ParquetFile(path).metadata.num_rows for path in shards)


def test_the_name_of_a_file_says_what_is_written(tamis: Tamis, tmp_path: Path) -> None:
    dataset = tamis.import_case("12-nan")
    assert (
        exported(tamis, dataset, tmp_path / "a.csv").read_text("utf-8").startswith("instruction,output,score")
    )
    with gzip.open(exported(tamis, dataset, tmp_path / "a.jsonl.gz")) as lines:
        assert lines.readline() == b'{"instruction":"a","output":"b","score":NaN}\n'
    assert pq.ParquetFile(exported(tamis, dataset, tmp_path / "a.PARQUET")).metadata.num_rows == 3
    code, _, said = tamis.said("export", "--dataset", dataset, "--out", str(tmp_path))
    assert code != 0
    assert "Traceback" not in said


@pytest.mark.parametrize("case", ["66-cli-reject-reasons"])
def test_which_rows_were_rejected_and_why_is_listed_by_command(
    tamis: Tamis, tmp_path: Path, case: str
) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text('{"instruction":"a","output":"b"}\n{"instruction":\n', "utf-8")
    code, done = tamis("import", str(file))
    assert case in OF_COMMANDS
    assert (code, done["n_rejected"]) == (0, 1)
    assert done["reject_reasons"]
    _, said, _ = tamis.said("rejects", "list", "--dataset", done["dataset_id"])
    assert "2" in said
    assert next(iter(done["reject_reasons"])) in said
    # One by one and as a file, as the report asks: without a browser.
    code, shown = tamis("rejects", "show", "2", "--dataset", done["dataset_id"])
    assert (code, shown["line"]) == (0, 2)
    out = tmp_path / "rejects.jsonl"
    assert tamis("rejects", "export", "--dataset", done["dataset_id"], "--out", str(out))[0] == 0
    assert "instruction" in out.read_text("utf-8")


@pytest.mark.parametrize("case", ["16-export-selected-own-columns"])
def test_the_selected_rows_leave_with_their_own_columns_in_the_container_that_the_name_says(
    tamis: Tamis, tmp_path: Path, case: str
) -> None:
    assert case in OF_COMMANDS
    rows = [{"instruction": f"q{i}", "output": f"a{i}", "topic": f"t{i}", "score": i / 4} for i in range(8)]
    file = tmp_path / "in.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    dataset = tamis("import", str(file))[1]["dataset_id"]
    made = tamis("run", "select", "--dataset", dataset, "--method", "random", "--budget", "3")[1]
    assert made["summary"]["n_selected"] == 3
    flags = ("--selection", "newest")
    lines = (
        exported(tamis, dataset, tmp_path / "out.jsonl", *flags).read_text("utf-8").splitlines(keepends=True)
    )
    assert len(lines) == 3
    assert set(lines) <= set(file.read_text("utf-8").splitlines(keepends=True))
    expected = [json.loads(line) for line in lines]
    readers = {
        "a.csv": lambda path: list(csv.DictReader(io.StringIO(path.read_text("utf-8")))),
        "a.tsv": lambda path: list(csv.DictReader(io.StringIO(path.read_text("utf-8")), delimiter="\t")),
        "a.json": lambda path: json.loads(path.read_text("utf-8")),
        "a.JSONL.gz": lambda path: [
            json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()
        ],
        "a.PARQUET": lambda path: pq.read_table(path).to_pylist(),
    }
    for name, read in readers.items():
        found = read(exported(tamis, dataset, tmp_path / name, *flags))
        told = (
            [{key: str(value) for key, value in row.items()} for row in expected]
            if name[-2:] == "sv"
            else expected
        )
        assert found == told, name
    for place in (tmp_path, tmp_path / "none" / "a.jsonl", Path("/proc/a.jsonl")):
        code, _, said = tamis.said("export", "--dataset", dataset, *flags, "--out", str(place))
        assert code != 0
        assert "Traceback" not in said


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("lines.jsonl", {"id": "abc", "data": ["hi", "yo", "and", "so"]}),
        ("one.jsonl", {"items": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "yo"}]}),
        ("one.json", {"data": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}], "id": "abc"}),
        ("one.txt", {"id": "abc", "data": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "yo"}]}),
    ],
)  # fmt: skip
def test_turns_under_data_or_items_are_a_conversation(
    tamis: Tamis, tmp_path: Path, name: str, record: dict[str, Any]
) -> None:
    dataset = tamis.import_case("22-ultrachat-data")
    (row,) = as_messages(tamis, dataset, tmp_path / "a.jsonl")
    assert [turn["content"] for turn in row["messages"]] == ["hi", "yo"]
    assert (
        exported(tamis, dataset, tmp_path / "same.jsonl").read_bytes()
        == the_file("22-ultrachat-data").read_bytes()
    )
    file = tmp_path / name
    file.write_text(json.dumps(record) + "\n", "utf-8")
    code, done = tamis("import", str(file))
    assert (code, done["n_imported"], done["n_rejected"]) == (0, 1, 0)
    (row,) = as_messages(tamis, done["dataset_id"], tmp_path / "b.jsonl")
    assert [turn["content"] for turn in row["messages"]][:2] == ["hi", "yo"]


def test_an_import_says_what_stands_beside_and_joins_it_when_asked(tamis: Tamis, tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text('{"instruction":"q","input":"i","context":"the document","output":"a"}\n', "utf-8")
    code, said, _ = tamis.said("import", str(file))
    assert code == 0
    assert "note: column 'context', 1 row: " in said
    assert "--map join=context " in said
    code, done = tamis("import", str(file), "--map", "join=context")
    assert (code, done["format"], done["notes"]) == (0, "alpaca", [])
    (row,) = as_messages(tamis, done["dataset_id"], tmp_path / "a.jsonl")
    assert row["messages"][0]["content"] == "q\n\ni\n\nthe document"
    assert exported(tamis, done["dataset_id"], tmp_path / "same.jsonl").read_bytes() == file.read_bytes()


def test_every_report_is_named_by_a_test() -> None:
    told = "".join(file.read_text("utf-8") for file in Path(__file__).parents[2].rglob("test_*.py"))
    named = {name for name in re.findall(r'"(\d\d-[a-z0-9-]+)[/"]', told)}
    folders = {path.name for path in CASES.iterdir()} | {*OF_COMMANDS}
    assert folders - named == set()
    if BESIDE.is_dir():  # nothing of a report is left out, and nothing stands here otherwise than there
        assert {path.name for path in BESIDE.iterdir() if path.is_dir()} == folders
        for path in (
            path for path in BESIDE.rglob("*") if path.is_file() and path.name not in ("case.md", "README.md")
        ):
            assert path.read_bytes() == (CASES / path.relative_to(BESIDE)).read_bytes(), path
