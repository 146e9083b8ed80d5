"""A packed dataset of a few small pieces, and jobs that train in a second."""

from pathlib import Path

import pytest
import torch
from datasets import Dataset, DatasetDict
from queue_pieces import small_pieces

from symbolic_music.events.remi.codec import RemiCodec
from symbolic_music.score.midi.io import midi_bytes
from symbolic_music.tokenization.build import build_remi_tokenizer
from symbolic_music.training.queue.data.packed import PackedData, read_packed
from symbolic_music.training.queue.data.packing import PackSettings, pack_dataset
from symbolic_music.training.queue.jobs import Job


@pytest.fixture(scope="session")
def splits() -> DatasetDict:
    pieces = small_pieces(10)
    rows = {"train": pieces[:8], "validation": pieces[8:]}
    made = {name: [midi_bytes(piece) for piece in split] for name, split in rows.items()}
    return DatasetDict(
        {
            name: Dataset.from_dict(
                {
                    "midi": midis,
                    "group": list(range(len(midis))),
                    "name": [str(number) for number in range(len(midis))],
                },
                split=name,
            )
            for name, midis in made.items()
        }
    )


@pytest.fixture(scope="session")
def remi_processor():
    pieces = small_pieces(8)
    return build_remi_tokenizer(pieces, vocab_size=len(RemiCodec().events) + 3 + 40)


@pytest.fixture(scope="session")
def packed_folder(tmp_path_factory, splits, remi_processor) -> Path:
    folder = tmp_path_factory.mktemp("packed") / "remi"
    pack_dataset(splits, remi_processor, folder, PackSettings(transpositions=(-1, 0, 2)))
    return folder


@pytest.fixture(scope="session")
def packed(packed_folder) -> PackedData:
    return read_packed(packed_folder)


@pytest.fixture
def make_job():
    def make(**settings) -> Job:
        model = {
            "model_type": "music_transformer",
            "hidden_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "dropout": 0.1,
        }
        given = {"name": "job", "data": "remi", "model": model, "minutes": 1, "least_minutes": 0.01}
        given |= {"context": 16, "batch_tokens": 64, "micro_tokens": 32, "compile": False, "validation_tokens": 64}
        return Job(**(given | settings))

    return make


@pytest.fixture
def cpu() -> torch.device:
    return torch.device("cpu")
