from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from tamis.store.locks import FileLock


def test_a_lock_is_held_by_one(tmp_path):
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()
    second.release()


def test_a_folder_that_is_not_there_is_an_error_not_a_busy_lock(tmp_path):
    with pytest.raises(FileNotFoundError):
        FileLock(tmp_path / "missing" / "lock").acquire()


def _hold(path: Path, held) -> None:
    lock = FileLock(path)
    assert lock.acquire()
    held.set()
    signal.pause()


def test_a_killed_process_gives_its_lock_back(tmp_path):
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    holder = context.Process(target=_hold, args=(tmp_path / "lock", held))
    holder.start()
    assert held.wait(60)
    assert not FileLock(tmp_path / "lock").acquire()
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGKILL)
    holder.join(60)
    assert FileLock(tmp_path / "lock").acquire()


def test_release_frees_the_lock_even_while_a_forked_child_has_the_file(tmp_path):
    lock = FileLock(tmp_path / "lock")
    assert lock.acquire()
    done_reading, done_writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(done_reading, 1)
        os._exit(0)
    lock.release()
    try:
        assert FileLock(tmp_path / "lock").acquire()
    finally:
        os.write(done_writing, b"x")
        os.waitpid(child, 0)
