"""The levels above the clusters of a clustering, kept once they are made: beside it, for they can be made again."""

from __future__ import annotations

import numpy as np
import orjson

from tamis.compute.cluster.levels import Level
from tamis.errors import ArtifactDamaged
from tamis.store.artifacts.digests import sealed, unsealed
from tamis.store.artifacts.store import Artifact
from tamis.store.durable import make_folder, write_atomically
from tamis.store.map.tile_files import map_folder, may_keep

FILE = "levels.json"
FORMAT = 1


def read_levels(clustering: Artifact) -> list[Level] | None:
    """The levels that were kept; None where there are none, or of another format."""
    path = map_folder(clustering) / FILE
    try:
        kept = orjson.loads(unsealed(path.read_bytes()))
        if kept["format"] != FORMAT:
            return None
        return [Level(np.array(one["group"], dtype=np.int64), one["keywords"]) for one in kept["levels"]]
    except (OSError, ValueError, KeyError, TypeError, ArtifactDamaged):
        return None


def keep_levels(clustering: Artifact, levels: list[Level]) -> None:
    """Keep them; nothing where nothing may be written."""
    if not may_keep(clustering):
        return
    make_folder(map_folder(clustering))
    said = {
        "format": FORMAT,
        "levels": [{"group": one.group.tolist(), "keywords": one.keywords} for one in levels],
    }
    write_atomically(map_folder(clustering) / FILE, sealed(orjson.dumps(said, option=orjson.OPT_INDENT_2)))
