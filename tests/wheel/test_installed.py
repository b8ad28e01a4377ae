"""The wheel in an environment of its own, used from a folder elsewhere: by browser, by command, by Python.

``make wheel-test`` makes the environment and names its interpreter in ``WHEEL_PYTHON`` and the sdist in ``WHEEL_SDIST``.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import walk_map
from tests.e2e.conftest import Server, browser, context, free_port, page, profile, serving

__all__ = ["browser", "context", "page", "profile"]  # fixtures
PYTHON, SDIST = os.environ.get("WHEEL_PYTHON", ""), os.environ.get("WHEEL_SDIST", "")
ROOT = Path(__file__).resolve().parent.parent.parent
N_SAMPLE, PIPELINE_MS = 472, 420_000
COLOUR_OF_THE_SIDEBAR = "rgb(244, 246, 245)"  # .streamlit/config.toml, theme.light

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON, reason="make wheel-test installs the wheel first"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a newcomer stands: a folder without a workspace, whose other files are not ours to import."""
    folder = tmp_path_factory.mktemp("somewhere")
    (folder / "random.py").write_text("raise ImportError('not this one')")
    (folder / "pages").mkdir()
    (folder / "pages" / "__init__.py").write_text("raise ImportError('not these')")
    return folder


def _environment() -> dict[str, str]:
    """What is inherited, without any way back to the checkout."""
    ours = ("PYTHON", "VIRTUAL_ENV", "TAMIS_", "STREAMLIT_", "OMP_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _tamis(folder: Path, *words: str) -> dict[str, object]:
    command = [str(Path(PYTHON).parent / "tamis"), "--workspace", "by_command", "--json", *words]
    done = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _python(folder: Path, program: str) -> str:
    done = subprocess.run(
        [PYTHON, "-P", "-c", program], cwd=folder, env=_environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def app(folder: Path) -> Iterator[Server]:
    """The app over a workspace that is not there yet, named relative to where it is started."""
    port = free_port()
    tamis = str(Path(PYTHON).parent / "tamis")
    command = [tamis, "--workspace", "workspace", "serve", "--no-token", "--port", str(port)]
    with serving(command, port, folder / "workspace", cwd=folder, environment=_environment()) as server:
        yield server


def test_it_is_the_wheel_and_nothing_lies_beside_it(folder: Path) -> None:
    program = """
import importlib.util, json, pathlib, tamis
names = ("core", "pages", "app", "tests", "hatch_build")
print(json.dumps([str(pathlib.Path(tamis.__file__).parent), [n for n in names if importlib.util.find_spec(n)]]))
"""
    where, found = json.loads(_python(folder, program))
    assert ROOT not in Path(where).parents
    assert Path(where).parent.name == "site-packages"
    assert found == []


def test_an_empty_workspace_fills_itself(app: Server, folder: Path, page: Page) -> None:
    page.goto(app.url)
    expect(page.get_by_text("Tamis sample").first).to_be_visible(timeout=120_000)
    expect(page.get_by_role("button", name="Export")).to_be_visible(timeout=PIPELINE_MS)
    assert (folder / "workspace" / "datasets").is_dir()


def test_the_look_is_ours_and_the_app_stays_where_it_was_started(
    app: Server, folder: Path, page: Page
) -> None:
    """The configuration beside app.py is in force, and a relative path still means what its user meant."""
    page.goto(app.url)
    sidebar = page.get_by_test_id("stSidebar")
    expect(sidebar).to_be_visible(timeout=60_000)
    expect(sidebar).to_have_css("background-color", COLOUR_OF_THE_SIDEBAR)
    assert app.app().cwd() == str(folder)


def test_the_map_draws_every_row(app: Server, folder: Path, page: Page) -> None:
    (dataset,) = (folder / "workspace" / "datasets").iterdir()
    walk_map.open_map(page, app.url, dataset.name)
    walk_map.wait_for_map(page)
    assert walk_map.n_drawn(page) == N_SAMPLE


def test_a_file_becomes_a_subset_by_command(folder: Path) -> None:
    dataset = str(_tamis(folder, "import", str(_sample(folder)), "--name", "My data")["dataset_id"])
    for words in (["embed"], ["cluster", "--n-clusters", "8"], ["score", "--scorer", "alignment"]):
        assert _tamis(folder, "run", *words, "--dataset", dataset)["state"] == "succeeded"
    made = _tamis(folder, "run", "select", "--dataset", dataset, "--budget", "50", "--quality", "alignment")
    assert made["state"] == "succeeded"
    written = _tamis(
        folder, "export", "--dataset", dataset, "--selection", "newest", "--format", "messages", "--out", "subset.jsonl"
    )  # fmt: skip
    lines = (folder / "subset.jsonl").read_text(encoding="utf-8").splitlines()
    assert written["n_rows"] == len(lines) == 50
    assert all(json.loads(line)["messages"] for line in lines)


def test_a_file_becomes_a_subset_by_python(folder: Path) -> None:
    _sample(folder)
    program = """
import json, tamis
ws = tamis.open("by_python")
data = ws.import_file("train.jsonl", name="My data")
data.embed(); data.cluster(n_clusters=8); data.score("alignment")
picked = data.select(budget=50, quality="alignment")
picked.export("by_python.jsonl", format="messages")
arrays = data.embed().to_numpy(), data.scores("alignment").to_numpy()
same = tamis.kmq(*arrays, budget=50, n_clusters=8).ids.tolist() == picked.ids.tolist()
found = data.search("how long does bread keep", by="meaning", k=5).to_pandas()
print(json.dumps([len(picked), same, len(found), str(tamis.replay("by_python.jsonl.manifest.json"))[:9]]))
"""
    assert json.loads(_python(folder, program).splitlines()[-1]) == [50, True, 5, "Identical"]
    assert len((folder / "by_python.jsonl").read_text(encoding="utf-8").splitlines()) == 50


def _sample(folder: Path) -> Path:
    """A file of one's own: the first of the samples that came with the wheel."""
    program = (
        "import tamis.settings as s; print((s.sample_data_folder() / 'kitchen_and_home.jsonl').read_text())"
    )
    file = folder / "train.jsonl"
    file.write_text(_python(folder, program).strip() + "\n", encoding="utf-8")
    return file


def test_an_sdist_installs_the_same_files(tmp_path: Path) -> None:
    command = [PYTHON, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path), SDIST]
    subprocess.run(command, cwd=tmp_path, env=_environment(), check=True)
    installed = {path.name for path in tmp_path.iterdir()}
    assert {name for name in installed if not name.endswith(".dist-info")} == {"tamis", "bin"}
    assert _files(tmp_path / "tamis") == _files(Path(_python(tmp_path, _WHERE).strip()))


_WHERE = "import pathlib, tamis; print(pathlib.Path(tamis.__file__).parent)"


def _files(package: Path) -> set[str]:
    # Python and numba keep there what they compiled when the package was used.
    found = (path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(package).as_posix() for path in found}
