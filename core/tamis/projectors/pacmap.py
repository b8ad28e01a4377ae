"""PaCMAP and LocalMAP by their authors' library."""

from __future__ import annotations

import numpy as np
import pacmap

from tamis.compute.vectors import unit_rows
from tamis.errors import InvalidOptions
from tamis.projectors import Laid, PacmapOptions
from tamis.types import Float32s

FEWEST_PER_NEIGHBOUR = 3  # rows; with fewer the library's pairs of middle distance run out


def project_pacmap(vectors: Float32s, options: PacmapOptions) -> Laid:
    """Coordinates from a PCA start, by the angle between rows; raises InvalidOptions for too few of them.

    Wang et al., JMLR 22 (2021) 201; LocalMAP: Wang et al., arXiv 2412.15426.
    """
    least = FEWEST_PER_NEIGHBOUR * options.n_neighbors
    if len(vectors) < least:
        raise InvalidOptions(
            f"{len(vectors)} rows: with {options.n_neighbors} neighbours PaCMAP needs {least}. Choose fewer neighbours, or PCA."
        )
    made = pacmap.LocalMAP if options.variant == "localmap" else pacmap.PaCMAP
    layout = made(n_components=2, n_neighbors=options.n_neighbors, random_state=options.seed)
    # Of unit rows the Euclidean distance orders pairs as the angle does.
    unit = unit_rows(np.asarray(vectors, dtype=np.float32))
    points = np.asarray(layout.fit_transform(unit, init="pca"), dtype=np.float32)
    return Laid(points, "pacmap on the CPU")
