"""A browser at a server with a token: without it nothing is seen, with it everything works and nothing is fetched elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from pages.shared.navigation import APP_PAGES
from tests.e2e.conftest import ROOT, free_port, serving
from tests.e2e.walk_import import settle
from tests.pages.page_workspace import alpaca_file, import_file, run_pipeline
from tests.support import scale

NAME = "Very private questions"
# What a page must show as text: a bare address is a link to Markdown, whatever was escaped in it.
ADDRESSES = "https://evil.example/a www.evil.example someone@evil.example ![x](https://evil.example/i.png) <img src=https://evil.example/j.png>"
VIEWS = ("Raw", "Details", "Similar")[: scale.times(1, 3)]
DEEP = {
    "data_map": ("", "&row=3", *(f"&row=3&row_view={view}" for view in VIEWS)),
    "review": ("", "&review=queue"),
    "import_data": ("", "&imported={dataset_id}"),
}
PATHS = ("/", "/overview", "/data_map", "/export_data", "/_stcore/host-config", "/_stcore/metrics")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, str]]:
    """A server with a token over a workspace, the address it printed, and a dataset's id."""
    folder = tmp_path_factory.mktemp("access")
    file = alpaca_file(folder, bad_lines=2)
    text = file.read_text("utf-8")
    for word in (" about ", " on ", "no json"):  # a question, an answer, a line that is refused
        text = text.replace(word, f" {ADDRESSES}{word}")
    file.write_text(text.replace('"topic":"', f'"topic":"{ADDRESSES} '), "utf-8")
    dataset_id = import_file(folder / "workspace", file, f"{NAME} {ADDRESSES}")
    run_pipeline(folder / "workspace", dataset_id)
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "tamis.cli",
        "--workspace",
        str(folder / "workspace"),
        "serve",
        "--port",
        str(port),
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "core")}
    environment.pop("TAMIS_TOKEN", None)
    with serving(command, port, folder / "workspace", cwd=ROOT, environment=environment) as server:
        printed = (folder / f"server-{port}.log").read_text("utf-8")
        (whole,) = re.findall(rf"{server.url}/\?token=\S+", printed)
        processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
        assert whole.partition("token=")[2] not in processes
        yield server.url, whole, dataset_id


@pytest.mark.browser
@pytest.mark.slow
def test_a_browser_without_the_token_sees_nothing_and_with_it_everything(
    address: tuple[str, str, str], page: Page
) -> None:
    url, whole, dataset_id = address
    for path in PATHS:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(url + path)
        assert refused.value.code == 403
        assert NAME not in refused.value.read().decode()
    page.goto(f"{url}/overview")
    expect(page.get_by_role("heading", name="This Tamis asks for its token")).to_be_visible()
    page.get_by_label("Token").fill(whole.partition("token=")[2])
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_text(NAME).first).to_be_visible(timeout=60_000)
    assert "token=" not in page.url
    troubles: list[str] = []
    page.on(
        "console",
        lambda message: troubles.append(message.text) if "Content Security" in message.text else None,
    )
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith((url, "data:", "blob:")) else troubles.append(request.url)
        ),
    )
    for one in APP_PAGES:
        for deep in DEEP.get(one.name, ("",)):
            page.goto(f"{url}/{one.name}?dataset={dataset_id}{deep.format(dataset_id=dataset_id)}")
            expect(page.get_by_role("heading", level=1, name=one.title)).to_be_visible(timeout=60_000)
            settle(page)
            links = page.locator("a[href*='evil.example'], img[src*='evil.example']")
            troubles += [
                f"{one.name}{deep}: {links.nth(n).evaluate('e => e.outerHTML')[:200]}"
                for n in range(links.count())
            ]
    assert not troubles
