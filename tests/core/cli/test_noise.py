"""The tables of bench-noise: what each filter would keep of the sound rows and of the planted ones."""

from __future__ import annotations

import numpy as np
import pytest

from core.cli.noise import clear_filters, filter_lines


def test_a_perfect_confidence_drops_every_planted_row_and_half_of_all():
    noisy = np.arange(100) < 20
    found = clear_filters(np.arange(100, dtype=np.float32), noisy, seed=1)
    assert found["filter"]["table"] == {
        "noisy": {"kept": 0, "corrected": 0, "dropped": 20},
        "clean": {"kept": 50, "corrected": 0, "dropped": 30},
    }
    assert (found["filter"]["precision"], found["filter"]["recall"]) == (1.0, pytest.approx(50 / 80))
    assert (found["oracle"]["precision"], found["oracle"]["recall"]) == (1.0, 1.0)


def test_the_random_control_keeps_as_many_rows_and_about_the_usual_share_of_noise():
    noisy = np.arange(1000) < 200
    found = clear_filters(np.arange(1000, dtype=np.float32), noisy, seed=3)["random"]
    kept = found["table"]["noisy"]["kept"] + found["table"]["clean"]["kept"]
    assert kept == 500
    assert found["precision"] == pytest.approx(0.8, abs=0.05)


def test_the_lines_hold_every_count():
    found = clear_filters(np.arange(10, dtype=np.float32), np.arange(10) < 2, seed=0)["filter"]
    said = filter_lines("filter", found)
    assert "precision 1.000, recall 0.625" in said
    assert "0 kept, 2 dropped" in said
    assert "5 kept, 3 dropped" in said
