"""Make a tokenizer: REMI + BPE, trained on the training split of a dataset and on nothing else, or one id per event.

    python train/build_tokenizer.py --dataset DIR --vocab-size 2000 --output tokenizer_assets/NAME
    python train/build_tokenizer.py --codec abc_notes --output tokenizer_assets/NAME
    python train/build_tokenizer.py --like tokenizer_assets/remi-folk --dataset DIR --vocab-size 1024 --output NAME

The events are those of the codec as it is now. `--like` takes the codec and its settings from another tokenizer, such
as one with the coarser tempos and fewer meters of earlier versions.
The output folder loads with `MusicProcessor.from_pretrained`, and its tokenizer with stock `AutoTokenizer`.
"""

import argparse
import json
from pathlib import Path

from symbolic_music.events.codec import ScoreCodec
from symbolic_music.events.remi.codec import RemiCodec
from symbolic_music.score.midi.io import read_midi
from symbolic_music.tokenization.build import build_remi_tokenizer, build_word_level_tokenizer, save_processor
from symbolic_music.tokenization.event_tokenizer import CODECS, build_codec
from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.training.arguments import TrainingError, one_line_errors
from symbolic_music.training.parsing import at_least
from symbolic_music.training.preparation import choose_split, load_splits
from symbolic_music.training.summary import tokenizer_hash


def parse_arguments() -> argparse.Namespace:
    """What the user typed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--codec", choices=sorted(CODECS), default="remi")
    which.add_argument(
        "--like", type=Path, metavar="FOLDER", help="a tokenizer or model whose codec's settings to take"
    )
    parser.add_argument("--dataset", help="dataset folder or Hub id with a training split, for BPE")
    parser.add_argument(
        "--vocab-size", type=at_least(1), help="ids in all, for BPE over REMI; left out: an id for each event"
    )
    parser.add_argument("--output", type=Path, required=True, help="the folder to write")
    parser.add_argument("--max-pieces", type=at_least(1), help="train on N pieces, evenly spaced")
    return parser.parse_args()


def choose_codec(arguments: argparse.Namespace) -> ScoreCodec:
    """The codec asked for, with its settings of today or those of another tokenizer."""
    if arguments.like is None:
        return CODECS[arguments.codec]()
    path = arguments.like / "processor_config.json"
    try:
        return build_codec(json.loads(path.read_text())["codec"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{path}: expected the settings of a codec ({error})") from error


def train_bpe(codec: ScoreCodec, arguments: argparse.Namespace) -> MusicProcessor:
    """REMI + BPE on the training split."""
    if not isinstance(codec, RemiCodec):
        raise TrainingError(
            f"--vocab-size is for BPE over remi; {codec.codec_type} has an id for each event, leave it out"
        )
    if arguments.dataset is None:
        raise TrainingError("--dataset is missing: BPE is trained on a dataset's training split")
    pieces = choose_split(load_splits(arguments.dataset), "train", arguments.dataset, arguments.max_pieces)
    try:
        scores = (read_midi(midi) for midi in pieces["midi"])
        return build_remi_tokenizer(scores, arguments.vocab_size, settings=codec.settings)
    except ValueError as error:
        raise TrainingError(f"{arguments.dataset}: {error}") from error


def main() -> None:
    """Make, save, report."""
    arguments = parse_arguments()
    codec = choose_codec(arguments)
    is_word_level = arguments.vocab_size is None
    processor = build_word_level_tokenizer(codec) if is_word_level else train_bpe(codec, arguments)
    save_processor(processor, arguments.output)
    grammar = processor.grammar()
    print(f"{codec.codec_type} -> {arguments.output}")
    print(f"{grammar.vocab_size:,} ids, {len(grammar.next_state):,} grammar states in {grammar.num_automata} automata")
    print(f"tokenizer hash {tokenizer_hash(processor)}")


if __name__ == "__main__":
    with one_line_errors():
        main()
