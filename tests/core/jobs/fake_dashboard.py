"""An HTTP server that answers as a Ray dashboard does, or as the test tells it to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Dashboard:
    """What it knows of jobs, and how it behaves."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.submitted: list[dict[str, Any]] = []
        self.override: tuple[int, str] | None = None
        self.token = ""  # that everything is asked for, the version too, as Ray does where tokens are on
        self.address = ""

    def answer(self, method: str, path: str, body: str) -> tuple[int, object]:
        name = path.removeprefix("/api/jobs/").split("/")[0]
        if path == "/api/version":
            return 200, {"ray_version": "0"}
        if method == "POST" and not name:
            return self._submit(json.loads(body))
        if not name:
            return 200, list(self.jobs.values())
        if name not in self.jobs:
            return 404, f"Job {name} does not exist"
        if path.endswith("/stop"):
            return 200, {"stopped": True}
        return 200, {"logs": "its output"} if path.endswith("/logs") else self.jobs[name]

    def set(self, job_id: str, status: str, **values: object) -> None:
        self.jobs[job_id] = {"submission_id": job_id, "status": status, "message": "", **values}

    def _submit(self, request: dict[str, Any]) -> tuple[int, object]:
        self.submitted.append(request)
        if request["submission_id"] in self.jobs:
            return 500, f"Traceback\n  ...\nValueError: Job {request['submission_id']} already exists.\n."
        if request["entrypoint_num_cpus"] > 1000:
            return 500, "Traceback\n  File\nValueError: that is too many CPUs\n."
        self.set(request["submission_id"], "PENDING", message="It may be waiting for resources.")
        return 200, {"submission_id": request["submission_id"]}


@contextmanager
def dashboard() -> Iterator[Dashboard]:
    """A dashboard on a free loopback port."""
    made = Dashboard()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply("GET")

        def do_POST(self) -> None:
            self._reply("POST")

        def log_message(self, *_: object) -> None:
            pass

        def _reply(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            made.requests.append((method, self.path, dict(self.headers)))
            if made.override is not None:
                status, text = made.override
            elif made.token and self.headers.get("Authorization") != f"Bearer {made.token}":
                status, text = 401, "Unauthorized: Missing authentication token"
            else:
                status, found = made.answer(method, self.path, body)
                text = found if isinstance(found, str) else json.dumps(found)
            self.send_response(status)
            self.send_header("Location", "http://127.0.0.1:9/login")
            self.end_headers()
            self.wfile.write(text.encode())

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    made.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
