"""Nothing of a map is answered to whoever no page was drawn for; no name in an address leads to a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request

from pages.serving.token_gate import TokenGate
from pages.shared.map import routes
from tamis.actions.dataset_context import open_context
from tamis.actions.map_tiles import Promised, map_column, open_map, pack_rows_as_bits
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.workspace import open_workspace
from tests.core.store.small_workspace import DATASET, make_rows, write_dataset

N_ROWS = 60


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A map that a page shows, with a column and a filter, and what their addresses are called."""
    path = tmp_path_factory.mktemp("workspace")
    write_dataset(ArtifactStore(path), make_rows(N_ROWS))
    context = open_context(open_workspace(path), DATASET)
    opened = open_map(context)
    column = map_column(context, opened, "cluster")
    bits = pack_rows_as_bits(opened, np.arange(0, N_ROWS, 2), N_ROWS)
    later = Promised("later", lambda: pack_rows_as_bits(opened, np.arange(3), N_ROWS))
    name = routes.hold_map(context, opened, [column, Promised("shades", lambda: column)], [bits, later])
    yield {
        "base": f"/tamis/map/{name}",
        "token": routes.token_of(name),
        "column": column.id,
        "bits": bits.id,
        "name": name,
    }
    routes._HELD.clear()


def _ask(
    path: str, token: str = "", *, gate: str = "", method: str = "GET"
) -> tuple[int, dict[str, str], bytes]:
    """What the app answers; asked of the routes themselves, which need no event loop of a browser's thread."""
    app = Starlette(routes=routes.map_routes(), middleware=[Middleware(TokenGate, token=gate)])
    headers = [(b"x-tamis-map", token.encode())] if token else []
    scope = {
        "type": "http", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers, "method": method,
        "scheme": "http", "root_path": "", "http_version": "1.1", "server": ("127.0.0.1", 80), "app": app,
    }  # fmt: skip
    if gate:
        return _gated(app, scope)
    for route in routes.map_routes():
        match, child = route.matches(scope)
        if match.value == 2:
            answer = route.endpoint(Request(scope | child))
            return answer.status_code, dict(answer.headers), bytes(answer.body)
    return 404, {}, b""


def _gated(app: Starlette, scope: dict) -> tuple[int, dict[str, str], bytes]:
    sent: list[dict] = []

    async def send(message: dict) -> None:
        sent.append(message)

    with pytest.raises(StopIteration):
        app(scope, None, send).send(None)
    return sent[0]["status"], {}, sent[1]["body"]


def _paths(held: dict[str, str]) -> list[str]:
    base = held["base"]
    return [
        f"{base}/index", f"{base}/xy/0-0", f"{base}/rows/0-0", f"{base}/column/{held['column']}/0-0",
        f"{base}/bits/{held['bits']}/0-0", f"{base}/card/0", f"{base}/bits/later/0-0", f"{base}/column/shades/0-0",
    ]  # fmt: skip


def test_with_its_token_all_of_a_map_is_answered(held: dict[str, str]) -> None:
    for path in _paths(held):
        status, headers, body = _ask(path, held["token"])
        assert status == 200, path
        assert body, path
        kept = "no-store" if "/card/" in path else "private, max-age=31536000, immutable"
        assert headers["cache-control"] == kept


@pytest.mark.parametrize("token", ["", "0" * 64, "\u4f60", "a" * 10_000])
def test_without_it_nothing_is(held: dict[str, str], token: str) -> None:
    for path in _paths(held):
        status, _, body = _ask(path, token)
        assert status == 403, path
        assert b"salt" not in body


def test_the_token_of_one_map_opens_no_other(held: dict[str, str]) -> None:
    other = held["name"][::-1]
    assert _ask(f"/tamis/map/{other}/index", held["token"])[0] == 403
    # A name that somebody guessed, with the token that it would have: still nothing is there.
    assert _ask(f"/tamis/map/{other}/index", routes.token_of(other))[0] == 404


@pytest.mark.parametrize(
    "rest",
    [
        "xy/0-99", "xy/5-1", "xy/99999999999-99999999999", "rows/1-0", "card/60", "card/99999999999999",
        "column/nothing/0-0", "column/../0-0", "column/..%2f..%2fmanifest/0-0", "column/%00/0-0",
        "bits/{column}/0-0", "bits/../../0-0", "index/..", "../../../etc/passwd",
    ],
)  # fmt: skip
def test_what_is_not_there_is_not_found(held: dict[str, str], rest: str) -> None:
    assert _ask(f"{held['base']}/{rest.format(**held)}", held["token"])[0] == 404


@pytest.mark.parametrize(
    "file", ["component.js", "../routes.py", "..%2froutes.py", "routes.py", "", "/etc/passwd"]
)
def test_only_modules_are_served_and_under_their_version(file: str) -> None:
    version, found = routes.modules()
    assert (_ask(f"/tamis/js/{version}/{file}")[0] == 200) == (file in found)
    assert _ask(f"/tamis/js/{'0' * 16}/{file}")[0] == 404


def test_the_gate_of_the_server_stands_before_all_of_it(held: dict[str, str]) -> None:
    for path in [*_paths(held), f"/tamis/js/{routes.modules()[0]}/component.js"]:
        assert _ask(path, held["token"], gate="a-token-of-this-test")[0] == 403


def test_a_card_says_the_words_of_a_row_as_they_are(held: dict[str, str]) -> None:
    said = b"".join(_ask(f"{held['base']}/card/{place}", held["token"])[2] for place in range(N_ROWS))
    assert b"<script>alert(1)</script>" in said


def test_modules_fetch_nothing_from_elsewhere_and_read_no_text_as_markup() -> None:
    for name, text in routes.modules()[1].items():
        assert b"http:" not in text, name
        assert b"https:" not in text, name
        for way in (b"innerHTML", b"outerHTML", b"insertAdjacentHTML", b"document.write", b"eval("):
            assert way not in text, (name, way)


def test_a_module_is_short_enough_to_read() -> None:
    assert max(path.read_text("utf-8").count("\n") for path in Path(routes.MODULES).glob("*.js")) <= 400
