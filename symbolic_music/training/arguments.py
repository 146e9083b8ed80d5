"""What a training run is told: model size, data and training. Neither parses it nor acts on it."""

import math
import os
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import torch
from accelerate.utils import DistributedType
from transformers import TrainingArguments
from transformers.hf_argparser import HfArg
from transformers.integrations.deepspeed import unset_hf_deepspeed_config
from transformers.utils import logging, strtobool

from symbolic_music._command import end_in_one_line
from symbolic_music._extras import MissingExtraError
from symbolic_music.data.blocks.augment import AugmentationError
from symbolic_music.data.blocks.pack import PackError
from symbolic_music.generation.compose import OptionError
from symbolic_music.generation.kept_batches import KeptBatchesError
from symbolic_music.generation.loading import LoadError
from symbolic_music.generation.writing.limits import GrammarError
from symbolic_music.metrics.memorisation.training_index import IndexFileError
from symbolic_music.models.device_precision import fast_bf16_available
from symbolic_music.score.errors import ScoreError

logger = logging.get_logger(__name__)

VALIDATION_METRICS = ("loss", "structural_loss", "bits_per_note", "bits_per_bar")
"""What validation measures of each model, and the best one may be chosen by; the least is the best."""


class TrainingError(ValueError):
    """A run cannot start or go on for a reason the user can mend; the message is one line that names the value."""


_WITHOUT_SHARDS = "without shards, as by train/accelerate/{}.yaml"

# Sizes that not every family has, with what they are where they are left out; None is the family's own rule.
_SIZES_OF_FAMILY: dict[str, dict[str, Any]] = {
    "music_transformer": {"num_attention_heads": 6, "intermediate_size": None, "position_encoding": "rotary"},
    "music_lstm": {"embedding_size": None},
    "gpt2": {"num_attention_heads": 6, "intermediate_size": None},
}
# What a family of transformers calls the sizes that it has under other names.
_NAMES_OF_FAMILY: dict[str, dict[str, tuple[str, ...]]] = {
    "gpt2": {"dropout": ("resid_pdrop", "embd_pdrop", "attn_pdrop"), "intermediate_size": ("n_inner",)},
}


# Least and greatest values, and how they are said, of numbers that transformers and torch take as they come, to fail
# on later or to train nonsense with.
_COUNT = (1, math.inf, "1 or more")
_NOT_NEGATIVE = (0, math.inf, "0 or more")
_POSITIVE = (math.nextafter(0, 1), math.inf, "more than 0")
_DECAY = (0, math.nextafter(1, 0), "0 or more and less than 1")
_RANGES: dict[str, tuple[float, float, str]] = {
    **dict.fromkeys(("per_device_train_batch_size", "per_device_eval_batch_size", "save_total_limit"), _COUNT),
    **dict.fromkeys(
        (
            "gradient_accumulation_steps",
            "transpositions_per_piece",
            "max_train_pieces",
            "max_validation_pieces",
            "sample_bars",
        ),
        _COUNT,
    ),
    **dict.fromkeys(("learning_rate", "warmup_steps", "weight_decay", "max_grad_norm"), _NOT_NEGATIVE),
    **dict.fromkeys(("num_train_epochs", "dataloader_num_workers", "sample_every"), _NOT_NEGATIVE),
    **dict.fromkeys(("eval_steps", "save_steps", "logging_steps", "adam_epsilon"), _POSITIVE),
    **dict.fromkeys(("adam_beta1", "adam_beta2"), _DECAY),
    "max_steps": (-1, math.inf, "1 or more, or -1 for no limit"),
    "seed": (0, 2**32 - 1, f"0 to {2**32 - 1}"),
}


def _check_numbers(arguments: Any) -> None:
    """Refuse numbers out of range; what the arguments do not have, or leave out, is not looked at.

    Raises:
        TrainingError: names the first one, what was given and what was expected.
    """
    given = vars(arguments)
    for name, (least, most, expected) in _RANGES.items():
        value = given.get(name)
        if value is not None and not (math.isfinite(value) and least <= value <= most):
            raise TrainingError(f"--{name} is {value}; expected {expected}")


@dataclass
class ModelArguments:
    """The size of the model that is trained from scratch."""

    model_type: str = field(default="music_transformer", metadata={"help": "A registered model family."})
    start_from: str | None = field(
        default=None,
        metadata={"help": "Folder or Hub id of a trained model to begin with; its sizes hold, those given do not."},
    )
    hidden_size: int = field(default=192, metadata={"help": "Width of the residual stream, or of an LSTM's state."})
    num_hidden_layers: int = field(default=6, metadata={"help": "Number of layers."})
    num_attention_heads: int | None = field(
        default=None, metadata={"help": "Attention heads per layer of a Transformer; 6 when left out."}
    )
    intermediate_size: int | None = field(
        default=None, metadata={"help": "Width of a Transformer's feed-forward layers; its own rule when left out."}
    )
    position_encoding: str | None = field(
        default=None, metadata={"help": "sinusoidal, learned or rotary, of a Transformer; rotary when left out."}
    )
    embedding_size: int | None = field(
        default=None, metadata={"help": "Width of an LSTM's token vectors; hidden_size when left out."}
    )
    dropout: float = field(default=0.1, metadata={"help": "Dropout of the embeddings and of what each block adds."})

    def config_kwargs(self) -> dict[str, Any]:
        """The sizes as keyword arguments of a model configuration; what was left out is left to the configuration.

        Raises:
            TrainingError: when a size is given that the family does not have.
        """
        kwargs: dict[str, Any] = {
            "hidden_size": self.hidden_size,
            "num_hidden_layers": self.num_hidden_layers,
            "dropout": self.dropout,
        }
        sizes = sorted({name for sizes in _SIZES_OF_FAMILY.values() for name in sizes})
        own = _SIZES_OF_FAMILY.get(self.model_type, dict.fromkeys(sizes))
        for name in sizes:
            value = getattr(self, name)
            if value is not None and name not in own:
                raise TrainingError(f"--{name} is no size of this family: leave it out (given: {value})")
            kwargs[name] = value if value is not None else own.get(name)
        names = _NAMES_OF_FAMILY.get(self.model_type, {})
        return {own: value for name, value in kwargs.items() if value is not None for own in names.get(name, (name,))}


@dataclass
class DataArguments:
    """The dataset, the tokenizer and how pieces become blocks of ids."""

    dataset: str = field(default="", metadata={"help": "Dataset folder or Hub id, with train and validation splits."})
    tokenizer: str = field(default="", metadata={"help": "Folder or Hub id of the music processor."})
    block_size: int = field(default=512, metadata={"help": "Tokens per training block."})
    context_length: int | None = field(
        default=None, metadata={"help": "Tokens that the model can hold; the block size when left out."}
    )
    transpositions: list[int] = field(
        default_factory=lambda: [0],
        metadata={"help": "Semitones by which each training piece is shifted; 0 is itself."},
    )
    transpositions_per_piece: int | None = field(
        default=None, metadata={"help": "Shift each piece by so many of these, drawn at random; all when left out."}
    )
    sources: list[str] = field(
        default_factory=list, metadata={"help": "Take the pieces of these sources of the dataset alone."}
    )
    max_train_pieces: int | None = field(default=None, metadata={"help": "Train on N pieces, evenly spaced."})
    max_validation_pieces: int | None = field(default=None, metadata={"help": "Validate on N pieces, evenly spaced."})
    streaming: bool = field(
        default=False,
        metadata={"help": "--dataset names blocks of train/pack_blocks.py, read as they are wanted."},
    )

    def __post_init__(self) -> None:
        for name in ("dataset", "tokenizer"):
            if not getattr(self, name):
                raise TrainingError(f"--{name} is missing: give a folder or a Hub id")
        _check_numbers(self)
        if self.block_size < 2:
            raise TrainingError(
                f"--block_size must be at least 2 (one token to read, one to predict): {self.block_size}"
            )
        if self.context_length is not None and self.context_length < self.block_size:
            raise TrainingError(f"--context_length is {self.context_length}; expected the block size or more")


@dataclass
class MusicTrainingArguments(TrainingArguments):
    """`transformers.TrainingArguments` with this project's defaults, the composite loss and the time budget.

    Label smoothing is small by default: at 0.1 a perfectly confident model still pays 0.1 log V nats per token, which
    costs bits per note (the figure models are chosen by) more than it regularises; 0.05 over the few tokens the
    grammar allows costs about half of that and still keeps a small corpus from being learnt by heart with certainty.
    """

    output_dir: str = HfArg(default="", aliases=["--output"], help="Where the model, its checkpoints and reports go.")  # type: ignore[assignment]
    label_smoothing: float = field(
        default=0.0,
        metadata={
            "help": "Probability spread over the allowed tokens (all, without structural loss). Sampling at "
            "temperature 1 gives it back: with 0.05, one choice in twenty is random."
        },
    )
    structural_loss_weight: float = field(
        default=1.0, metadata={"help": "Weight of -log(probability mass on allowed tokens); 0 switches it off."}
    )
    rest_loss_weight: float = field(
        default=0.0, metadata={"help": "Weight of -log(1 - p(rest)) after a rest where the music goes on."}
    )
    max_minutes: float | None = field(
        default=None, metadata={"help": "Wall-clock budget of the whole run; the schedule is fitted to it."}
    )
    resume: bool = field(
        default=False, metadata={"help": "Go on from the last complete checkpoint in the output folder, if any."}
    )
    compile: bool = field(default=False, metadata={"help": "torch.compile the model where a compiler is found."})
    sample_every: int = field(default=0, metadata={"help": "Write live samples every N evaluations; 0 is never."})
    sample_bars: int = field(default=8, metadata={"help": "Bars per live sample."})

    muon: bool = field(
        default=True, metadata={"help": "Train hidden matrices by Muon, the rest by AdamW; false: AdamW alone."}
    )
    learning_rate: float = field(default=2e-3, metadata={"help": "Peak learning rate."})
    lr_scheduler_type: str = field(
        default="cosine", metadata={"help": "cosine, warmup_stable_decay or another of transformers."}
    )
    warmup_steps: float = field(default=0.02, metadata={"help": "Warm-up: steps, or below 1 a share of the run."})
    weight_decay: float = field(default=0.1, metadata={"help": "Not on norms, biases and embeddings."})
    adam_beta2: float = field(default=0.95, metadata={"help": "Second moment's decay, as usual for language models."})
    max_grad_norm: float = field(default=1.0, metadata={"help": "Gradients are clipped to this norm."})
    per_device_train_batch_size: int = field(default=16, metadata={"help": "Blocks per process and forward pass."})
    per_device_eval_batch_size: int = field(default=16, metadata={"help": "Blocks per process while validating."})
    num_train_epochs: float = field(default=10.0, metadata={"help": "Passes over the training blocks."})
    eval_strategy: str = field(default="steps", metadata={"help": "When to validate."})
    eval_steps: float = field(default=250, metadata={"help": "Validate every N steps."})
    save_steps: float = field(default=250, metadata={"help": "Checkpoint every N steps; a multiple of eval_steps."})
    logging_steps: float = field(default=25, metadata={"help": "Log the training loss every N steps."})
    save_total_limit: int | None = field(default=2, metadata={"help": "Checkpoints kept: the best and the last."})
    load_best_model_at_end: bool = field(default=True, metadata={"help": "End with the best validation loss's model."})
    metric_for_best_model: str | None = field(default="loss", metadata={"help": "Plain validation cross-entropy."})
    include_num_input_tokens_seen: str = field(default="all", metadata={"help": "Count the tokens trained on."})
    disable_tqdm: bool | None = field(default=True, metadata={"help": "One line per log instead of progress bars."})
    remove_unused_columns: bool = field(default=False, metadata={"help": "The grammar's states are no model input."})
    ddp_find_unused_parameters: bool | None = field(
        default=False, metadata={"help": "Every parameter has a part in the loss; looking for others costs time."}
    )
    report_to: str = field(default="auto", metadata={"help": "auto: TensorBoard (and trackio) where installed."})
    bf16: bool | None = field(  # type: ignore[assignment]
        default=None, metadata={"help": "bfloat16; left out: where the device is fast at it."}
    )
    use_cpu: bool | None = field(  # type: ignore[assignment]
        default=None, metadata={"help": "Train on the CPU; left out: where there is no GPU."}
    )

    def __post_init__(self) -> None:
        if not self.output_dir:
            raise TrainingError("--output is missing: give the folder for the model and its reports")
        _check_numbers(self)
        if not 0 <= self.label_smoothing < 1:
            raise TrainingError(f"--label_smoothing must be in [0, 1): {self.label_smoothing}")
        if self.structural_loss_weight < 0:
            raise TrainingError(f"--structural_loss_weight must not be negative: {self.structural_loss_weight}")
        if self.rest_loss_weight < 0:
            raise TrainingError(f"--rest_loss_weight must not be negative: {self.rest_loss_weight}")
        if (self.metric_for_best_model or "loss").removeprefix("eval_") not in VALIDATION_METRICS:
            known = f"expected one of {', '.join(VALIDATION_METRICS)}"
            raise TrainingError(f"--metric_for_best_model is {self.metric_for_best_model}: {known}")
        if self.greater_is_better is None:
            self.greater_is_better = False  # transformers takes what is not named a loss for an accuracy
        if self.label_smoothing_factor:
            raise TrainingError("--label_smoothing_factor is the Trainer's own; use --label_smoothing")
        if self.max_minutes is not None and self.max_minutes <= 0:
            raise TrainingError(f"--max_minutes must be positive: {self.max_minutes}")
        if self.max_minutes is not None and self.lr_scheduler_type not in ("cosine", "warmup_stable_decay"):
            expected = "expected cosine or warmup_stable_decay"
            raise TrainingError(f"--max_minutes with --lr_scheduler_type {self.lr_scheduler_type}: {expected}")
        self._choose_device()
        self.report_to = _installed_trackers() if self.report_to == "auto" else self.report_to  # type: ignore[assignment]
        self._choose_compiler()
        try:
            super().__post_init__()
        except (ValueError, ImportError, OSError, RuntimeError) as error:
            # A half-made DeepSpeed configuration is registered before it is checked, and every model built later in
            # this process would ask it.
            unset_hf_deepspeed_config()
            raise TrainingError(" ".join(str(error).split())) from error
        self._check_shards()

    def _check_shards(self) -> None:
        """Refuse FSDP on the processes of a CPU, which accelerate (1.15) would train by DDP without a word."""
        on_cpu = self.distributed_state.distributed_type == DistributedType.MULTI_CPU  # type: ignore[union-attr]
        if self.asks_for_shards and on_cpu:
            raise TrainingError(
                f"FSDP is not used on a CPU: train on GPUs, or {_WITHOUT_SHARDS.format('cpu_two_processes')}"
            )

    @property
    def asks_for_shards(self) -> bool:
        """Whether FSDP was asked for, by a flag or by the launcher's configuration."""
        return bool(self.fsdp or strtobool(os.environ.get("ACCELERATE_USE_FSDP", "false")))

    def refuse_shards(self) -> None:
        """For scripts whose models FSDP cannot cut: adapters, a BART's tied embeddings.

        Raises:
            TrainingError: when FSDP was asked for.
        """
        if self.asks_for_shards:
            raise TrainingError(
                f"FSDP cannot cut the models of this script: train {_WITHOUT_SHARDS.format('several_gpus')}"
            )

    def _choose_compiler(self) -> None:
        """Compile where it was asked for, by whichever flag, and where a compiler is found."""
        by_transformers = self.torch_compile or self.torch_compile_backend or self.torch_compile_mode
        if self.compile or by_transformers:
            self.torch_compile = compiler_available(self._device_type, self.torch_compile_backend or "inductor")
            if not self.torch_compile:
                self.torch_compile_backend = self.torch_compile_mode = None

    def _choose_device(self) -> None:
        """Fill in `use_cpu` and `bf16` where they were left open; warn when bf16 is asked for where it is slow."""
        if self.use_cpu is None:
            self.use_cpu = not torch.accelerator.is_available()
        elif not self.use_cpu and not torch.accelerator.is_available():
            raise TrainingError("--use_cpu is false, but no GPU is found here: leave it out")
        self._device_type = "cpu" if self.use_cpu else str(torch.accelerator.current_accelerator())
        fast = fast_bf16_available(torch.device(self._device_type))
        if self.bf16 is None:
            self.bf16 = fast and not self.fp16
        elif self.bf16 and not fast:
            logger.warning("bfloat16 is emulated on this device and can be many times slower; leave --bf16 out")


def _installed_trackers() -> list[str]:
    """The trackers that are installed, of those that work without an account."""
    from transformers.integrations import is_tensorboard_available, is_trackio_available

    return [
        name
        for name, available in (("tensorboard", is_tensorboard_available()), ("trackio", is_trackio_available()))
        if available
    ]


def compiler_available(device_type: str, backend: str = "inductor") -> bool:
    """Whether torch.compile works here; warns with the reason when it does not (no C++ compiler, most often)."""
    try:
        torch.compile(torch.sin, backend=backend)(torch.zeros(2, device=device_type))
    except Exception as error:  # whatever the back end raises, the answer is to train without it
        reason = str(error).strip().splitlines()[0]
        logger.warning(f"torch.compile does not work here and is left out ({type(error).__name__}: {reason})")
        return False
    return True


USER_ERRORS = (
    TrainingError,
    PackError,
    AugmentationError,
    LoadError,
    OptionError,
    GrammarError,
    IndexFileError,
    KeptBatchesError,
    MissingExtraError,
    ScoreError,  # a dataset's row that is no music
    OSError,  # a folder that cannot be written, a file that is none
)


def one_line_errors() -> AbstractContextManager[None]:
    """End a script with one line and exit code 2 for what its user can mend; bugs keep their traceback."""
    return end_in_one_line(USER_ERRORS)
