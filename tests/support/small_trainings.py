"""A dataset of which half is answered alike and half by noise, and a model small enough to train on it in a blink."""

from __future__ import annotations

import json
import random
from pathlib import Path

from tamis.store.workspace import Workspace, open_workspace
from tests.core.llms.conftest import build_model
from tests.pages.page_workspace import import_file

N_ROWS = 160
RECIPE = {
    "max_length": 64, "learning_rate": 0.01, "warmup_ratio": 0, "bf16": "off", "use_cpu": True,
    "lr_scheduler_type": "constant",
}  # fmt: skip


def sound_and_noise(folder: Path) -> tuple[Workspace, str, str]:
    """A workspace, its dataset and a model: even rows answer alike, odd ones by noise; the column good says which."""
    model = build_model(folder / "model")
    words = random.Random(0)
    rows = []
    for i in range(N_ROWS):
        asked = " ".join("".join(words.choices("abcdefgh", k=3)) for _ in range(3))
        answer = (
            "yes yes yes yes" if i % 2 == 0 else "".join(words.choices("qrstuvwxyz0123456789", k=14 + i % 9))
        )
        rows.append({"instruction": asked, "input": "", "output": answer, "good": float(i % 2 == 0)})
    file = folder / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    workspace = open_workspace(folder / "ws")
    return workspace, import_file(workspace.path, file), str(model)
