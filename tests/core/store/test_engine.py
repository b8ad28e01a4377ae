from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.store.rows.engine import Clause, _open_locked, scan_parquet


@pytest.fixture
def numbers(tmp_path):
    path = tmp_path / 'it\'s a "file".parquet'
    pq.write_table(
        pa.table({"n": list(range(100)), "t": [str(i) for i in range(100)]}), path, row_group_size=9
    )
    return path


def test_values_are_bound_in_the_order_of_columns_file_and_clauses(numbers):
    columns = [Clause("n + ?", (1000,)), Clause("concat(t, ?)", ("'; --",))]
    table = scan_parquet(numbers, columns, [Clause("n > ?", (96,)), Clause("t <> ? OR false", ("98",))])
    assert table.to_pydict() == {"c0": [1097, 1099], "c1": ["97'; --", "99'; --"]}


def test_no_columns_named_by_a_person_reach_the_result(numbers):
    assert scan_parquet(numbers, [Clause("n")]).column_names == ["c0"]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "COPY (SELECT 1) TO '{folder}/stolen.csv'",
        "ATTACH '{folder}/other.db'",
        "INSTALL httpfs",
        "SELECT * FROM read_parquet('{folder}/second.parquet')",
        "SELECT * FROM read_parquet('http://127.0.0.1:9/x.parquet')",
        "SET enable_external_access = true",
        "SET allowed_paths = ['/etc/passwd']",
        "SELECT * FROM local_table",
    ],
)
def test_the_connection_reaches_nothing_but_its_file(numbers, statement):
    local_table = pa.table({"secret": [1]})
    pq.write_table(local_table, numbers.parent / "second.parquet")
    with _open_locked(str(numbers)).cursor() as cursor, pytest.raises(duckdb.Error):
        cursor.execute(statement.format(folder=numbers.parent)).fetchall()
    assert not (numbers.parent / "stolen.csv").exists()


def test_threads_can_ask_at_once(numbers):
    def ask(limit: int) -> int:
        return scan_parquet(numbers, [Clause("n")], [Clause("n < ?", (limit,))]).num_rows

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(100))) == list(range(100))
