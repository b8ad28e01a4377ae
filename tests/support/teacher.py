"""A chat endpoint on the loopback that plays the teacher and the student of an augmentation, by rule."""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SIGNS: dict[str, tuple[str, Callable[[int, int], int]]] = {
    "sum": ("+", lambda a, b: a + b),
    "difference": ("−", lambda a, b: a - b),
    "product": ("×", lambda a, b: a * b),
}
STORIES = (
    "A gardener counts {a} seedlings in one bed and {b} in another. What is the {name} of the two counts?",
    "In a harbour lie {a} boats on the left and {b} on the right. Work out the {name} of these numbers.",
    "A baker has {a} loaves in the morning and {b} in the evening. Find the {name} of the two amounts.",
    "Two buses carry {a} and {b} people. Which number is the {name} of both?",
    "One shelf holds {a} books, the next {b}. Tell the {name} of the two numbers.",
)
NAMED = re.compile(r"(sum|difference|product)")


def story(name: str, number: int, seed: int) -> tuple[str, str]:
    """A question for one of the three skills, and its right answer."""
    draw = random.Random(f"{name} {number} {seed}")
    a, b = draw.randint(12, 99), draw.randint(2, 11)
    sign, compute = SIGNS[name]
    asked = STORIES[number % len(STORIES)].format(a=a, b=b, name=name)
    return asked, f"The {name} is {a} {sign} {b} = {compute(a, b)}."


class Teacher:
    """Answers chat requests: a question for a new row by a row of the same skill, any other as a student who cannot multiply.

    Every ``junk_every``-th answer of the teacher is junk: no JSON, an assistant's phrase, or the parent once more.
    """

    def __init__(self, *, junk_every: int = 5, takes_schema: bool = False) -> None:
        self.junk_every, self.takes_schema = junk_every, takes_schema
        self.requests: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, answer = owner.answer(body)
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and body of the answer to one request."""
        with self._lock:
            self.requests.append(body)
        if "response_format" in body and not self.takes_schema:
            return 400, {
                "error": {
                    "message": "response_format is not supported by this model",
                    "param": "response_format",
                }
            }
        prompt = "\n".join(str(turn["content"]) for turn in body["messages"])
        text = self._row(prompt, body.get("seed") or 0) if "new_prompt" in prompt else _student(prompt)
        choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop", "index": 0}
        usage = {
            "prompt_tokens": len(prompt) // 4,
            "completion_tokens": len(text) // 4,
            "total_tokens": (len(prompt) + len(text)) // 4,
        }
        return 200, {
            "id": "a",
            "object": "chat.completion",
            "model": body["model"],
            "choices": [choice],
            "usage": usage,
        }

    def _row(self, prompt: str, seed: int) -> str:
        """A new row for the skill of its parent, or junk."""
        parent = prompt.rpartition("parent_prompt")[0].rpartition("parent_prompt")[2] or prompt
        found = NAMED.search(parent) or NAMED.search(prompt)
        name = found[1] if found else "sum"
        asked, answered = story(name, seed, seed)
        kind = seed % (3 * self.junk_every)
        if kind == 0:
            return "I would rather talk about the weather."
        if kind == self.junk_every:
            answered = f"Sure! Here is the answer: {answered}"
        if kind == 2 * self.junk_every:
            asked, answered = story(name, 0, 0)
        return json.dumps({"new_prompt": asked, "new_response": answered}, ensure_ascii=False)


def _student(prompt: str) -> str:
    """Right answers, but for products of even numbers."""
    numbers, found = [int(one) for one in re.findall(r"\d+", prompt)[:2]], NAMED.search(prompt)
    if len(numbers) < 2 or found is None:
        return "I do not know."
    (a, b), name = numbers, found[1]
    sign, compute = SIGNS[name]
    wrong = 10 if name == "product" or (name == "difference" and b % 2) else 0
    return f"The {name} is {a} {sign} {b} = {compute(a, b) + wrong}."
