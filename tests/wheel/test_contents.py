"""What the wheel, the sdist and an editable install consist of."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def _build(kind: str, source: Path, out: Path) -> Path:
    """What pip would ask the build backend for, without an environment of its own for it."""
    out.mkdir(parents=True, exist_ok=True)
    program = f"import hatchling.build, sys; print(hatchling.build.build_{kind}(sys.argv[1]))"
    command = [sys.executable, "-c", program, str(out)]
    done = subprocess.run(command, cwd=source, check=True, capture_output=True, text=True)
    return out / done.stdout.split()[-1]


def _names(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def _files(folder: Path) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix() for path in found}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


def test_one_package_and_nothing_beside_it(wheel: Path) -> None:
    top = {name.split("/")[0] for name in _names(wheel)}
    assert top == {"tamis", f"{wheel.name.removesuffix('-py3-none-any.whl')}.dist-info"}


def test_the_package_is_whole(wheel: Path) -> None:
    packed = {name.removeprefix("tamis/") for name in _names(wheel) if name.startswith("tamis/")}
    assert _files(ROOT / "core" / "tamis") == {name for name in packed if not name.startswith("_app/")}
    assert "py.typed" in packed


def test_the_app_is_whole(wheel: Path) -> None:
    packed = {name.removeprefix("tamis/_app/") for name in _names(wheel) if name.startswith("tamis/_app/")}
    folders = ("pages", "sample_data", ".streamlit")
    assert packed == {"app.py"} | {f"{name}/{file}" for name in folders for file in _files(ROOT / name)}


def test_an_editable_install_is_a_path_and_nothing_else(tmp_path: Path) -> None:
    editable = _build("editable", ROOT, tmp_path)
    beside = {name for name in _names(editable) if ".dist-info/" not in name}
    assert beside == {"_tamis.pth"}
    assert zipfile.ZipFile(editable).read("_tamis.pth").decode() == str(ROOT / "core")


def test_the_wheel_of_an_sdist_is_the_same(wheel: Path, tmp_path: Path) -> None:
    sdist = _build("sdist", ROOT, tmp_path / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    again = _build("wheel", tmp_path / sdist.name.removesuffix(".tar.gz"), tmp_path / "again")
    assert _names(again) == _names(wheel)


def test_no_version_of_torch_is_asked_for(wheel: Path) -> None:
    """People with a torch for their own GPU keep it; the tested version stands in constraints.txt."""
    name = next(name for name in _names(wheel) if name.endswith(".dist-info/METADATA"))
    metadata = Parser().parsestr(zipfile.ZipFile(wheel).read(name).decode())
    wanted = [text for text in metadata.get_all("Requires-Dist", []) if text.startswith("torch")]
    assert wanted, "the extra `models` no longer asks for torch"
    assert not [text for text in wanted if "==" in text.split(";")[0]]
