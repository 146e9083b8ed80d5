"""Ways to teach a text model music: with a token for every event, or spelled, as it was tried before.

A recipe encodes the events of windows, has a loss, and samples; `train_recipe` and `bits_per_note` serve them all.
Knows nothing of where windows come from, nor of what is made of the samples.
"""

import json
import math
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm, trange
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, get_cosine_schedule_with_warmup

from symbolic_music._extras import require
from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings
from symbolic_music.generation.compose import SamplingOptions, compose
from symbolic_music.generation.kept_batches import kept_batches
from symbolic_music.tokenization.text import MUSIC_SPECIAL_TOKENS
from symbolic_music.training.adaptation.lora import add_adapter
from symbolic_music.training.arguments import TrainingError
from symbolic_music.training.optimization.losses import (
    IGNORED_LABEL,
    AllowedTokens,
    composite_loss,
    repeated_rest_loss,
)
from symbolic_music.training.preparation import load_text_model

OTHER = "Other_None"
"""Stands among events for what is none."""
TRAINING_FILE = "training.json"
_GRADIENT_NORM = 1.0
_WARMUP = 0.1
_WORD = re.compile(r"<[^<>]*>|[^\s<]+")


class Weights(NamedTuple):
    """Of the terms of the loss beside the cross-entropy."""

    structural: float
    rests: float


SPELLED = "spelled"
RECIPES = {
    "atoms": Weights(1.0, 0.5),
    "atoms-without-structural-loss": Weights(0.0, 0.5),
    "atoms-without-rest-loss": Weights(1.0, 0.0),
    SPELLED: Weights(0.0, 0.5),
}


@dataclass(frozen=True)
class RecipeSettings:
    """What all recipes of a comparison share.

    Attributes:
        base_model: folder or Hub id of a causal language model of text.
        gguf_file: its weights, if they are GGUF.
        window_bars: bars of a window.
        steps: of training.
        batch_size: windows per step.
        learning_rate: at its peak.
        rank: of the adapter.
        num_samples: windows to sample with the grammar; 0 for none.
        num_free: windows to sample without it.
        sampling_batch_size: windows sampled at once.
        seed: of batches and samples.
    """

    base_model: str
    gguf_file: str | None = None
    window_bars: int = 4
    steps: int = 250
    batch_size: int = 4
    learning_rate: float = 1e-3
    rank: int = 16
    num_samples: int = 500
    num_free: int = 500
    sampling_batch_size: int = 50
    seed: int = 0


class Atoms:
    """One new token for each event."""

    def __init__(self, settings: RecipeSettings, weights: Weights, folder: Path):
        model, self.processor, rows = load_text_model(
            settings.base_model, TrackTextSettings(max_bars=settings.window_bars), settings.gguf_file
        )
        self.model = _adapted(model, settings.rank, rows, folder)
        self.weights = weights
        self.grammar = self.processor.grammar()
        self.allowed = AllowedTokens(self.grammar.allowed_rows, model.device, self.grammar.kinds)
        self.is_rest = torch.from_numpy(self.grammar.count_per_token("Rest") > 0).to(model.device)
        self.pad = self.processor.tokenizer.pad_token_id

    def encode(self, events: Sequence[str]) -> list[int]:
        """Ids of a window."""
        return self.processor.encode_events(events)

    def loss(self, logits: Tensor, ids: Tensor, labels: Tensor, count: int) -> Tensor:
        """Cross-entropy, structural loss and unlikelihood of repeated rests: means over the batch's tokens."""
        states = torch.from_numpy(self.grammar.scan(ids.cpu().numpy())).to(ids.device)
        allowed = self.allowed(states[:, 1:])
        total = composite_loss(logits[:, :-1], labels, allowed, 0.0, self.weights.structural, count).total
        rests = repeated_rest_loss(logits[:, :-1], ids[:, :-1], labels, self.is_rest) / count
        return total + self.weights.rests * rests

    def sample(self, settings: RecipeSettings, longest: int, folder: Path) -> dict[str, list[list[str]]]:
        """Events of windows with and without the grammar; for one that is not complete, of what is there."""
        found = {}
        for name, count, use_grammar in (
            ("with the grammar", settings.num_samples, True),
            ("without", settings.num_free, False),
        ):
            if not count:
                continue
            options = SamplingOptions(
                max_length=longest,
                temperature=1.0,
                top_p=1.0,
                batch_size=settings.sampling_batch_size,
                use_grammar=use_grammar,
                seed=settings.seed,
            )

            def make(number: int, size: int, options: SamplingOptions = options) -> dict[str, Any]:
                first = number * settings.sampling_batch_size
                pieces = compose(self.model, self.processor, size, options=options, first=first)
                return {"ids": [piece.ids for piece in pieces]}

            path = folder / f"samples-{name.replace(' ', '-')}.jsonl"
            found[name] = [self._events(ids) for ids in _sampled(settings, count, longest, path, make)]
        return found

    def _events(self, ids: list[int]) -> list[str]:
        """Names, where a word of text is something else."""
        music = set(self.processor.encode_events(self.processor.codec.events, False, False))
        special = {self.processor.tokenizer.bos_token_id, self.processor.tokenizer.eos_token_id}
        return [
            self.processor.ids_to_events([token])[0] if token in music else OTHER
            for token in ids
            if token not in special
        ]


class Spelling:
    """Events as text, which a model's own tokenizer spells."""

    def __init__(self, settings: RecipeSettings):
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(settings.base_model, gguf_file=settings.gguf_file)
        except Exception as error:  # what a broken file raises is up to its reader
            reason = " ".join(str(error).split())
            raise TrainingError(f"{settings.base_model}: no tokenizer of text could be loaded ({reason})") from error
        self.codec = TrackTextCodec(TrackTextSettings(max_bars=settings.window_bars))
        self.event_of = {self.codec.text(event): event for event in self.codec.events}
        self.opening = self.ids(MUSIC_SPECIAL_TOKENS["bos_token"])

    def ids(self, text: str) -> list[int]:
        """Ids of text alone."""
        return self.tokenizer(text, add_special_tokens=False).input_ids

    def encode(self, events: Sequence[str]) -> list[int]:
        """Ids of a window, its opening and end included."""
        text = "".join(f" {self.codec.text(event)}" for event in events)
        return [*self.opening, *self.ids(text), self.tokenizer.eos_token_id]

    def events(self, ids: Sequence[int]) -> list[str]:
        """Events of a window without its opening; a word that is none is something else."""
        text = self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return [self.event_of.get(word, OTHER) for word in _WORD.findall(str(text))]


class Spelled:
    """The model as it is, and windows spelled."""

    def __init__(self, settings: RecipeSettings, weights: Weights, folder: Path):
        self.spelling = Spelling(settings)
        self.encode = self.spelling.encode
        model = AutoModelForCausalLM.from_pretrained(
            settings.base_model, gguf_file=settings.gguf_file, dtype=torch.float32
        )
        self.model = _adapted(model, settings.rank, [], folder)
        self.weights = weights
        self.pad = self.spelling.tokenizer.eos_token_id
        self.rest = self.spelling.ids(" REST_q")[0]

    def loss(self, logits: Tensor, ids: Tensor, labels: Tensor, count: int) -> Tensor:
        """Cross-entropy, and the share of rests among the likeliest tokens, which moves no weight."""
        nats = F.cross_entropy(
            logits[:, :-1].flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED_LABEL, reduction="sum"
        )
        with torch.no_grad():
            rests = (logits[:, :-1].argmax(dim=-1) == self.rest).sum() / count
        return nats / count + self.weights.rests * rests

    def sample(self, settings: RecipeSettings, longest: int, folder: Path) -> dict[str, list[list[str]]]:
        """Events of windows as the model writes them; a word that is none is something else."""

        @torch.inference_mode()
        def make(number: int, count: int) -> dict[str, Any]:
            torch.manual_seed(settings.seed + number)
            opening = torch.tensor([self.spelling.opening] * count, device=self.model.device)
            output = self.model.generate(
                input_ids=opening,
                attention_mask=torch.ones_like(opening),
                max_length=longest,
                do_sample=True,
                temperature=1.0,
                top_p=1.0,
                top_k=0,
                pad_token_id=self.pad,
                eos_token_id=self.pad,
            )
            return {"ids": output[:, opening.shape[1] :].tolist()}

        sampled = _sampled(settings, settings.num_free, longest, folder / "samples-without.jsonl", make)
        return {"without": [self.spelling.events(ids) for ids in sampled]}


def _sampled(
    settings: RecipeSettings, count: int, longest: int, path: Path, make: Callable[[int, int], dict[str, Any]]
) -> list[list[int]]:
    """Ids of windows, batch by batch; those that lie in the file are not sampled again."""
    with tqdm(total=count, unit="window", desc=path.stem.replace("-", " "), disable=None) as progress:
        batches = kept_batches(
            path,
            {"longest": longest, "seed": settings.seed},
            count,
            settings.sampling_batch_size,
            make,
            progress.update,
        )
    return [ids for batch in batches for ids in batch["ids"]]


def _adapted(model: PreTrainedModel, rank: int, rows: list[int], folder: Path) -> Any:
    """The model with the adapter that is saved in a folder, or else with a new one."""
    if (folder / TRAINING_FILE).exists():
        return require("peft").PeftModel.from_pretrained(model, folder, is_trainable=True)
    return add_adapter(model, rank, trained_rows=rows)


def batches_of(windows: list[list[str]], settings: RecipeSettings) -> list[list[list[str]]]:
    """The batches of all steps, the same for every recipe; windows of like length together, to pad little."""
    random = np.random.default_rng(settings.seed)
    wanted = settings.steps * settings.batch_size
    rounds = [random.permutation(len(windows)) for _ in range(math.ceil(wanted / len(windows)))]
    chosen = sorted((windows[number] for number in np.concatenate(rounds)[:wanted]), key=len)
    batches = [chosen[at : at + settings.batch_size] for at in range(0, wanted, settings.batch_size)]
    return [batches[number] for number in random.permutation(len(batches))]


def _padded(sequences: Sequence[Sequence[int]], pad: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids (B, T), filled up on the right, and labels (B, T - 1) of what follows each."""
    longest = max(map(len, sequences))
    ids = torch.full((len(sequences), longest), pad)
    labels = torch.full((len(sequences), longest - 1), IGNORED_LABEL)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.tensor(sequence)
        labels[row, : len(sequence) - 1] = torch.tensor(sequence[1:])
    return ids.to(device), labels.to(device)


def train_recipe(
    recipe: Atoms | Spelled, batches: list[list[list[str]]], settings: RecipeSettings, folder: Path
) -> dict[str, Any]:
    """Train the adapter and save it, or find it trained; tokens, minutes, and the loss at each tenth of the way."""
    asked = {name: value for name, value in asdict(settings).items() if not name.startswith(("num_", "sampling"))}
    if (folder / TRAINING_FILE).exists():
        training = json.loads((folder / TRAINING_FILE).read_text(encoding="utf-8"))
        if training["settings"] != asked:
            raise TrainingError(f"{folder} holds an adapter that was trained with {training['settings']}")
        return training
    model = recipe.model.train()
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=settings.learning_rate, weight_decay=0.0)
    schedule = get_cosine_schedule_with_warmup(optimizer, int(_WARMUP * len(batches)), len(batches))
    started, tokens, losses = time.monotonic(), 0, []
    with tqdm(batches, desc="train", unit="step", disable=None) as progress:
        for batch in progress:
            ids, labels = _padded([recipe.encode(events) for events in batch], recipe.pad, model.device)
            count = int((labels != IGNORED_LABEL).sum())
            loss = recipe.loss(model(input_ids=ids, use_cache=False).logits, ids, labels, count)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, _GRADIENT_NORM)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            tokens += count
            losses.append(loss.item())
            progress.set_postfix(loss=f"{losses[-1]:.3f}")
    tenth = max(1, len(losses) // 10)
    training = {
        "settings": asked,
        "tokens": tokens,
        "minutes": (time.monotonic() - started) / 60,
        "losses": [float(np.mean(losses[at : at + tenth])) for at in range(0, len(losses), tenth)],
    }
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / TRAINING_FILE).write_text(json.dumps(training), encoding="utf-8")
    return training


@torch.inference_mode()
def bits_per_note(recipe: Atoms | Spelled, windows: list[list[str]], batch_size: int) -> float:
    """What held-out windows cost, all their tokens."""
    model = recipe.model.eval()
    nats, notes = 0.0, 0
    for at in trange(0, len(windows), batch_size, desc="score", disable=None):
        batch = windows[at : at + batch_size]
        ids, labels = _padded([recipe.encode(events) for events in batch], recipe.pad, model.device)
        logits = model(input_ids=ids, use_cache=False).logits[:, :-1].flatten(0, 1)
        nats += F.cross_entropy(logits, labels.flatten(), ignore_index=IGNORED_LABEL, reduction="sum").item()
        notes += sum(event.startswith(("Note_", "With_")) for events in batch for event in events)
    return nats / math.log(2) / notes


def build_recipe(name: str, settings: RecipeSettings, folder: Path) -> Atoms | Spelled:
    """One of `RECIPES`, with the adapter that is saved in a folder or else with a new one."""
    return (Spelled if name == SPELLED else Atoms)(settings, RECIPES[name], folder)
