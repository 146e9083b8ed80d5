"""Train a REMI + BPE tokenizer on the training split of a dataset, and on nothing else.

    python train/build_tokenizer.py --dataset DIR --vocab-size 2000 --output tokenizer_assets/NAME

The output folder loads with `MusicProcessor.from_pretrained`, and its tokenizer with stock `AutoTokenizer`.
"""

import argparse
from pathlib import Path

from symbolic_music.score.midi_io import read_midi
from symbolic_music.tokenization.build import build_remi_tokenizer, save_processor
from symbolic_music.training.arguments import TrainingError, one_line_errors
from symbolic_music.training.preparation import choose_split, load_splits
from symbolic_music.training.summary import tokenizer_hash


def parse_arguments() -> argparse.Namespace:
    """What the user typed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", required=True, help="dataset folder or Hub id with a training split")
    parser.add_argument("--vocab-size", type=int, required=True, help="ids in all, the base events included")
    parser.add_argument("--output", type=Path, required=True, help="the folder to write")
    parser.add_argument("--max-pieces", type=int, help="train on the first N pieces only")
    return parser.parse_args()


def main() -> None:
    """Load, train, save, report."""
    arguments = parse_arguments()
    pieces = choose_split(load_splits(arguments.dataset), "train", arguments.dataset, arguments.max_pieces)
    try:
        processor = build_remi_tokenizer((read_midi(midi) for midi in pieces["midi"]), arguments.vocab_size)
    except ValueError as error:
        raise TrainingError(f"{arguments.dataset}: {error}") from error
    save_processor(processor, arguments.output)
    grammar = processor.grammar()
    print(f"{len(pieces):,} pieces -> {arguments.output}")
    print(f"{grammar.vocab_size:,} ids, {len(grammar.next_state):,} grammar states in {grammar.num_automata} automata")
    print(f"tokenizer hash {tokenizer_hash(processor)}")


if __name__ == "__main__":
    with one_line_errors():
        main()
