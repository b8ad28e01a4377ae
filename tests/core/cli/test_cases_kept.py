"""Files from public reports whose values used to change, or to stay out, without a word: what leaves is what came."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.core.cli.test_cases import CASES, Tamis, tamis

__all__ = ["tamis"]  # a fixture


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


def test_which_rows_were_rejected_and_why_is_listed_by_command(tamis: Tamis, tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text('{"instruction":"a","output":"b"}\n{"instruction":\n', "utf-8")
    code, done = tamis("import", str(file))
    assert (code, done["n_rejected"]) == (0, 1)
    assert done["reject_reasons"]
    _, said, _ = tamis.said("rejects", "list", "--dataset", done["dataset_id"])
    assert "2" in said
    assert next(iter(done["reject_reasons"])) in said
