"""All that a folder holds comes in or is named, split by split, in the order of the shards."""

from __future__ import annotations

import bz2
import json
from pathlib import Path

import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.errors import UnknownName, UnreadableFile
from tamis.steps.import_file.folders import list_folder
from tamis.steps.import_file.identify import plan_import
from tamis.steps.import_file.options import ImportOptions, SourceFile
from tamis.steps.import_file.splits import splits_of
from tests.core.formats.files import alpaca_rows, import_file, lines_of
from tests.core.formats.round_trip import import_all


def shard(folder: Path, name: str, n_rows: int = 2) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    content = lines_of(alpaca_rows(n_rows))
    path.write_bytes(bz2.compress(content) if name.endswith(".bz2") else content)
    return path


def read(plan) -> list[tuple[str, str]]:
    return [(Path(file["path"]).name, file["split"]) for file in plan.options["files"]]


def test_every_file_of_a_folder_is_read_or_named(tmp_path: Path) -> None:
    for name in (
        "train-00000-of-00003.jsonl",
        "train-00001-of-00003.jsonl.bz2",
        "sub/train-00002-of-00003.jsonl",
    ):
        shard(tmp_path, name)
    shard(tmp_path, "test.jsonl", 1)
    shard(tmp_path, "extra.txt")
    (tmp_path / "README.md").write_text("# hi")
    (tmp_path / "notes.txt").write_text("nothing but a note")
    (tmp_path / "dataset_infos.json").write_text('{"default":{"features":{"a":1}}}')
    shard(tmp_path, ".hidden/x.jsonl")
    plan = plan_import([str(tmp_path)])
    assert read(plan) == [
        ("extra.txt", ""),
        ("test.jsonl", "test"),
        ("train-00000-of-00003.jsonl", "train"),
        ("train-00001-of-00003.jsonl.bz2", "train"),
        ("train-00002-of-00003.jsonl", "train"),
    ]
    left_out = {Path(file.path).name: file.reason for file in plan.skipped}
    assert set(left_out) == {"README.md", "notes.txt", "dataset_infos.json", ".hidden"}
    assert left_out[".hidden"] == "hidden: its name begins with a dot (1 file)"
    assert all(len(reason) > 20 for reason in left_out.values())
    rows = import_file(tmp_path / "test.jsonl").rows
    assert len(rows) == 1


def test_shards_are_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (10, 2, 1):
        shard(tmp_path, f"part-{number}.jsonl")
    assert [Path(file).name for file in list_folder(str(tmp_path)).files] == [
        "part-1.jsonl",
        "part-2.jsonl",
        "part-10.jsonl",
    ]


def test_a_hub_repository_on_disk_is_read_by_its_layout(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    table = pa.Table.from_pylist(alpaca_rows(2))
    for name in ("train-00000-of-00002", "train-00001-of-00002", "test_sft-00000-of-00001"):
        pq.write_table(table, tmp_path / "data" / f"{name}.parquet")
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n")
    assert [split for _, split in read(plan_import([str(tmp_path)]))] == ["test_sft", "train", "train"]


def test_the_readme_of_a_dataset_names_its_splits(tmp_path: Path) -> None:
    shard(tmp_path, "en/a.jsonl")
    shard(tmp_path, "en/b.jsonl")
    shard(tmp_path, "de/c.jsonl")
    front = (
        "---\nconfigs:\n- config_name: en\n  data_files:\n  - split: train\n    path: en/a.jsonl\n  - split: test\n    path:\n"
        "    - en/b*\n- config_name: de\n  data_files: de/*.jsonl\n---\n"
    )
    (tmp_path / "README.md").write_text(front)
    assert sorted(split for _, split in read(plan_import([str(tmp_path)]))) == [
        "de/train",
        "en/test",
        "en/train",
    ]
    assert plan_import([str(tmp_path / "en")]).options["files"][0]["split"] == "en/train"
    (tmp_path / "README.md").write_text("---\n: [broken\n---\n")


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (["train.jsonl", "valid.jsonl"], ["train", "validation"]),
        (["my_train_v2.csv", "my_dev_v2.csv", "other.csv"], ["train", "validation", ""]),
        (["train/a.jsonl", "eval/a.jsonl"], ["train", "test"]),
        (["train-0.jsonl", "train-1.jsonl"], ["", ""]),
        (["constrained.jsonl", "latest.jsonl"], ["", ""]),
    ],
)
def test_names_tell_splits_apart(names: list[str], splits: list[str]) -> None:
    paths = [f"/x/{name}" for name in names]
    found = splits_of(paths)
    assert [found.get(path, "") for path in paths] == splits


def test_the_split_of_a_file_is_a_column_of_its_rows(tmp_path: Path) -> None:
    from tamis.formats.reader import ReadingOf

    (tmp_path / "a").write_bytes(
        b'{"instruction": "a", "output": "b"}\n{"instruction":"c","output":"d","split":"own"}'
    )
    got = import_file(tmp_path / "a", how=ReadingOf(split="train"))
    assert [orjson.loads(row["meta"]) for row in got.rows] == [{"split": "train"}, {"split": "own"}]
    assert got.rows[0]["raw"] == '{"instruction": "a", "output": "b", "split": "train"}'


def test_lists_of_one_file_are_splits(tmp_path: Path) -> None:
    rows = alpaca_rows(4)
    (tmp_path / "w.json").write_text(
        json.dumps({"version": 1, "train": rows[:3], "test": rows[3:], "n": [1]})
    )
    got = import_file(tmp_path / "w.json")
    assert [orjson.loads(row["meta"])["split"] for row in got.rows] == ["train"] * 3 + ["test"]
    (tmp_path / "one.json").write_text(json.dumps({"data": rows}))
    assert "split" not in orjson.loads(import_file(tmp_path / "one.json").rows[0]["meta"])


@pytest.mark.parametrize("orient", ["split", "table", "columns", "index", "records"])
@pytest.mark.parametrize("indent", [None, 2])
def test_tables_as_pandas_writes_them_are_read(tmp_path: Path, orient: str, indent: int | None) -> None:
    frame = pd.DataFrame(alpaca_rows(3))
    frame.to_json(tmp_path / "t.json", orient=orient, indent=indent)
    rows = [orjson.loads(one.raw) for one in import_all(tmp_path / "t.json").examples]
    assert [{key: value for key, value in row.items() if key != "index"} for row in rows] == alpaca_rows(3)


@pytest.mark.parametrize("shape", ["lists", "rows"])
def test_tables_by_columns_and_by_rows_are_read(tmp_path: Path, shape: str) -> None:
    frame = pd.DataFrame(alpaca_rows(3))
    value = frame.to_dict("list") if shape == "lists" else [list(frame.columns), *frame.to_numpy().tolist()]
    (tmp_path / "t.json").write_text(json.dumps(value))
    assert [orjson.loads(one.raw) for one in import_all(tmp_path / "t.json").examples] == alpaca_rows(3)


@pytest.mark.parametrize("make", [pa.ipc.new_file, pa.ipc.new_stream])
def test_files_of_arrow_are_read_and_written_as_parquet_with_their_types(tmp_path: Path, make) -> None:
    table = pa.table({"instruction": ["a", "b"], "output": ["x", "y"], "n": pa.array([1, 2], pa.int8())})
    with pa.OSFile(str(tmp_path / "t.arrow"), "wb") as sink, make(sink, table.schema) as writer:
        writer.write_table(table)
    import_all(tmp_path / "t.arrow").export(tmp_path / "t.parquet")
    assert pq.read_table(tmp_path / "t.parquet").equals(table)


def test_what_was_not_said_leaves_the_names_of_older_imports(tmp_path: Path) -> None:
    path = shard(tmp_path, "rows.jsonl")
    plan = plan_import([str(path)])
    (file,) = ImportOptions(**plan.options).files
    assert file.how == {}
    assert set(ImportOptions(files=(file,), name="x").identity()["files"][0]) == {
        "format",
        "fields",
        "content_hash",
    }
    repaired = plan_import([str(path)], repairs=["merge-consecutive"])
    assert repaired.dataset_id != plan.dataset_id
    assert SourceFile(**repaired.options["files"][0]).how == {"repairs": ["merge-consecutive"]}


def test_encodings_and_repairs_that_there_are_not_are_refused(tmp_path: Path) -> None:
    path = shard(tmp_path, "rows.jsonl")
    with pytest.raises(UnreadableFile, match="no text encoding 'klingon'"):
        plan_import([str(path)], encoding="klingon")
    with pytest.raises(UnknownName, match="no repair called 'everything'"):
        plan_import([str(path)], repairs=["everything"])


def test_a_named_encoding_is_used(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes("instruction,output\n¿Qué?,ñ\n".encode("mac_roman"))
    plan = plan_import([str(tmp_path / "rows.csv")], encoding="macintosh")
    assert plan.options["files"][0]["encoding"] == "mac-roman"


CHAT = {
    "messages": [
        {"role": "system", "content": " "},
        {"role": "user", "content": "a"},
        {"role": "user", "content": "b"},
        {"role": "assistant", "content": "c"},
    ],
    "id": 1,
}


def test_turns_are_repaired_where_it_was_agreed_to_and_the_line_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(orjson.dumps(CHAT) + b"\n" + lines_of([{"messages": CHAT["messages"][2:], "id": 2}]))
    assert len(import_all(path).rejects) == 1
    stored = import_all(path, repairs=("merge-consecutive", "drop-empty-system"))
    assert not stored.rejects
    assert [turn["content"] for turn in stored.examples[0].messages] == ["a\n\nb", "c"]
    assert stored.notes == {("", "merge-consecutive"): 1, ("", "drop-empty-system"): 1}
    assert orjson.loads(stored.examples[0].raw) == CHAT
    stored.export(tmp_path / "out.jsonl")
    first, second = (tmp_path / "out.jsonl").read_bytes().splitlines()
    assert orjson.loads(first) == {
        "messages": [{"role": "user", "content": "a\n\nb"}, {"role": "assistant", "content": "c"}],
        "id": 1,
    }
    assert second.decode() == stored.examples[1].raw


def test_text_is_repaired_where_it_was_agreed_to(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    lines = [
        b'{"instruction":"a // no comment","output":"b, ]",}',
        b'{"instruction":"c","output":"d" /* said */, "tags": [1, 2,],} // end',
        b'{"instruction":"e","output":"f"}',
    ]
    path.write_bytes(b"\n".join(lines))
    assert [one.reason.split(";")[1] for one in import_all(path).rejects] == [
        " import with --repair trailing-commas to read it",
        " import with --repair trailing-commas,comments to read it",
    ]
    stored = import_all(path, repairs=("trailing-commas", "comments"))
    assert stored.notes == {("", "trailing-commas"): 2, ("", "comments"): 1}
    assert [one.raw.encode() for one in stored.examples] == lines
    stored.export(tmp_path / "out.jsonl")
    assert [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()] == [
        {"instruction": "a // no comment", "output": "b, ]"},
        {"instruction": "c", "output": "d", "tags": [1, 2]},
        {"instruction": "e", "output": "f"},
    ]
