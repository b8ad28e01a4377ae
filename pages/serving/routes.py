"""The app's own HTTP routes: each asks the gate's word for who is there, as a page does."""

from __future__ import annotations

from collections.abc import Callable

import orjson
from pydantic import BaseModel, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pages.shared.identity import guard
from pages.shared.server import held_answer, open_server
from tamis.actions.decide_request import DecideRequest, decide_by_request
from tamis.errors import CurationError, NotAllowed, OutOfOrder
from tamis.store.workspace import Workspace
from tamis.types import JSON

MOST_BYTES = 4 << 20  # of one request: an edit is a whole conversation
MOST_DECISIONS = 100  # of one request
_TOO_LARGE = f"A decision has at most {MOST_BYTES:,} bytes."
Answered = tuple[int, dict[str, JSON]]


class AskHeld(BaseModel):
    """A question to a page that was drawn for whoever asks."""

    name: str
    token: str
    asked: dict[str, JSON]


class DecisionsInTurn(BaseModel):
    """Some decisions in their order."""

    decisions: list[DecideRequest] = Field(max_length=MOST_DECISIONS)


async def decide(request: Request) -> Response:
    """``POST /api/decide``: one decision; sent again it says what it decided, out of order which one is awaited."""
    return await _answer(request, _decide)


async def decide_in_turn(request: Request) -> Response:
    """``POST /api/decisions``: several in their order, each as by ``/api/decide``; the first that is refused ends it."""
    return await _answer(request, _decide_in_turn)


async def ask_page(request: Request) -> Response:
    """``POST /api/page``: what a page holds for the browser that it was drawn in."""
    return await _answer(request, _ask_page)


async def _answer(request: Request, act: Callable[[Workspace, bytes], Answered]) -> Response:
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        # A form of another site can send no JSON without being asked first.
        return JSONResponse({"error": "Send JSON, as application/json."}, 415)
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            return JSONResponse({"error": _TOO_LARGE}, 413)
    status, answer = await run_in_threadpool(_guarded, request, body, act)
    return Response(orjson.dumps(answer), status, {"Cache-Control": "no-store"}, "application/json")


def _guarded(request: Request, body: bytes, act: Callable[[Workspace, bytes], Answered]) -> Answered:
    try:
        return act(open_server().for_actor(guard(request.scope)), body)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        return 400, {"error": f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}."}
    except CurationError as error:
        return _refused(error)


def _refused(error: CurationError) -> Answered:
    if isinstance(error, OutOfOrder):
        return 409, {"error": str(error), "expected": error.expected}
    return 403 if isinstance(error, NotAllowed) else 400, {"error": str(error)}


def _decide(workspace: Workspace, body: bytes) -> Answered:
    return _decide_one(workspace, DecideRequest.model_validate_json(body))


def _decide_one(workspace: Workspace, asked: DecideRequest) -> Answered:
    name = workspace.settings.reviewer_name(workspace.actor.named(asked.reviewer))
    return 200, decide_by_request(workspace, asked, name)


def _decide_in_turn(workspace: Workspace, body: bytes) -> Answered:
    answers: list[JSON] = []
    for asked in DecisionsInTurn.model_validate_json(body).decisions:
        try:
            status, answer = _decide_one(workspace, asked)
        except CurationError as error:
            status, answer = _refused(error)
        answers.append({"status": status, **answer})
        if status != 200:
            break
    return 200, {"answers": answers}


def _ask_page(workspace: Workspace, body: bytes) -> Answered:
    asked = AskHeld.model_validate_json(body)
    answer = held_answer(asked.name, asked.token)
    if answer is None:
        return 404, {
            "error": "The page that asks is not known here any more. It is drawn again when it is opened."
        }
    return 200, {"answer": answer(workspace, asked.asked)}


ROUTES = (
    Route("/api/decide", decide, methods=["POST"]),
    Route("/api/decisions", decide_in_turn, methods=["POST"]),
    Route("/api/page", ask_page, methods=["POST"]),
)
