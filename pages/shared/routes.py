"""The app's own HTTP routes: each asks the gate's word for who is there, as a page does."""

from __future__ import annotations

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from pages.shared.identity import guard
from pages.shared.server import open_server
from tamis.actions.decide_request import DecideRequest, decide_by_request
from tamis.errors import CurationError, NotAllowed, OutOfOrder
from tamis.types import JSON

MOST_BYTES = 4 << 20  # of one decision: an edit is a whole conversation


async def decide(request: Request) -> JSONResponse:
    """``POST /api/decide``: one decision; sent again it says what it decided, out of order which one is awaited."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        # A form of another site can send no JSON without being asked first.
        return JSONResponse({"error": "Send JSON, as application/json."}, 415)
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            return JSONResponse({"error": f"A decision has at most {MOST_BYTES:,} bytes."}, 413)
    status, answer = await run_in_threadpool(_decide, request, body)
    return JSONResponse(answer, status)


def _decide(request: Request, body: bytes) -> tuple[int, dict[str, JSON]]:
    try:
        workspace = open_server().for_actor(guard(request.scope))
        asked = DecideRequest.model_validate_json(body)
        name = workspace.settings.reviewer_name(workspace.actor.named(asked.reviewer))
        return 200, decide_by_request(workspace, asked, name)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        return 400, {"error": f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}."}
    except NotAllowed as error:
        return 403, {"error": str(error)}
    except OutOfOrder as error:
        return 409, {"error": str(error), "expected": error.expected}
    except CurationError as error:
        return 400, {"error": str(error)}


ROUTES = (Route("/api/decide", decide, methods=["POST"]),)
