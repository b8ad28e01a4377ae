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
from tests.pages.page_workspace import alpaca_file, import_file, run_pipeline

NAME = "Very private questions"
PATHS = ("/", "/overview", "/data_map", "/export_data", "/_stcore/host-config", "/_stcore/metrics")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, str]]:
    """A server with a token over a workspace, the address it printed, and a dataset's id."""
    folder = tmp_path_factory.mktemp("access")
    dataset_id = import_file(folder / "workspace", alpaca_file(folder), NAME)
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
        page.goto(f"{url}/{one.name}?dataset={dataset_id}")
        expect(page.get_by_role("heading", level=1, name=one.title)).to_be_visible(timeout=60_000)
    assert not troubles
