"""Exact ids and masks of rows of every kind under real templates, kept in a file that a person can read.

``TAMIS_REMAKE_GOLDEN=1 pytest tests/core/models/test_golden_rows.py`` writes the file anew; look at its difference then.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import itertools
import json
import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers")

from tamis.models.row_marks import UnfitRow
from tamis.recipes.rows import TurnTokens
from tests.support.chat_rows import RECORDS, chat_row
from tests.support.chat_templates import merging_tokenizer

FILE = Path(__file__).parents[2] / "fixtures" / "golden_rows.json"
NAMES = (
    "chatml",
    "smollm2",
    "llama3_1",
    "qwen2_5",
    "qwen3",
    "mistral",
    "mistral_v1",
    "gemma",
    "phi3",
    "gptoss",
)
REMAKE = bool(os.environ.get("TAMIS_REMAKE_GOLDEN"))


class Then(datetime.datetime):
    """Some templates write the day."""

    @classmethod
    def now(cls, zone=None):
        return cls(2025, 1, 31, tzinfo=zone)


@pytest.fixture(autouse=True)
def then(monkeypatch):
    monkeypatch.setattr("tamis.models.template_engine.datetime", Then)


def shown(tokenizer, row):
    """The text, what is learned of it between brackets, with its weight where that is not 1; one piece for each stretch."""
    pairs = zip(row.input_ids, row.weights, strict=True)
    pieces = []
    for weight, group in itertools.groupby(pairs, key=lambda pair: pair[1]):
        text = tokenizer.decode([token for token, _ in group])
        mark = "" if weight == 1 else f"{weight:g}: "
        pieces.append(f"⟦{mark}{text}⟧" if weight else text)
    return pieces


def packed(ids):
    return base64.b85encode(np.asarray(ids, dtype="<u2").tobytes()).decode()


def made(name):
    tokenizer = merging_tokenizer(name)
    learning = TurnTokens(tokenizer, "assistant")
    rows = {}
    for kind in RECORDS:
        try:
            row = learning.row(chat_row(kind))
        except UnfitRow as error:
            rows[kind] = f"rows {error}"
            continue
        rows[kind] = {"text": shown(tokenizer, row), "ids": packed(row.input_ids)}
    return {"template": hashlib.sha256(tokenizer.chat_template.encode()).hexdigest()[:16], "rows": rows}


@pytest.mark.parametrize("name", NAMES)
def test_ids_and_masks_are_those_that_were_looked_at(name):
    found = made(name)
    kept = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
    if REMAKE:
        FILE.write_text(json.dumps(kept | {name: found}, ensure_ascii=False, indent=1) + "\n", "utf-8")
        return
    if found["template"] != kept[name]["template"]:
        pytest.skip(f"TRL ships another template {name} than the one whose rows were looked at")
    for kind in RECORDS:
        assert found["rows"][kind] == kept[name]["rows"][kind], kind
