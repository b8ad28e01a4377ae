"""Images of records: what is found, what is read, and what decoding may take."""

from __future__ import annotations

import base64
import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tamis.actions.row_images import images_of
from tamis.errors import CurationError
from tamis.formats import thumbnails as thumbnails_of
from tamis.formats.detect import inspect_file
from tamis.formats.image_files import read_inside
from tamis.formats.image_refs import image_refs
from tamis.formats.thumbnails import thumbnails

RED = (200, 30, 30)


def encoded(kind: str, mode: str = "RGB", size: tuple[int, int] = (640, 480), **options: object) -> bytes:
    out = io.BytesIO()
    colour = RED if mode == "RGB" else (0, 200, 200, 10) if mode == "CMYK" else (200, 30, 30, 128)
    Image.new(mode, size, colour).save(out, kind, **options)
    return out.getvalue()


def png_bomb(side: int = 200_000) -> bytes:
    """A PNG of a few kilobytes that says it has side × side pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(10**6)))
        + chunk(b"IEND", b"")
    )


def animated() -> bytes:
    out = io.BytesIO()
    frames = [Image.new("P", (50, 40), n) for n in range(3)]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    return out.getvalue()


def test_every_image_is_decoded_beside_those_that_cannot_be() -> None:
    images = [
        encoded("PNG"), png_bomb(), encoded("JPEG", "CMYK"), b"\x89PNG\r\n\x1a\nbroken", animated(),
        encoded("PNG", "RGBA", (20, 10)), encoded("JPEG")[:400], b"", encoded("WEBP"), b"%!PS-Adobe-3.0 EPSF-3.0",
    ]  # fmt: skip
    made = thumbnails(images)
    assert len(made) == len(images)
    shown = [(one.format, one.width, one.height) for one in made if one.content]
    assert shown == [
        ("PNG", 640, 480), ("JPEG", 640, 480), ("GIF", 50, 40), ("PNG", 20, 10), ("WEBP", 640, 480)
    ]  # fmt: skip
    problems = [one.problem for one in made if not one.content]
    assert "pixels" in problems[0]
    assert all(problems)
    assert len(problems) == 5
    for one in made:
        if one.content:
            small = Image.open(io.BytesIO(one.content))
            assert max(small.size) <= 256
            assert small.mode == ("RGBA" if (one.width, one.height) == (20, 10) else "RGB")


def test_an_image_that_ends_the_process_takes_no_other_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path(str(thumbnails_of.thumbnail_process.__file__))
    dying = tmp_path / "dying.py"
    dying.write_text(
        real.read_text().replace("    from PIL", "    if content == b'die':\n        sys.exit(9)\n    from PIL", 1)
        .replace("except Exception as error", "except ArithmeticError as error")
    )  # fmt: skip
    monkeypatch.setattr(thumbnails_of.thumbnail_process, "__file__", str(dying))
    made = thumbnails([encoded("PNG"), b"die", encoded("PNG"), b"die"])
    assert [bool(one.content) for one in made] == [True, False, True, False]
    assert "more memory or time" in made[1].problem


def test_decoding_has_little_memory_and_time() -> None:
    limits = "import runpy, resource; runpy.run_path({!r})['limit'](); print(*resource.getrlimit(resource.RLIMIT_AS))"
    program = limits.format(str(thumbnails_of.thumbnail_process.__file__))
    said = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert said.split() == [str(1 << 30)] * 2


def test_only_files_inside_the_folder_are_read(tmp_path: Path) -> None:
    data, secret = tmp_path / "data", tmp_path / "secret.png"
    (data / "pics").mkdir(parents=True)
    secret.write_bytes(encoded("PNG"))
    (data / "pics" / "a.png").write_bytes(encoded("PNG"))
    (data / "away.png").symlink_to(secret)
    (data / "inside.png").symlink_to(data / "pics" / "a.png")
    (data / "loop.png").symlink_to(data / "loop.png")
    os.mkfifo(data / "pipe.png")
    assert read_inside(data, "pics/a.png") == read_inside(data, "inside.png") == encoded("PNG")
    for name in ("../secret.png", str(secret), "away.png", "pics/../../secret.png"):
        with pytest.raises(CurationError, match="outside the folder"):
            read_inside(data, name)
    for name in ("nope.png", "loop.png", "pipe.png", "pics", "a\0.png", "/dev/zero"):
        with pytest.raises(CurationError):
            read_inside(data, name)


def address(content: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


SMALL = encoded("PNG", size=(4, 4))


@pytest.mark.parametrize(
    ("record", "found"),
    [
        ({"messages": [{"role": "user", "content": [{"type": "image", "image": "a.png"}]}]}, [("file", "a.png")]),
        ({"content": [{"type": "image_url", "image_url": {"url": address(SMALL)}}]}, [("data", "in the row")]),
        ({"content": [{"type": "image_url", "image_url": {"url": "https://x.y/z.png"}}]}, [("link", "https://x.y/z.png")]),
        ({"content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png",
          "data": base64.b64encode(SMALL).decode()}}]}, [("data", "in the row")]),
        ({"image": {"bytes": address(SMALL, "application/octet-stream"), "path": "x.png"}}, [("data", "x.png")]),
        ({"image": {"bytes": None, "path": "x.png"}}, [("file", "x.png")]),
        ({"images": ["1.jpg", "2.JPEG"]}, [("file", "1.jpg"), ("file", "2.JPEG")]),
        ({"picture": address(SMALL, "application/octet-stream")}, [("data", "in the row")]),
        ({"audio": {"bytes": address(b"RIFX0000", "application/octet-stream"), "path": "x.wav"}}, []),
        ({"output": "see a.png", "url": "https://x.y/z.png", "image": "a photo of a cat"}, []),
    ],
)  # fmt: skip
def test_images_are_found_in_every_shape_that_rows_have(record: object, found: list[tuple[str, str]]) -> None:
    assert [(one.kind, one.name) for one in image_refs(record)] == found


def test_a_record_shows_what_it_has_and_says_what_it_does_not(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded("PNG"))
    record = {"images": ["a.png", "../b.png", "https://x.y/c.png", *["a.png"] * 9]}
    made = images_of(None, record, str(tmp_path / "rows.jsonl"))
    assert (made.n_images, len(made.shown)) == (12, 8)
    assert [bool(one.content) for one in made.shown[:3]] == [True, False, False]
    assert [one.line for one in made.shown[:3]] == [
        "a.png: 640 × 480 PNG",
        "'../b.png' is not in the folder of the dataset.",
        "https://x.y/c.png: it is on the network, and nothing is fetched to show a row",
    ]


def test_bytes_in_a_table_are_seen_before_the_import(tmp_path: Path) -> None:
    path = tmp_path / "seen.parquet"
    images = [{"bytes": encoded("JPEG"), "path": "x.jpg"}, {"bytes": encoded("PNG"), "path": None}]
    pq.write_table(pa.table({"question": ["q", "r"], "answer": ["a", "b"], "image": images}), path)
    made = [images_of(row.raw, row.record, str(path)).shown for row in inspect_file(path).rows]
    assert [one.line for (one,) in made] == ["x.jpg: 640 × 480 JPEG", "in the row: 640 × 480 PNG"]
