"""Eight reviewers decide at once over HTTP while jobs run and a backup is taken: nothing is lost, nothing is made twice."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from tamis.actions.audit import check_audit
from tamis.actions.backup import restore
from tamis.actions.jobs import list_jobs
from tamis.actions.submit import submit
from tamis.jobs.model import JobState
from tamis.store.review.decisions import decision_state
from tamis.store.workspace import Workspace, open_workspace
from tests.e2e.conftest import ROOT, Server, running_app
from tests.pages.page_workspace import alpaca_file, import_file
from tests.pages.review_workspace import mixed_rows, write_proposals
from tests.support import scale

REVIEWERS = 8
HEADER = "X-Forwarded-User"


@dataclass
class Session:
    """One reviewer's browser, as far as decisions go; ``taken_s`` is how long each answer took."""

    url: str
    who: str
    sender: str = "tab-0000"
    number: int = 0
    taken_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)

    def post(self, body: dict[str, object], **headers: str) -> tuple[int, dict[str, object]]:
        sent = {"Content-Type": "application/json", HEADER: self.who} | headers
        self.connection.request("POST", "/api/decide", json.dumps(body), sent)
        answer = self.connection.getresponse()
        body_of_answer = answer.read()
        is_json = "json" in answer.headers.get("Content-Type", "")  # a page for people is not
        return answer.status, json.loads(body_of_answer) if is_json else {}

    def decide(self, about: dict[str, object], *, again: bool) -> None:
        self.number += 1
        body = about | {"sender": f"{self.sender}-{self.who.partition('@')[0]}", "number": self.number}
        began = time.perf_counter()
        status, made = self.post(body)
        self.taken_s.append(time.perf_counter() - began)
        assert status == 200, made
        if again:  # as after an answer that got lost
            assert self.post(body) == (200, made)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str, int]]:
    """A server behind a proxy on this machine, a dataset, and how many decisions each reviewer makes."""
    n_each = scale.times(20, 2000)
    folder = tmp_path_factory.mktemp("load")
    n_rows = REVIEWERS * n_each
    dataset_id = import_file(folder / "workspace", alpaca_file(folder, n_rows))
    write_proposals(folder / "workspace", dataset_id, mixed_rows(n_rows))
    lines = "".join(f'"rev{i}@example.org" = "reviewer"\n' for i in range(REVIEWERS))
    (folder / "accounts.toml").write_text(f'[accounts]\n"vic@example.org" = "viewer"\n{lines}')
    with running_app(
        folder / "workspace", accounts=str(folder / "accounts.toml"), proxy_header=HEADER,
        proxy_addresses='["127.0.0.1"]', sample_on_empty="false",
    ) as server:  # fmt: skip
        yield server, dataset_id, n_each


@contextmanager
def _gate(opened: threading.Event) -> Iterator[str]:
    """The address of an endpoint of vectors that answers once it is opened, so that a job which asks it lasts until then."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            opened.wait(300)
            data = [
                {"object": "embedding", "index": at, "embedding": [1.0, float(at)]}
                for at in range(len(asked["input"]))
            ]
            content = json.dumps({"object": "list", "model": asked["model"], "data": data}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        opened.set()
        server.shutdown()
        server.server_close()


def _both_run(workspace: Workspace) -> None:
    """Wait until the server has begun with both jobs."""
    deadline = time.monotonic() + 120
    while sum(job.started_at is not None for job in list_jobs(workspace)) < 2:
        assert time.monotonic() < deadline, "the jobs were not begun"
        time.sleep(0.05)


@contextmanager
def _reviewing(
    sessions: Sequence[Session], about: dict[str, object], n_each: int, backed_up: threading.Event
) -> Iterator[list[BaseException]]:
    """All decide at once; what is inside is done once each has decided a row, and the last quarter waits for it."""
    failures: list[BaseException] = []
    all_began = threading.Barrier(len(sessions) + 1, timeout=120)

    def review(at: int) -> None:
        try:
            for done, row in enumerate(range(at, REVIEWERS * n_each, REVIEWERS)):
                if done == 1:
                    all_began.wait()
                if done == n_each * 3 // 4:
                    assert backed_up.wait(600)
                do = "reject" if row % 3 == 0 else "approve"
                sessions[at].decide(about | {"row": row, "do": do}, again=row % 5 == 0)
        except BaseException as error:  # told in the thread of the test
            failures.append(error)
            all_began.abort()

    threads = [threading.Thread(target=review, args=(at,)) for at in range(len(sessions))]
    for thread in threads:
        thread.start()
    try:
        with suppress(threading.BrokenBarrierError):  # why stands in the failures
            all_began.wait()
        yield failures
    finally:
        backed_up.set()
        for thread in threads:
            thread.join()


@pytest.mark.slow
def test_eight_reviewers_lose_nothing_and_make_nothing_twice(
    served: tuple[Server, str, int], tmp_path: Path
) -> None:
    server, dataset_id, n_each = served
    workspace = open_workspace(server.workspace)
    (proposals,) = workspace.artifacts.list(dataset_id, "proposals")
    sessions = [Session(server.url, f"rev{i}@example.org") for i in range(REVIEWERS)]
    about: dict[str, object] = {"dataset": dataset_id, "proposals": proposals.id, "seen_event": 0}
    backed_up = threading.Event()
    with _gate(backed_up) as address:
        for model in ("one", "another"):
            endpoint = {"base_url": address, "model": model, "dimensions": 2}
            submit(workspace, dataset_id, "embed", {"encoder": "openai", "encoder_options": endpoint})
        _both_run(workspace)
        with _reviewing(sessions, about, n_each, backed_up) as failures:
            command = ["backup", str(tmp_path / "copy")]
            subprocess.run(
                [sys.executable, "-m", "tamis.cli", "--workspace", str(server.workspace), *command],
                check=True, cwd=ROOT, capture_output=True,
            )  # fmt: skip
    assert not failures

    state = decision_state(workspace.database, dataset_id)
    assert sorted(state.decided) == list(range(REVIEWERS * n_each))
    assert all(one.reviewer == f"rev{row % REVIEWERS}@example.org" for row, one in state.decided.items())
    assert not state.conflicts
    with workspace.database.reading() as connection:
        events = Counter(
            dict(connection.execute("SELECT reviewer, count(*) FROM decision_events GROUP BY reviewer"))
        )
    assert set(events.values()) == {n_each}
    assert check_audit(workspace).is_sound
    # The backup is a moment of it, and whole.
    copied = open_workspace(restore(tmp_path / "copy", tmp_path / "again").path)
    then = decision_state(copied.database, dataset_id).decided
    assert then.items() <= state.decided.items()
    assert 0 < len(then) < len(state.decided)  # a moment within it
    assert check_audit(copied).is_sound
    jobs = [job for job in list_jobs(workspace) if job.step == "embed"]
    assert len(jobs) == 2 and JobState.FAILED not in {job.state for job in jobs}
    # They ran while it was decided: begun before the first decision, and not over when the backup had its last.
    times = [one.created_at for one in then.values()]
    assert all(job.started_at and job.started_at < min(times) for job in jobs)
    assert all(job.finished_at is None or job.finished_at > max(times) for job in jobs)
    taken_ms = np.concatenate([session.taken_s for session in sessions]) * 1000
    print(
        f"\n{len(taken_ms):,} decisions: median {np.median(taken_ms):.0f} ms, p95 {np.percentile(taken_ms, 95):.0f} ms"
    )


@pytest.mark.slow
def test_a_decision_that_is_sent_is_asked_what_a_page_is_asked(served: tuple[Server, str, int]) -> None:
    server, dataset_id, _ = served
    (proposals,) = open_workspace(server.workspace).artifacts.list(dataset_id, "proposals")
    about: dict[str, object] = {
        "dataset": dataset_id, "proposals": proposals.id, "row": 1, "do": "approve", "sender": "another-tab", "number": 1,
    }  # fmt: skip
    before = decision_state(open_workspace(server.workspace).database, dataset_id).revision
    viewer, stranger = Session(server.url, "vic@example.org"), Session(server.url, "zed@example.org")
    reviewer = Session(server.url, "rev0@example.org")
    assert viewer.post(about)[0] == 403
    assert stranger.post(about)[0] == 403
    assert reviewer.post(about | {"reviewer": "rev1@example.org"})[0] == 403
    assert reviewer.post(about, **{"Content-Type": "text/plain"})[0] == 415
    assert reviewer.post(about | {"number": 7}) == (
        409, {"error": "Decision 7 came where decision 1 is awaited. Send that one first.", "expected": 1},
    )  # fmt: skip
    for wrong in (
        {"row": -1},
        {"row": 10**9},
        {"do": "drop"},
        {"sender": "../x"},
        {"extra": 1},
        {"dataset": "../.."},
        {"do": "edit"},
    ):
        assert reviewer.post(about | wrong)[0] == 400, wrong
    assert decision_state(open_workspace(server.workspace).database, dataset_id).revision == before
