"""A trained model that fills masked bars, to the folder that its Hub repository holds."""

from collections.abc import Sequence
from pathlib import Path

from symbolic_music.generation.loading import load_whole
from symbolic_music.hub.assembly.parts import WEIGHT_DTYPES, folder_to_make, read_json, write_folder, write_results
from symbolic_music.hub.cards.composer import ModelFacts
from symbolic_music.hub.cards.filler import COMPARISON_FILE, FILLING_FILE, INFILLING_FILE, filler_card
from symbolic_music.hub.cards.samples import read_samples
from symbolic_music.hub.errors import PublishError
from symbolic_music.tokenization.processing_music import MusicProcessor


def assemble_filler(
    checkpoint: Path,
    filling: Path,
    output: Path,
    facts: ModelFacts,
    beside: Path,
    template: Path,
    dtype: str = "bfloat16",
    samples: Sequence[Path] = (),
) -> None:
    """Write the folder of a Hub repository for a model that fills masked bars.

    Args:
        checkpoint: a folder that `train/train_infill.py` wrote, with `infilling.json`.
        filling: `filling.json`, which `symbolic-music evaluate` wrote.
        output: the folder to write; must not exist.
        facts: what the card says and no file knows.
        beside: `beside.json`, which it wrote too, of this model first.
        template: of the card.
        dtype: "bfloat16" or "float32".
        samples: folders that `symbolic-music infill` wrote.

    Raises:
        PublishError: when a file or a figure is missing, the comparison is of another model, or the output exists.
    """
    if output.exists():
        raise PublishError(f"{output} exists; expected a folder to make")
    training, figures, compared = read_json(checkpoint / INFILLING_FILE), read_json(filling), read_json(beside)
    if any(compared["models"][0][name] != training[name] for name in ("steps", "training_minutes")):
        raise PublishError(f"{beside}: its first model is not {checkpoint}, which was trained otherwise")
    shown = [read_samples(folder) for folder in samples]
    model = load_whole(str(checkpoint), WEIGHT_DTYPES[dtype])
    processor = MusicProcessor.from_pretrained(checkpoint)
    try:
        card = filler_card(template, facts, model, training, figures, compared, shown)
    except KeyError as error:
        raise PublishError(f"{checkpoint}: the card needs the figure {error}, which no result file holds") from error
    with folder_to_make(output) as partial:
        write_folder(checkpoint, partial, model, processor, card, facts, figures["settings"])
        write_results(partial, {INFILLING_FILE: training, FILLING_FILE: figures, COMPARISON_FILE: compared})
        for sample in shown:
            sample.copy_to(partial)
