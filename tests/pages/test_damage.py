"""Files whose bits have flipped: a page says so, and shows neither a traceback nor the wrong data."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import streamlit as st

from pages.shared.navigation import APP_PAGES
from pages.shared.server import open_server
from tamis.store.artifacts.digests import _known_digest
from tamis.store.database.database import Database
from tests.pages.page_workspace import alpaca_file, import_file, open_page, run_pipeline, said
from tests.support import scale

PAGES = [page.name for page in APP_PAGES if page.exists]


def _forget() -> None:
    st.cache_data.clear()
    st.cache_resource.clear()
    open_server.clear()
    _known_digest.cache_clear()


def _flipped(content: bytes, position: int) -> bytes:
    changed = bytearray(content)
    changed[position % len(changed)] ^= 0x10
    return bytes(changed)


def _files(workspace: Path) -> list[Path]:
    datasets = workspace / "datasets"
    return sorted(
        path
        for path in datasets.rglob("*")
        if path.is_file() and path.stat().st_size and path.suffix not in (".lock",)
    )


def test_every_page_survives_a_flipped_bit_in_every_file(workspace: Path, tmp_path: Path) -> None:
    dataset_id = import_file(workspace, alpaca_file(tmp_path))
    run_pipeline(workspace, dataset_id)
    files, told = _files(workspace), 0
    assert len(files) > 12
    for number, path in enumerate(files):
        whole = path.read_bytes()
        path.write_bytes(_flipped(whole, len(whole) // 2 + number))
        # In the suite each file meets three pages, in turn; at night all.
        for page in [PAGES[(3 * number + i) % len(PAGES)] for i in range(scale.times(3, len(PAGES)))]:
            _forget()
            told += "written" in said(open_page(page, dataset=dataset_id))
        path.write_bytes(whole)
    assert told > 3


def test_a_page_that_needs_the_damaged_file_names_it_and_what_to_do(workspace: Path, tmp_path: Path) -> None:
    dataset_id = import_file(workspace, alpaca_file(tmp_path))
    run_pipeline(workspace, dataset_id)
    path = next((workspace / "datasets" / dataset_id / "clustering").glob("*/*.parquet"))
    path.write_bytes(_flipped(path.read_bytes(), 30))
    _forget()
    text = said(open_page("data_map", dataset=dataset_id))
    assert "holds other bytes than were written" in text
    assert "doctor" in text


def test_a_damaged_database_is_told_in_a_sentence(workspace: Path, tmp_path: Path) -> None:
    import_file(workspace, alpaca_file(tmp_path))
    _forget()
    for ending in ("-wal", "-shm"):
        (workspace / f"tamis.sqlite{ending}").unlink(missing_ok=True)
    path = workspace / "tamis.sqlite"
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 40_000)
    app = open_page("overview")
    assert "is damaged" in said(app)
    assert "backups" in said(app)


def test_a_full_disk_is_no_bug_and_is_told_without_a_path(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_file(workspace, alpaca_file(tmp_path))
    monkeypatch.setenv("TAMIS_DEBUG", "false")

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/srv/secret/place")

    monkeypatch.setattr("pages.shared.frame.pick_dataset", fail)
    text = said(open_page("selection")).replace("\\", "")
    assert "is full. Free some space, then do it again." in text
    assert "secret" not in text and "went wrong inside" not in text


def test_a_bug_is_told_by_an_id_whose_traceback_is_in_the_log(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_file(workspace, alpaca_file(tmp_path))
    monkeypatch.setenv("TAMIS_DEBUG", "false")

    def fail(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("pages.shared.frame.pick_dataset", fail)
    text = said(open_page("selection")).replace("\\", "")
    assert "Something went wrong inside Tamis (ZeroDivisionError)" in text
    log = (workspace / "errors.log").read_text("utf-8")
    assert "a bug" in log
    assert any(line.split()[1] in text for line in log.splitlines() if line[:2] == "20")


@pytest.mark.parametrize("page", ["overview", "selection"])
def test_a_workspace_that_cannot_be_opened_says_why_on_any_page(workspace: Path, page: str) -> None:
    with Database(workspace).writing() as connection:
        connection.execute("PRAGMA user_version = 999")
    _forget()
    assert "newer version of Tamis" in said(open_page(page))
