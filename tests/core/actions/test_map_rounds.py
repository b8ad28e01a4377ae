"""Rounds on a map: a palette for each, bits of what it picked and flagged; columns only where bytes do not reach."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest

from tamis.actions import map_rounds as module
from tamis.actions.dataset_context import DatasetContext, open_context
from tamis.actions.map_colours import FADED, GAINED, LOST
from tamis.actions.map_rounds import CHANGE, STEP, WEIGHT, flagged_group, map_rounds, round_values
from tamis.actions.map_tiles import MapTiles, map_column, open_map
from tamis.actions.read_rows import cluster_of
from tamis.actions.refinement_history import RefinementHistory, read_history
from tamis.store.artifacts.refinements import read_picks
from tamis.store.artifacts.store import Artifact
from tamis.store.workspace import open_workspace
from tests.support.large_map import DATASET, N_CLUSTERS, write_large_map
from tests.support.large_refinement import ROUNDS, write_refinement

N_ROWS = 8_000


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[DatasetContext, MapTiles, Artifact, RefinementHistory]:
    path: Path = tmp_path_factory.mktemp("rounds")
    refinement = write_refinement(write_large_map(path, N_ROWS))
    context, history = open_context(open_workspace(path), DATASET), read_history(refinement, ())
    assert history is not None
    return context, open_map(context), refinement, history


def _colours(frame: dict, mode: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(frame["palettes"][mode]), np.uint8).reshape(256, 4)[:, :3]


def _channels(colour: str) -> list[int]:
    return list(bytes.fromhex(colour[1:]))


def test_a_round_is_a_palette_over_one_column(made: tuple) -> None:
    context, opened, refinement, history = made
    rounds = map_rounds(context, opened, refinement, history)
    frames, column = rounds.about["frames"], map_column(context, opened, "cluster")
    assert len(frames) == ROUNDS + 1
    assert not rounds.columns
    assert {one for frame in frames for one in frame["columns"].values()} == {column.id}
    code = {cluster: code for code, cluster in enumerate(column.values)}
    for number, frame in enumerate(frames):
        change = round_values(history, CHANGE, number)
        up, down = max(change, key=change.__getitem__), min(change, key=change.__getitem__)
        if number == 0:
            assert (_colours(frame, CHANGE)[list(code.values())] == _channels(FADED["light"])).all()
        elif number == ROUNDS:
            shown = _colours(frame, CHANGE)[code[up]].astype(int)
            assert np.abs(shown - _channels(GAINED)).sum() < np.abs(shown - _channels(LOST)).sum()
            assert _colours(frame, CHANGE)[code[down]].tolist() == _channels(LOST)
    # A weight of nothing is at the end of the scale and not "nothing to say".
    assert round_values(history, CHANGE, ROUNDS)[0] == -np.inf
    assert _colours(frames[ROUNDS], CHANGE)[code[0]].tolist() == _channels(LOST)


def test_changes_add_up_and_weights_are_shares(made: tuple) -> None:
    *_, history = made
    total = sum(np.array([*round_values(history, STEP, n).values()])[1:] for n in range(1, ROUNDS + 1))
    assert np.allclose(total, np.array([*round_values(history, CHANGE, ROUNDS).values()])[1:])
    assert sum(round_values(history, WEIGHT, 3).values()) == pytest.approx(1)


def test_bits_are_the_rows_of_the_round(made: tuple) -> None:
    context, opened, refinement, history = made
    rounds = map_rounds(context, opened, refinement, history)
    by_id = {one.id: one for one in rounds.bits}
    picks = read_picks(refinement).to_pandas()
    for number in (1, ROUNDS):
        frame = rounds.about["frames"][number]
        bits = by_id[frame["picks"]].make()
        inside = np.unpackbits(bits.bits, bitorder="little")[: opened.n_placed].astype(bool)
        expected = sorted(picks.loc[picks["round"] == number, "example_id"])
        assert sorted(opened.tiles.order[inside].tolist()) == expected
        assert frame["n_picks"] == len(expected)
        assert sum(group[3] for group in frame["groups"]) == frame["n_flags"] == 40
        cluster, _, _, n = frame["groups"][0]
        rows = flagged_group(history, number, cluster)
        assert len(rows) == n
        assert (cluster_of(context)[rows] == cluster).all()
    assert rounds.about["frames"][0]["picks"] == ""


def test_more_clusters_than_bytes_get_a_column_a_round_made_when_asked_for(
    made: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, opened, refinement, history = made
    column = map_column(context, opened, "cluster")
    folded = type(column)(
        **{name: getattr(column, name) for name in column.__slots__} | {"values": (*column.values[:-1], -1)}
    )
    monkeypatch.setattr(module, "map_column", lambda *_: folded)
    few = map_rounds(context, opened, refinement, history, column=column)
    many = map_rounds(context, opened, refinement, history)
    assert len({one.id for one in many.columns}) == 3 * (ROUNDS + 1)
    made_by_id = {one.id: one for one in many.columns}
    for number in (0, ROUNDS):
        for mode in (CHANGE, WEIGHT):
            few_frame, frame = few.about["frames"][number], many.about["frames"][number]
            codes = made_by_id[frame["columns"][mode]].make().codes
            shown = _colours(frame, mode)[codes].astype(int)
            expected = _colours(few_frame, mode)[np.asarray(column.codes)].astype(int)
            assert np.abs(shown - expected).max() <= 12  # 64 shades


def test_curves_are_the_weights_over_the_rounds(made: tuple) -> None:
    context, opened, refinement, history = made
    curves = map_rounds(context, opened, refinement, history).about["curves"]
    assert len(curves) == N_CLUSTERS
    assert curves["3"][2] == pytest.approx(round_values(history, WEIGHT, 2)[3], rel=1e-3)
