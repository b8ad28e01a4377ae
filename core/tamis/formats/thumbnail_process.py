"""The process that decodes images: a program of its own, which may use little memory and time and write no file.

Images come on standard input, each as its length (8 bytes, big endian) and its bytes; for each one an answer goes to
standard output in the same form: a line of JSON (``width``, ``height``, ``format``, or ``problem``), then the thumbnail.
It imports nothing of Tamis, so that it starts fast and can be run as a file.
"""

from __future__ import annotations

import contextlib
import io
import json
import struct
import sys
import warnings

MEMORY_BYTES = 1 << 30
CPU_S = 10
MAX_PIXELS = 50_000_000
SIDE = 256
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
LENGTH = struct.Struct(">Q")


def limit() -> None:
    """Take away what decoding does not need; where the system knows no limits, nothing."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for name, most in (
        ("RLIMIT_AS", MEMORY_BYTES),
        ("RLIMIT_CPU", CPU_S),
        ("RLIMIT_FSIZE", 0),
        ("RLIMIT_CORE", 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # a lower limit is in force already
            resource.setrlimit(getattr(resource, name), (most, most))


def thumbnail(content: bytes) -> tuple[dict[str, object], bytes]:
    """What an image is, and a small one of its first frame: PNG where it is transparent, else JPEG."""
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.simplefilter(
        "error", Image.DecompressionBombWarning
    )  # beyond the limit Pillow only warns at first
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise ValueError(f"{width:,} × {height:,} pixels are more than the {MAX_PIXELS:,} that are shown")
        about: dict[str, object] = {"width": width, "height": height, "format": image.format}
        image.draft("RGB", (2 * SIDE, 2 * SIDE))
        small = image.convert(_mode(image))
        small.thumbnail((SIDE, SIDE))
        small = ImageOps.exif_transpose(small)
    out = io.BytesIO()
    if small.mode == "RGBA":
        small.save(out, "PNG")
    else:
        small.save(out, "JPEG", quality=85)
    return about, out.getvalue()


def _mode(image: object) -> str:
    has_alpha = getattr(image, "mode", "") in ("RGBA", "LA", "PA") or "transparency" in getattr(
        image, "info", {}
    )
    return "RGBA" if has_alpha else "RGB"


def answer_image(content: bytes) -> bytes:
    """The answer to one image; whatever is wrong with it is one."""
    try:
        about, small = thumbnail(content)
    except MemoryError:
        about, small = {"problem": "it takes more memory than decoding may use"}, b""
    except Exception as error:  # noqa: BLE001 - a decoder fails in any way that a file can be broken
        about, small = {"problem": str(error)[:200] or type(error).__name__}, b""
    head = json.dumps(about).encode() + b"\n"
    return LENGTH.pack(len(head) + len(small)) + head + small


def main() -> None:
    """Answer image after image until there is none left."""
    limit()
    given, out = sys.stdin.buffer, sys.stdout.buffer
    while head := given.read(LENGTH.size):
        out.write(answer_image(given.read(LENGTH.unpack(head)[0])))
        out.flush()


if __name__ == "__main__":
    main()
