"""The layouts behind the map."""

from __future__ import annotations

from tamis.compute.map import projection
from tamis.projectors import PcaOptions, UmapOptions
from tamis.types import Float32s


def project_pca(vectors: Float32s, options: PcaOptions) -> Float32s:
    """Two principal components, (n, 2) float32."""
    return projection.pca_2d(vectors)


def project_umap(vectors: Float32s, options: UmapOptions) -> Float32s:
    """UMAP coordinates, (n, 2) float32; one core and reproducible, or all cores."""
    if options.implementation == "umap-learn":
        return projection.reduce_umap(
            vectors,
            2,
            n_neighbors=options.n_neighbors,
            min_dist=options.min_dist,
            seed=options.seed if options.reproducible else None,
        )
    from tamis.compute.map import umap_layout  # scipy.optimize: a third of a second that PCA need not pay

    return umap_layout.umap_2d(
        vectors,
        n_neighbors=options.n_neighbors,
        min_dist=options.min_dist,
        seed=options.seed,
        repeatable=options.reproducible,
    )
