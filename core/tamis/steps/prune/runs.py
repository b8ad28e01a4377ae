"""One run of a pruner: a fresh model, the calibration's windows, and how likely held-out answers then are."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import torch

from tamis.compute.compare.perplexity import PackedBits
from tamis.llms.forward import Forward
from tamis.llms.local import CPU_BATCH_TOKENS, GPU_BATCH_TOKENS, load_weights, open_tokenizer
from tamis.models.batches import token_batches
from tamis.models.chat_tokens import ChatTokens
from tamis.models.devices import choose_device, choose_dtype
from tamis.pruners import PRUNERS
from tamis.pruners.layer_inputs import LayerInputs
from tamis.pruners.layers import TokenBatch, prune_layers
from tamis.registry import parse_options
from tamis.steps.prune.calibration import Window
from tamis.steps.prune.evaluation import Answers
from tamis.steps.prune.options import PruneOptions
from tamis.types import Float64s

CALIBRATION_TOKENS = (
    4  # times as many tokens are calibrated on together as are read for a likelihood: nothing is kept
)
OnStep = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class PrunerRun:
    """A run: by which method (none: the dense model) and seed, on which windows; ``keep`` writes the model of that set."""

    name: str
    method: str
    seed: int
    windows: Sequence[Window]
    keep: int | None = None


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run left: the file of the masks packed into bits (None: dense), how many weights there are and are zero, and
    by evaluation set the sums of negative log-likelihoods of its rows.
    """

    mask: Path | None
    n_weights: int
    n_zero: int
    nll: list[Float64s]

    def bits(self) -> PackedBits:
        """The masks of all matrices, one behind the other."""
        assert self.mask is not None
        packed: PackedBits = np.load(self.mask, mmap_mode="r")
        return packed


class Runner:
    """Opens the model anew for every run, and keeps what each left in ``folder``."""

    def __init__(self, model: Path, options: PruneOptions, folder: Path) -> None:
        self._model, self._options, self._folder = model, options, folder
        folder.mkdir(exist_ok=True)
        self._device = choose_device(options.device)
        self._dtype = choose_dtype(options.dtype, self._device)
        self._tokenizer = open_tokenizer(model)
        self.chat = ChatTokens(self._tokenizer)
        self._pad = int(self._tokenizer.pad_token_id or 0)
        self._tokens = CPU_BATCH_TOKENS if self._device.type == "cpu" else GPU_BATCH_TOKENS

    def text(self, ids: Sequence[int]) -> str:
        """Tokens as the text that they stand for, marks of the template included."""
        return str(self._tokenizer.decode(list(ids)))

    def run(self, task: PrunerRun, answers: Sequence[Answers], kept: Path, on_step: OnStep) -> Ran:
        """The run, or what a stopped step left of it; a model to keep is written below ``kept``."""
        record, mask = self._folder / f"{task.name}.json", self._folder / f"{task.name}.npy"
        if not record.exists():
            self._make(task, answers, kept, on_step)
        found = orjson.loads(record.read_bytes())
        nll = [np.array(one, dtype=np.float64) for one in found["nll"]]
        return Ran(mask if task.method else None, found["n_weights"], found["n_zero"], nll)

    def _make(self, task: PrunerRun, answers: Sequence[Answers], kept: Path, on_step: OnStep) -> None:
        model = load_weights(self._model, self._dtype).eval().to(self._device)
        n_layers = int(getattr(model.config.get_text_config(), "num_hidden_layers", 1))
        total = n_layers + sum(len(one.ids) for one in answers)
        masks: list[PackedBits] = []
        counts = [0, 0]
        if task.method:
            self._prune(model, task, masks, counts, lambda done: on_step(done, total))
            aside = self._folder / f"{task.name}.aside.npy"
            np.save(aside, np.concatenate(masks))
            aside.replace(self._folder / f"{task.name}.npy")
        if task.keep is not None:
            model.save_pretrained(str(kept / f"model-{task.keep:02d}"), safe_serialization=True)
            self._tokenizer.save_pretrained(str(kept / f"model-{task.keep:02d}"))
        forward = Forward(model, self._pad, self._tokens)
        nll, done = [], n_layers
        for one in answers:
            nll.append(one.nll(forward, lambda rows, done=done: on_step(done + rows, total)).tolist())  # type: ignore[misc]
            done += len(one.ids)
        aside = self._folder / f"{task.name}.aside"
        aside.write_bytes(orjson.dumps({"n_weights": counts[0], "n_zero": counts[1], "nll": nll}))
        aside.replace(self._folder / f"{task.name}.json")

    def _prune(
        self,
        model: Any,  # noqa: ANN401 - a model of transformers
        task: PrunerRun,
        masks: list[PackedBits],
        counts: list[int],
        on_layer: Callable[[int], None],
    ) -> None:
        row, pattern = PRUNERS[task.method], self._options.removed()
        given = self._options.method_options if task.method == self._options.method else {}
        options, prune = parse_options(row.options, given), row.load()

        def prune_one(name: str, weight: torch.Tensor, seen: LayerInputs) -> None:
            generator = torch.Generator().manual_seed(task.seed * 2**20 + zlib.crc32(name.encode()) % 2**20)
            mask = prune(weight, seen, pattern, options, generator)
            masks.append(np.packbits(mask.cpu().numpy()))
            counts[0] += weight.numel()
            counts[1] += int((weight == 0).sum())

        prune_layers(
            model, self._batches(task.windows), row.reads, prune_one,
            count_pads=self._options.count_pads, on_layer=lambda done, total: on_layer(done),
        )  # fmt: skip

    def _batches(self, windows: Sequence[Window]) -> list[TokenBatch]:
        """Windows of similar length together; to their full width where pads are counted."""
        width = self._options.row_tokens if self._options.count_pads else 0
        lengths = np.array([max(width, len(one.ids)) for one in windows], dtype=np.int64)
        batches = []
        for places in token_batches(lengths, CALIBRATION_TOKENS * self._tokens) if len(windows) else ():
            ids = np.full((len(places), int(lengths[places].max())), self._pad, dtype=np.int64)
            real = np.zeros_like(ids)
            for line, place in enumerate(places.tolist()):
                tokens = windows[place].ids
                ids[line, : len(tokens)], real[line, : len(tokens)] = tokens, 1
            batches.append(
                TokenBatch(torch.from_numpy(ids).to(self._device), torch.from_numpy(real).to(self._device))
            )
        return batches
