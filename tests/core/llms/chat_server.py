"""A chat endpoint for tests, which misbehaves in every way a server can."""

from __future__ import annotations

import json
import math
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ChatServer:
    """Answers /v1/chat/completions by repeating the prompt; ``script`` holds what it does to the next requests."""

    def __init__(self) -> None:
        self.script: list[str] = []
        self.requests: list[dict] = []
        self.times: list[float] = []
        self.keys: list[str] = []
        self.at_once = self.most_at_once = 0
        self.pause_s = 0.0
        self.lock = threading.Lock()
        self.stopped, self.hung_up = threading.Event(), threading.Event()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with owner.lock:
                    owner.requests.append(body)
                    owner.times.append(time.monotonic())
                    owner.keys.append(self.headers.get("Authorization", ""))
                    owner.at_once += 1
                    owner.most_at_once = max(owner.most_at_once, owner.at_once)
                    deed = owner.script.pop(0) if owner.script else "answer"
                try:
                    owner.act(self, deed, body)
                finally:
                    with owner.lock:
                        owner.at_once -= 1

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def act(self, handler: BaseHTTPRequestHandler, deed: str, body: dict) -> None:  # noqa: C901 - a list of deeds
        time.sleep(self.pause_s)
        if deed == "hang":
            self.stopped.wait(5)
            return
        if deed in ("drip", "drip headers"):
            self.drip(handler, in_headers=deed == "drip headers")
            return
        status, kind, headers = 200, "application/json", {}
        answer = self.echoed(body) if "prompt" in body else self.answered(body)
        if deed == "other model":
            answer["model"] = "llama-3"
        if deed == "dated model":
            answer["model"] = "m-2024-07-18"
        if deed == "wrong counts":
            answer["usage"] = {"prompt_tokens": -7, "completion_tokens": 10**12, "total_tokens": "many"}
        if deed == "no usage":
            answer.pop("usage")
        if deed == "no choices":
            answer["choices"] = []
        if deed == "blank":
            answer["choices"][0]["message"]["content"] = None
        if deed in ("at the limit", "at the limit, blank"):
            answer["choices"][0]["finish_reason"] = "length"
        if deed == "at the limit, blank":
            answer["choices"][0]["message"]["content"] = None
        if deed == "half a character":
            answer["choices"][0]["message"]["content"] = "salt \ud83d"
        if deed == "no logprobs":
            answer["choices"][0]["logprobs"] = None
        content = json.dumps(answer)
        if deed.split()[0].isdigit():
            status = int(deed.split()[0])
            content = json.dumps({"error": {"message": f"deliberate {deed}"}})
            headers = {"Retry-After": "1"} if "wait" in deed else {}
        if deed in ("telltale", "telltale 401"):
            status = 401 if "401" in deed else 400
            # So long that the message is cut in the middle of the key.
            said = f"headers {'x' * 175} {handler.headers['Authorization']}"
            content = json.dumps({"error": {"message": said}})
        if deed == "no system turn" and body["messages"][0]["role"] == "system":
            status = 400
            content = json.dumps({"error": {"message": "System role not supported"}})
        if deed == "too long":
            status = 400
            error = {
                "message": "This model's maximum context length is 8 tokens",
                "code": "context_length_exceeded",
            }
            content = json.dumps({"error": error})
        if deed == "filtered":
            status = 400
            error = {
                "message": "The response was filtered by the content management policy",
                "code": "content_filter",
            }
            content = json.dumps({"error": error})
        page = f"<html>debug {handler.headers['Authorization']}</html>"
        content = {
            "html": "<html>Welcome</html>",
            "telltale html": page,
            "empty": "",
            "cut": content[: len(content) // 2],
        }.get(deed, content)
        kind = "text/html" if deed.endswith("html") else kind
        handler.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(content.encode())),
            **headers,
        }.items():
            handler.send_header(name, value)
        handler.end_headers()
        sent = content.encode()
        # A connection that breaks in the middle of an answer: fewer bytes than were promised.
        handler.wfile.write(sent[: len(sent) // 2] if deed == "broken" else sent)

    def drip(self, handler: BaseHTTPRequestHandler, *, in_headers: bool) -> None:
        """A byte now and then, long before any wait for one byte is over, and never an end."""
        begin = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        handler.wfile.write(begin + (b"X-Slow: " if in_headers else b"Content-Length: 100000\r\n\r\n"))
        try:
            while not self.stopped.wait(0.1):
                handler.wfile.write(b" ")
                handler.wfile.flush()
        except OSError:
            self.hung_up.set()

    @staticmethod
    def answered(body: dict) -> dict:
        said = body["messages"][-1]["content"]
        choice = {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": f"echo {said}"},
        }
        if body.get("logprobs"):
            top = [("4", 0.5), (" 5", 0.25), ("5", 0.125), ("the", 0.1)]
            tokens = [{"token": t, "logprob": math.log(p), "bytes": None} for t, p in top]
            choice["logprobs"] = {"content": [{**tokens[0], "top_logprobs": tokens}], "refusal": None}
        usage = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
        return {
            "id": "1", "object": "chat.completion", "created": 1, "model": body["model"], "choices": [choice], "usage": usage,
        }  # fmt: skip

    @staticmethod
    def echoed(body: dict) -> dict:
        words = body["prompt"].split(" ")
        offsets = [sum(len(w) + 1 for w in words[:i]) for i in range(len(words))]
        logs = {"tokens": words, "text_offset": offsets, "token_logprobs": [None] + [-0.5] * (len(words) - 1)}
        choice = {"index": 0, "text": body["prompt"], "finish_reason": "length", "logprobs": logs}
        return {
            "id": "1",
            "object": "text_completion",
            "created": 1,
            "model": body["model"],
            "choices": [choice],
        }
