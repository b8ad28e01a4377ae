"""A model that is loaded once, and an embeddings server on this machine that can misbehave."""

from __future__ import annotations

import json
import threading
import time
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from tamis.encoders import open_encoder

DIMENSION = 24


def fake_vector(text: str, dimension: int = DIMENSION) -> list[float]:
    return np.random.default_rng(zlib.crc32(text.encode())).normal(size=dimension).tolist()


class EmbeddingServer:
    """Answers /v1/embeddings; ``script`` holds what it does to the next requests before it behaves again."""

    def __init__(self) -> None:
        self.script: list[str] = []
        self.requests: list[dict] = []
        self.headers: list[dict[str, str]] = []
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with owner.lock:
                    owner.requests.append(body)
                    owner.headers.append({name.lower(): value for name, value in self.headers.items()})
                    deed = owner.script.pop(0) if owner.script else "answer"
                owner.act(self, deed, body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def act(self, handler: BaseHTTPRequestHandler, deed: str, body: dict) -> None:
        if deed == "hang":
            self.stopped.wait(5)
            return
        status, kind, extra = 200, "application/json", {}
        data = [
            {
                "object": "embedding",
                "index": i,
                "embedding": fake_vector(text, body.get("dimensions", DIMENSION)),
            }
            for i, text in enumerate(body["input"])
        ]
        content = json.dumps({"object": "list", "model": body["model"], "data": self.spoil(deed, data)})
        if deed.isdigit():
            status, content = int(deed), json.dumps({"error": {"message": f"deliberate {deed}"}})
            extra = {"Retry-After": "1"} if deed == "429" else {"retry-after-ms": "1"}
        elif deed == "html":
            kind, content = "text/html", "<html><body>Welcome</body></html>"
        elif deed == "html as json":
            content = "<html><body>Welcome</body></html>"
        elif deed == "empty":
            content = ""
        handler.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **extra}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content.encode())

    @staticmethod
    def spoil(deed: str, data: list[dict]) -> list[dict]:
        if deed == "one short":
            return data[:-1]
        if deed == "backwards":
            return data[::-1]
        if deed == "zeros":
            return [{**item, "embedding": [0.0] * DIMENSION} for item in data]
        if deed == "ragged":
            return [{**item, "embedding": item["embedding"][: DIMENSION - i]} for i, item in enumerate(data)]
        if deed == "slow":
            time.sleep(0.1)
        return data

    def stop(self) -> None:
        self.stopped.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def server(monkeypatch, tmp_path) -> Iterator[EmbeddingServer]:
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-test")
    running = EmbeddingServer()
    listed = tmp_path / "endpoints.toml"
    listed.write_text(f'[test]\naddress = "{running.url}"\nvariable = "OPENAI_API_KEY"\n', "utf-8")
    monkeypatch.setenv("TAMIS_ENDPOINTS", str(listed))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def minilm():
    pytest.importorskip("sentence_transformers")
    return open_encoder("minilm", {"device": "cpu"})


@pytest.fixture(scope="session")
def plain_minilm():
    """The library's own encoder, in float32."""
    library = pytest.importorskip("sentence_transformers")
    from tamis.models.files import find_model

    return library.SentenceTransformer(str(find_model("all-MiniLM-L6-v2")), device="cpu")
