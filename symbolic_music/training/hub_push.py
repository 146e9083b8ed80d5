"""What a Trainer with `push_to_hub` sends to the Hub: the files of a model's repository and no others, in one commit.

transformers would upload the whole output folder: pickled arguments, logs that bear the machine's name, samples.
"""

from concurrent.futures import Future
from pathlib import Path

from huggingface_hub import CommitInfo, HfApi
from transformers import PreTrainedModel, TrainingArguments
from transformers.trainer_utils import HubStrategy
from transformers.utils import logging

from symbolic_music.hub.contents import CARD_FILE, Kind
from symbolic_music.hub.upload import commit_files, hub_errors
from symbolic_music.training.arguments import TrainingError

logger = logging.get_logger(__name__)

_STRATEGIES = (HubStrategy.END, HubStrategy.EVERY_SAVE)
_PUSHED = (CARD_FILE, "*.safetensors", "*.json", "*.py", "loss.png")
# JSON that is the training's own, in a checkpoint or output folder.
_TRAINING_STATE = ("trainer_state.json", "complete.json", "all_results.json", "train_results.json")


def check_push(args: TrainingArguments, model: object) -> None:
    """Raise TrainingError where a push would publish pickled optimiser states, or an adapter without its base."""
    if not args.push_to_hub:
        return
    if args.hub_strategy not in _STRATEGIES:
        choice = " or ".join(strategy.value for strategy in _STRATEGIES)
        raise TrainingError(
            f"--hub_strategy {HubStrategy(args.hub_strategy).value} would publish pickled optimiser states; expected "
            f"{choice}"
        )
    if not isinstance(model, PreTrainedModel):
        raise TrainingError("--push_to_hub: an adapter is published by `symbolic-music publish`, which names its base")


def pushed_files(folder: Path) -> list[Path]:
    """Files of a model's repository in a checkpoint or output folder."""
    paths = {path for pattern in _PUSHED for path in folder.glob(pattern) if path.is_file()}
    return sorted(path for path in paths if path.name not in _TRAINING_STATE)


def push_files(folder: Path, repo_id: str, token: str | None, message: str, revision: str | None) -> CommitInfo:
    """One commit with the model's files of a folder.

    Raises:
        TrainingError: what the Hub refused, in one line.
    """
    files = {path.name: path for path in pushed_files(folder)}
    with hub_errors(repo_id, TrainingError):
        return commit_files(
            HfApi(token=token), repo_id, "model", files, message, replaced=Kind.MODEL.replaced, revision=revision
        )


def push_in_background(
    folder: Path, repo_id: str, token: str | None, message: str, revision: str | None
) -> "Future[CommitInfo]":
    """The same beside the training, which goes on when it fails; the files must stay as they are meanwhile."""
    job: Future[CommitInfo] = HfApi(token=token).run_as_future(push_files, folder, repo_id, token, message, revision)
    job.add_done_callback(_warn_of_failure)
    return job


def _warn_of_failure(job: "Future[CommitInfo]") -> None:
    error = job.exception()
    if error is not None:
        logger.warning(f"a checkpoint was not pushed: {error}")
