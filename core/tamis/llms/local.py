"""A causal model on this machine: sorted batches, shared beginnings read once, seeded sampling."""

from __future__ import annotations

import functools
import hashlib
import importlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from tamis.errors import CurationError, MissingExtra, ModelMissing
from tamis.llms import EVERYTHING, TransformersOptions
from tamis.llms.forward import Forward, Read
from tamis.llms.generate import Sampling, generate
from tamis.llms.templates import PromptTokens
from tamis.models.adapters import PREFIX, adapter_folder, base_of
from tamis.models.devices import choose_device, choose_dtype
from tamis.models.files import find_model, fingerprint
from tamis.protocols import Ability, Choices, CutText, LogLikelihoods, Usage, seeds_of
from tamis.types import Float64s

# A processor reads at its full speed from 256 tokens on, and larger batches pad more; writing gains by more rows.
CPU_BATCH_TOKENS, CPU_WRITING_TOKENS, GPU_BATCH_TOKENS = 512, 1024, 32_768
ADAPTER = "adapter_config.json"


def open_local(options: TransformersOptions, cache_folder: Path) -> LocalModel:
    """A model of a folder, an adapter folder or a hub id; its weights are loaded at the first question."""
    folder = _found(options, cache_folder)
    return LocalModel(options, lambda: folder, f"transformers:2:{_fingerprint(folder)}")


class LocalModel:
    """Likelihoods, choices and completions of one causal model.

    The same list of questions gives the same answers on the same machine. A question among others may differ by
    rounding, because sequences of similar length are computed together.
    """

    def __init__(self, options: TransformersOptions, find: Callable[[], Path], name: str) -> None:
        self.options = options
        self._find, self._name = find, name
        self.device = choose_device(options.device)
        self.dtype = choose_dtype(options.dtype, self.device)
        self.abilities: frozenset[Ability] = EVERYTHING
        self.batch_rows = 128
        self.calls = self.read_tokens = self.written_tokens = 0

    @property
    def identity(self) -> str:
        """The model's files, its number format and how long texts are cut."""
        limits = {"prompt": self.options.max_prompt_tokens, "response": self.options.max_response_tokens}
        return f"{self._name}:{str(self.dtype).removeprefix('torch.')}:{json.dumps(limits, sort_keys=True)}"

    @property
    def usage(self) -> Usage:
        """Questions, tokens read and tokens written; a local model costs nothing per token."""
        return Usage(self.calls, self.read_tokens, self.written_tokens)

    def loglikelihood(self, prompts: Sequence[str], responses: Sequence[str]) -> LogLikelihoods:
        """Likelihood of the first ``max_response_tokens`` of each response, and of its end where it was read whole."""
        limit = self.options.max_response_tokens
        n = len(responses)
        total, closing, counts = np.full(n, np.nan), np.full(n, np.nan), np.zeros(n, dtype=np.int64)
        reads, rows, targets = [], [], []
        for row, (prompt, response) in enumerate(zip(prompts, responses, strict=True)):
            if not response.strip():
                continue
            asked = self._prompts.asked(prompt, response)
            n_words = len(asked.answer) - asked.ends
            goal = asked.answer if n_words <= limit else asked.answer[:limit]
            if not n_words:
                continue
            context, body = self._fitted(asked.context, goal)
            # The last token is only a goal: nothing comes after it.
            reads.append(Read(context + body[:-1], len(context) - 1))
            rows.append(row)
            targets.append(body)
            counts[row] = min(n_words, limit, len(body))
        with torch.inference_mode():
            for i, logs in self._forward.log_probabilities(reads, targets):
                row_logs, row = logs.double().cpu().numpy(), rows[i]
                total[row] = row_logs[: counts[row]].sum()
                closing[row] = row_logs[counts[row]] if len(row_logs) > counts[row] else np.nan
        self._count(reads)
        return LogLikelihoods(total, counts, closing)

    def token_logs(self, rows: Sequence[list[int]]) -> list[Float64s]:
        """Log-likelihood of every token but the first of each row, after those before it; a row has two or more."""
        found: list[Float64s] = [np.zeros(0)] * len(rows)
        reads = [Read(ids[:-1], 0) for ids in rows]
        with torch.inference_mode():
            for i, logs in self._forward.log_probabilities(reads, [ids[1:] for ids in rows]):
                found[i] = logs.double().cpu().numpy()
        self._count(reads)
        return found

    def choose(self, prompts: Sequence[str], answers: Sequence[str]) -> Choices:
        """Probabilities of the answers' first tokens; raises CurationError where two answers begin alike."""
        reads, targets = [], []
        for prompt in prompts:
            context, tokens = self._prompts.answer_tokens(prompt, answers)
            firsts = [ids[0] if ids else -1 for ids in tokens]
            if len(set(firsts)) < len(firsts) or -1 in firsts:
                raise CurationError(
                    f"The answers {', '.join(answers)} cannot be told apart by their first token in this model: ask "
                    "for answers that begin differently."
                )
            kept = self._fitted(context, [])[0]
            reads.append(Read(kept, len(kept) - 1))
            targets.append(firsts)
        probabilities, mass = np.full((len(prompts), len(answers)), np.nan), np.full(len(prompts), np.nan)
        with torch.inference_mode():
            for i, everything in self._forward.next_logits(reads):
                chosen = everything[torch.tensor(targets[i], device=everything.device)]
                probabilities[i] = torch.softmax(chosen, dim=0).cpu().numpy()
                mass[i] = float(torch.exp(torch.logsumexp(chosen, 0) - torch.logsumexp(everything, 0)))
        self._count(reads)
        return Choices(probabilities, mass)

    def complete(
        self,
        prompts: Sequence[str],
        *,
        n: int = 1,
        temperature: float = 0.0,
        seed: int | Sequence[int] = 0,
        max_new_tokens: int = 256,
    ) -> list[list[str]]:
        """``n`` answers per prompt, a CutText where no token ended it; a prompt is read once for all of its answers."""
        contexts = [self._fitted(ids, [0] * max_new_tokens)[0] for ids in self._prompts.contexts(prompts)]
        sampling = Sampling(n, temperature, max_new_tokens, self._stops)
        seeds = [_seed(*one) for one in zip(seeds_of(seed, len(prompts)), prompts, strict=True)]
        with torch.inference_mode():
            tokens = generate(self._forward, contexts, seeds, sampling, self._writing_budget)
        self._count([Read(ids, 0) for ids in contexts])
        self.written_tokens += sum(len(ids) for several in tokens for ids in several)
        return [[self._text(ids, max_new_tokens) for ids in several] for several in tokens]

    def prompt_tokens(self, prompt: str) -> int:
        """Tokens that ``complete`` reads of a prompt; fewer only where the window is too small for them."""
        return len(self._prompts.contexts([prompt])[0])

    def _text(self, ids: list[int], limit: int) -> str:
        """The words of an answer; one that has all of its tokens did not come to its end, which takes one too."""
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True).strip()
        return CutText(text) if len(ids) >= limit else text

    def _count(self, reads: Sequence[Read]) -> None:
        self.calls += len(reads)
        self.read_tokens += sum(len(read.tokens) for read in reads)

    def _fitted(self, context: list[int], goal: list[int]) -> tuple[list[int], list[int]]:
        """Both cut to the model's window: the goal to three quarters of it, then the context's middle."""
        goal = goal[: max(1, 3 * self._window // 4)]
        room = self._window - len(goal)
        if len(context) > room:
            head = room // 2
            context = context[:head] + context[len(context) - (room - head) :]
        return context, goal

    @functools.cached_property
    def _folder(self) -> Path:
        return self._find()

    @functools.cached_property
    def _tokenizer(self) -> Any:  # noqa: ANN401 - a tokenizer of transformers
        return open_tokenizer(self._folder)

    @functools.cached_property
    def _prompts(self) -> PromptTokens:
        return PromptTokens(self._tokenizer, self.options.max_prompt_tokens)

    @functools.cached_property
    def _forward(self) -> Forward:
        return Forward(self._model, self._tokenizer.pad_token_id or 0, self._budget)

    @functools.cached_property
    def _budget(self) -> int:
        return self.options.batch_tokens or (
            CPU_BATCH_TOKENS if self.device.type == "cpu" else GPU_BATCH_TOKENS
        )

    @property
    def _writing_budget(self) -> int:
        return self.options.batch_tokens or max(self._budget, CPU_WRITING_TOKENS)

    @functools.cached_property
    def _window(self) -> int:
        return int(getattr(self._model.config, "max_position_embeddings", 0) or 4096)

    @functools.cached_property
    def _stops(self) -> frozenset[int]:
        own = getattr(self._model.generation_config, "eos_token_id", None)
        listed = own if isinstance(own, list) else [own]
        return frozenset(int(t) for t in [*listed, self._prompts.end] if t is not None)

    @functools.cached_property
    def _model(self) -> Any:  # noqa: ANN401 - a model of transformers
        return load_weights(self._folder, self.dtype).eval().to(self.device)


def open_tokenizer(folder: Path) -> Any:  # noqa: ANN401 - a tokenizer of transformers
    """That of a model's folder, or of an adapter's base where the adapter has none; raises ModelMissing."""
    own = (folder / "tokenizer_config.json").exists() or not (folder / ADAPTER).exists()
    return _loaded(AutoTokenizer, folder if own else base_of(folder))


def load_weights(folder: Path, dtype: torch.dtype) -> Any:  # noqa: ANN401 - a model of transformers
    """The causal model of a folder, an adapter merged into its base; raises ModelMissing and MissingExtra."""
    if (folder / ADAPTER).exists():
        return _with_adapter(folder, dtype)
    return _loaded(AutoModelForCausalLM, folder, dtype=dtype, use_safetensors=True)


def _found(options: TransformersOptions, cache_folder: Path) -> Path:
    """The folder of the model or adapter; only the folder of an adapter holds no configuration of a model."""
    if options.model.startswith(PREFIX):
        return adapter_folder(options.model, cache_folder.parent.parent)
    path = Path(options.model).expanduser()
    return path.resolve() if (path / ADAPTER).exists() else find_model(options.model, options.revision)


def _fingerprint(folder: Path) -> str:
    own = fingerprint(folder)
    return f"{own}+{fingerprint(base_of(folder))}" if (folder / ADAPTER).exists() else own


def _with_adapter(folder: Path, dtype: torch.dtype) -> Any:  # noqa: ANN401 - a model of transformers
    try:
        adapted = importlib.import_module("peft").PeftModel
    except ModuleNotFoundError as error:
        raise MissingExtra("An adapter", "finetune") from error
    base = _loaded(AutoModelForCausalLM, base_of(folder), dtype=dtype, use_safetensors=True)
    return adapted.from_pretrained(base, str(folder)).merge_and_unload()


def _loaded(kind: Any, folder: Path, **settings: Any) -> Any:  # noqa: ANN401 - a class of transformers
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        return kind.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False, **settings)
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
        raise ModelMissing(
            f"The model in {folder} cannot be loaded: {reason}. Check that every file of it is there."
        ) from error
    finally:
        if bars:
            transformers_logging.enable_progress_bar()


def _seed(seed: int, prompt: str) -> int:
    """A seed per prompt, so that a prompt's samples do not depend on what else is asked."""
    digest = hashlib.blake2b(f"{seed}\n{prompt}".encode("utf-8", "surrogatepass"), digest_size=7)
    return int.from_bytes(digest.digest())
