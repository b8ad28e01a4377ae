"""What any process needs to compare rows with the examples of a target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tamis.encoders.cache import VectorCache, text_key
from tamis.errors import InvalidOptions
from tamis.scorers import SCORERS, TargetInput
from tamis.steps.base_model import base_model_folder
from tamis.steps.context import StepContext
from tamis.steps.embed.step import encode_like
from tamis.steps.score.options import ScoreOptions
from tamis.store.artifacts.readers import VECTORS
from tamis.store.artifacts.store import Artifact
from tamis.store.artifacts.targets import TargetExamples, read_target
from tamis.types import Float32s


@dataclass(frozen=True, slots=True)
class TargetFiles:
    """The steering ``examples``, and the files of their vectors and of the rows', None where the scorer reads none."""

    workspace: Path
    target: TargetExamples
    vectors: Path | None
    rows: Path | None

    def open(self) -> TargetInput:
        """The examples as a scorer takes them."""
        chosen = [self.target.examples[place] for place in self.target.steering()]
        return TargetInput(
            prompts=[one.prompt for one in chosen],
            responses=[one.response for one in chosen],
            conversations=[one.turns() for one in chosen],
            vectors=None if self.vectors is None else np.load(self.vectors),
            model_folder=lambda name: base_model_folder(name, self.workspace),
            kept_vectors=self._kept,
        )

    def row_vectors(self) -> Float32s | None:
        """The rows' own vectors (n, d), mapped."""
        return None if self.rows is None else np.load(self.rows, mmap_mode="r")

    def _kept(
        self, identity: str, width: int, texts: Sequence[str], encode: Callable[[Sequence[str]], Float32s]
    ) -> Float32s:
        cache = VectorCache(self.workspace / "cache" / "vectors", identity, width)
        keys = [text_key(text) for text in texts]
        found, known = cache.get(keys)
        missing = np.flatnonzero(~known)
        if missing.size:
            found[missing] = encode([texts[int(place)] for place in missing])
            cache.put([keys[place] for place in missing], found[missing])
        return found


def compared_text(embeddings: Artifact, target: TargetExamples) -> str:
    """What of rows and examples is compared: the text that was embedded; of both the prompts alone where an example has no
    answer, because half a vector is farther from whole ones than another text is.
    """
    text = str(embeddings.manifest.options["text"])
    whole = all(target.examples[place].response.strip() for place in target.steering())
    return text if text != "both" or whole else "prompt"


def vector_file(embeddings: Artifact, text: str) -> Path:
    """The file of the rows' vectors of that text, which embeddings of one text alone keep as their only ones."""
    return embeddings.file(VECTORS["both" if text == embeddings.manifest.options["text"] else text])


def _encoded(workspace: Path, embeddings: Artifact, target: TargetExamples, text: str) -> Float32s:
    steering = [target.examples[place] for place in target.steering()]
    texts = {"prompt": [one.prompt for one in steering], "response": [one.response for one in steering]}
    return encode_like(workspace, embeddings.manifest.options | {"text": text}, texts)


def target_files(context: StepContext, options: ScoreOptions) -> TargetFiles | None:
    """What a score towards a target reads, the examples' vectors made and left beside the parts; None for other scores."""
    if not options.reads_target():
        return None
    target = read_target(context.input("target"))
    vectors = rows = None
    if "vectors" in SCORERS[options.scorer].reads:
        embeddings = context.input("embeddings")
        text = compared_text(embeddings, target)
        rows = vector_file(embeddings, text).absolute()
        vectors = context.output.part("target.npy").absolute()
        found = _encoded(context.workspace, embeddings, target, text)
        if not found.any():
            raise InvalidOptions(
                f"These embeddings are of the {text}, of which no example of the target has any: embed with text = both, or give "
                "examples with answers."
            )
        np.save(vectors, found)
    return TargetFiles(context.workspace.absolute(), target, vectors, rows)
