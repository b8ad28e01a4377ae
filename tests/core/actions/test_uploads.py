from __future__ import annotations

import io
import time

from tamis.actions.datasets import delete_dataset, empty_trash
from tamis.actions.imports import plan_paths, start_import
from tamis.actions.uploads import UNUSED_S, store_upload, sweep_uploads
from tests.pages.page_workspace import alpaca_file, import_file


def _upload(workspace, name, content):
    return store_upload(workspace, name, io.BytesIO(content))


def _later():
    return time.time() + UNUSED_S + 60


def test_only_what_nothing_came_from_goes_and_only_after_a_day(workspace, tmp_path):
    content = alpaca_file(tmp_path).read_bytes()
    used = _upload(workspace, "used.jsonl", content)
    dataset_id = import_file(workspace.path, used)
    waiting = _upload(workspace, "waiting.jsonl", content.replace(b"Question", b"Asked"))
    start_import(workspace, plan_paths([str(waiting)], name="waiting"))
    unused = _upload(workspace, "unused.jsonl", b"{}")
    assert sweep_uploads(workspace) == 0
    assert sweep_uploads(workspace, now=_later()) == 1
    assert (used.exists(), waiting.exists(), unused.exists()) == (True, True, False)
    delete_dataset(workspace, dataset_id)
    assert sweep_uploads(workspace, now=_later()) == 0
    empty_trash(workspace)
    assert sweep_uploads(workspace, now=_later()) == 1
    assert not used.exists()


def test_a_workspace_without_uploads_has_nothing_to_sweep(workspace):
    assert sweep_uploads(workspace, now=_later()) == 0
