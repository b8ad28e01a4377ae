"""The layouts behind the map."""

from __future__ import annotations

from tamis.compute.map import projection
from tamis.projectors import Laid, PcaOptions, UmapOptions
from tamis.projectors.gpu import umap_on_gpu
from tamis.types import Float32s

FEWEST_FOR_GPU = 5_000  # rows; of fewer the CPU is done before a GPU is ready


def project_pca(vectors: Float32s, options: PcaOptions) -> Laid:
    """Two principal components."""
    return Laid(projection.pca_2d(vectors), "Tamis on the CPU")


def project_umap(vectors: Float32s, options: UmapOptions) -> Laid:
    """UMAP coordinates; one core and reproducible, or all cores, or the GPU where cuML finds one."""
    if options.implementation == "umap-learn":
        points = projection.reduce_umap(
            vectors,
            2,
            n_neighbors=options.n_neighbors,
            min_dist=options.min_dist,
            seed=options.seed if options.reproducible else None,
        )
        return Laid(points, "umap-learn on the CPU")
    found = None if options.reproducible or len(vectors) < FEWEST_FOR_GPU else umap_on_gpu(vectors, options)
    if found is not None:
        return found
    from tamis.compute.map import umap_layout  # scipy.optimize: a third of a second that PCA need not pay

    points = umap_layout.umap_2d(
        vectors,
        n_neighbors=options.n_neighbors,
        min_dist=options.min_dist,
        seed=options.seed,
        repeatable=options.reproducible,
    )
    return Laid(points, "Tamis on the CPU")
