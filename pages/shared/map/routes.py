"""Routes of the app's own server that carry tiles, columns and rows to a map, and the modules that draw it.

A page that was drawn for somebody hands its map a token for that one map; without it nothing is answered. The gate of the
server stands before all of this as before every page. What can be asked for is what pages have registered here: a name in
an address is looked up and never becomes a path.
"""

from __future__ import annotations

import gzip
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TypeVar

import numpy as np
import orjson
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pages.shared.dataset_context import DatasetContext
from pages.shared.identity import guard
from tamis.actions.map_tiles import ColumnCodes, MapTiles, Promised, RowBits, say_card
from tamis.errors import CurationError, NotAllowed

MODULES = Path(__file__).with_name("js")
BASE, JS = "tamis/map", "tamis/js"
HEADER = "x-tamis-map"
MAPS_HELD, PARTS_HELD = 32, 256
MADE_HELD = 8  # columns that were promised, and made because somebody looked
_SECRET = secrets.token_bytes(32)  # of this process: after a restart pages ask again
# A year, under names that change with what they name; "private", because no proxy may serve it to somebody else.
KEPT = {"Cache-Control": "private, max-age=31536000, immutable"}
# An encoding that is named already keeps the server's gzip away: positions hardly shrink, and 30 ms a megabyte is much.
PLAIN = KEPT | {"Content-Encoding": "identity"}
Part = TypeVar("Part", ColumnCodes, RowBits)
Answer = Callable[[Request, "HeldMap"], Response]


@dataclass(slots=True)
class HeldMap:
    """A map that some page shows now, with what it may ask for."""

    context: DatasetContext
    opened: MapTiles
    columns: OrderedDict[str, ColumnCodes | Promised[ColumnCodes]] = field(default_factory=OrderedDict)
    bits: OrderedDict[str, RowBits | Promised[RowBits]] = field(default_factory=OrderedDict)
    made: OrderedDict[str, ColumnCodes | RowBits] = field(default_factory=OrderedDict)


_HELD: OrderedDict[str, HeldMap] = OrderedDict()
_LOCK = Lock()


def hold_map(
    context: DatasetContext,
    opened: MapTiles,
    columns: Sequence[ColumnCodes | Promised[ColumnCodes]],
    bits: Sequence[RowBits | Promised[RowBits]],
) -> str:
    """Make a map and these parts of it answerable; returns its name in addresses, the same whenever it is the same map."""
    said = f"{context.workspace.path}\0{opened.dataset_id}\0{opened.layout_id}"
    name = hashlib.blake2s(said.encode(), digest_size=10).hexdigest()
    with _LOCK:
        held = _HELD.setdefault(name, HeldMap(context, opened))
        held.context, held.opened = context, opened
        for column in columns:
            _keep(held.columns, column)
        for part in bits:
            _keep(held.bits, part)
        _HELD.move_to_end(name)
        while len(_HELD) > MAPS_HELD:
            _HELD.popitem(last=False)
    return name


def token_of(name: str) -> str:
    """What a page hands to a map, for that one map."""
    return hmac.new(_SECRET, name.encode(), hashlib.blake2s).hexdigest()


@cache
def modules() -> tuple[str, dict[str, bytes]]:
    """A name of what the modules are now, and each of them by its file's name."""
    found = {path.name: path.read_bytes() for path in sorted(MODULES.glob("*.js"))}
    digest = hashlib.blake2s(b"\0".join(found.values()), digest_size=8).hexdigest()
    return digest, found


def map_routes() -> list[Route]:
    """What the server answers besides its pages."""
    base = f"/{BASE}/{{name}}"
    span = "{first:int}-{last:int}"
    return [
        Route(f"/{JS}/{{version}}/{{file}}", _module),
        Route(f"{base}/index", _guarded(_index)),
        Route(f"{base}/xy/{span}", _guarded(_places)),
        Route(f"{base}/rows/{span}", _guarded(_rows)),
        Route(f"{base}/column/{{part}}/{span}", _guarded(_column)),
        Route(f"{base}/bits/{{part}}/{span}", _guarded(_bits)),
        Route(f"{base}/card/{{place:int}}", _guarded(_card)),
    ]


def _guarded(answer: Answer) -> Callable[[Request], Response]:
    """The one guard of everything that says something about a dataset."""

    def endpoint(request: Request) -> Response:  # a plain function: the server runs it on a worker thread
        name = request.path_params["name"]
        # Bytes: a header may hold what is no ASCII.
        given = request.headers.get(HEADER, "").encode()
        if not hmac.compare_digest(given, token_of(name).encode()):
            return PlainTextResponse("Open the map page first.", 403)
        try:
            guard(request.scope)
            with _LOCK:
                held = _HELD[name]
            return answer(request, held)
        except NotAllowed as error:
            return PlainTextResponse(str(error), 403)
        except (KeyError, IndexError, CurationError, OSError):  # the last two: it was deleted meanwhile
            return PlainTextResponse("There is no such part of this map.", 404)

    return endpoint


def _index(request: Request, held: HeldMap) -> Response:
    return _binary(held.opened.tiles.index.tobytes(), PLAIN)


def _places(request: Request, held: HeldMap) -> Response:
    return _binary(held.opened.tiles.places[_span(request, held)].tobytes(), PLAIN)


def _rows(request: Request, held: HeldMap) -> Response:
    return _binary(held.opened.tiles.order[_span(request, held)].tobytes(), PLAIN)


def _column(request: Request, held: HeldMap) -> Response:
    codes: NDArray[np.uint8] = _made(held, held.columns[request.path_params["part"]]).codes
    return _packed(request, codes[_span(request, held)].tobytes())


def _bits(request: Request, held: HeldMap) -> Response:
    part = _made(held, held.bits[request.path_params["part"]])
    return _packed(request, part.of_tiles(request.path_params["first"], request.path_params["last"]))


def _card(request: Request, held: HeldMap) -> Response:
    card = say_card(held.context, held.opened, request.path_params["place"])
    return Response(orjson.dumps(card), media_type="application/json", headers={"Cache-Control": "no-store"})


def _module(request: Request) -> Response:
    version, found = modules()
    text = found.get(request.path_params["file"])
    if text is None or request.path_params["version"] != version:
        return PlainTextResponse("There is no such module.", 404)
    return Response(text, media_type="text/javascript; charset=utf-8", headers=KEPT)


def _span(request: Request, held: HeldMap) -> slice:
    return held.opened.span(request.path_params["first"], request.path_params["last"])


def _binary(body: bytes, headers: dict[str, str]) -> Response:
    return Response(body, media_type="application/octet-stream", headers=headers)


def _packed(request: Request, body: bytes) -> Response:
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return _binary(body, PLAIN)
    return _binary(gzip.compress(body, 1, mtime=0), KEPT | {"Content-Encoding": "gzip"})


def _made(held: HeldMap, part: Part | Promised[Part]) -> Part:
    """The part itself; one that was promised is made now, and kept for whoever asks for its next tiles."""
    if not isinstance(part, Promised):
        return part
    found: Part | None = held.made.get(part.id)  # type: ignore[assignment]
    if found is None:
        found = part.make()
    with _LOCK:
        held.made[part.id] = found
        held.made.move_to_end(part.id)
        while len(held.made) > MADE_HELD:
            held.made.popitem(last=False)
    return found


def _keep(parts: OrderedDict[str, Part | Promised[Part]], part: Part | Promised[Part]) -> None:
    parts[part.id] = part
    parts.move_to_end(part.id)
    while len(parts) > PARTS_HELD:
        parts.popitem(last=False)
