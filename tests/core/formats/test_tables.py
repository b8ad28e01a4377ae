from __future__ import annotations

import datetime
import decimal
import sys
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.errors import MissingExtra, UnreadableFile
from tamis.formats.columns import PromptCompletionFields
from tamis.formats.tables import parse_hub_address
from tests.core.formats.files import alpaca_rows, import_file, parquet_bytes, written


def test_nested_parquet_loses_the_nulls_that_arrow_fills_in(tmp_path):
    turns = [{"role": "user", "content": "a", "name": "Ann"}, {"role": "assistant", "content": "b"}]
    got = import_file(written(tmp_path, parquet_bytes([{"messages": turns, "when": None}])), "messages")
    assert orjson.loads(got.rows[0]["messages"]) == turns
    assert orjson.loads(got.rows[0]["meta"]) == {"when": None}


def test_parquet_values_that_json_lacks_become_text(tmp_path):
    extra = {"day": datetime.date(2024, 1, 2), "cost": decimal.Decimal("1.50"), "blob": b"\xff", "x": 2.5}
    got = import_file(written(tmp_path, parquet_bytes([{"instruction": "a", "output": "b", **extra}])))
    assert orjson.loads(got.rows[0]["meta"]) == {
        "day": "2024-01-02",
        "cost": "1.50",
        "blob": None,
        "x": 2.5,
    }
    # The bytes stay with the row, for the file that is written from it.
    assert orjson.loads(got.rows[0]["raw"])["blob"] == "data:application/octet-stream;base64,/w=="
    assert [dict(batch.notes) for batch in got.batches] == [{("blob", "bytes"): 1}]


def test_invalid_utf_8_in_parquet_refuses_its_row_alone(tmp_path):
    raw = pa.array([b"good", b"bad\xff", b"fine"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"instruction": raw, "output": ["x", "y", "z"]}), tmp_path / "p")
    got = import_file(tmp_path / "p")
    assert [row["prompt"] for row in got.rows] == ["good", "fine"]
    assert got.rejects[0].line == 2
    assert "invalid UTF-8 in field 'instruction' at byte 4" in got.rejects[0].reason


def test_a_column_whose_name_is_no_text_is_refused_with_its_file(tmp_path):
    content = parquet_bytes([{"instruction": "a", "output": "b", "naive": "c"}]).replace(
        b"naive", b"na\xefve"
    )
    with pytest.raises(UnreadableFile, match="cannot be read.*0xef"):
        import_file(written(tmp_path, content))


def test_parquet_without_text_is_refused_with_its_columns(tmp_path):
    with pytest.raises(UnreadableFile, match=r"no text column.*x \(int64\)"):
        import_file(written(tmp_path, parquet_bytes([{"x": 1}])))


def _save_folder(folder: Path, records: list[dict]) -> None:
    folder.mkdir()
    table = pa.Table.from_pylist(records)
    with pa.OSFile(str(folder / "part.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    (folder / "state.json").write_bytes(orjson.dumps({"_data_files": [{"filename": "part.arrow"}]}))


def test_a_saved_folder_is_read_with_all_its_splits(tmp_path):
    folder = tmp_path / "saved"
    folder.mkdir()
    _save_folder(folder / "train", alpaca_rows(3))
    _save_folder(folder / "test", alpaca_rows(2))
    (folder / "dataset_dict.json").write_bytes(b'{"splits": ["train", "test"]}')
    got = import_file(folder)
    assert [orjson.loads(row["meta"])["split"] for row in got.rows] == ["train"] * 3 + ["test"] * 2
    assert import_file(folder / "train").n_imported == 3


def test_a_saved_folder_cannot_name_files_outside_itself(tmp_path):
    _save_folder(tmp_path / "saved", alpaca_rows(1))
    (tmp_path / "saved" / "state.json").write_bytes(b'{"_data_files": [{"filename": "../../secret.arrow"}]}')
    with pytest.raises(UnreadableFile, match=r"saved/secret\.arrow cannot be read"):
        import_file(tmp_path / "saved")
    (tmp_path / "saved" / "state.json").write_bytes(b"[]")
    with pytest.raises(UnreadableFile, match="state.json"):
        import_file(tmp_path / "saved")


class _FakeHub:
    def load_dataset(self, name: str, config: str | None, *, split: str, streaming: bool):
        if name == "no/such":
            raise FileNotFoundError("not on the hub")
        assert (config, streaming) == ("de", True)
        return iter([{"query": f"{split} 1", "reply": "b"}, {"query": "", "reply": "b"}])


def test_a_hub_dataset_is_streamed(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", _FakeHub())
    fields = PromptCompletionFields(prompt="query", completion="reply")
    got = import_file("hub:owner/name:de@test", "prompt_completion", fields)
    assert [(row["prompt"], row["source"]) for row in got.rows] == [("test 1", "owner/name")]
    assert [reject.reason for reject in got.rejects] == ["empty prompt"]
    with pytest.raises(UnreadableFile, match="not on the hub"):
        import_file("hub:no/such")


def test_hub_addresses_are_taken_apart():
    assert parse_hub_address("hub:owner/name") == ("owner/name", None, "train")
    assert parse_hub_address("hub:owner/name:de@test") == ("owner/name", "de", "test")
    with pytest.raises(UnreadableFile, match="names no dataset"):
        parse_hub_address("hub:")


def test_a_hub_dataset_without_the_extra_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtra, match="hub"):
        import_file("hub:owner/name")
