"""What shipped keeps its meaning: every tokenizer and model folder gives the ids and pieces it gave when it shipped.

The digests were computed when each shipped; those of the first edition before there was a second. Where one changes, a
model reads other music than it was trained on.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from events.random_music import contents
from symusic.core import KeySignatureTick, NoteTick, ScoreTick, TempoTick, TimeSignatureTick, TrackTick

from symbolic_music.events.codec import EncodingError
from symbolic_music.tokenization.processing_music import MusicProcessor

ROOT = Path(__file__).parents[2]
DIGESTS = {
    "model_cards/abc-transformer-ensemble": "06231ee73bf7f730",
    "model_cards/abc-transformer-folk": "44671591c47d05eb",
    "model_cards/bart-lora-quartets": "4fb8b855424cfb07",
    "model_cards/bart-music-base": "4fb8b855424cfb07",
    "model_cards/bart-quartets": "4fb8b855424cfb07",
    "model_cards/gpt2-drums": "b8de14d599fabcba",
    "model_cards/gpt2-lieder": "b8de14d599fabcba",
    "model_cards/gpt2-lora-drums": "b8de14d599fabcba",
    "model_cards/gpt2-lora-lieder": "b8de14d599fabcba",
    "model_cards/gpt2-music-base": "b8de14d599fabcba",
    "model_cards/gpt2-music-infill": "4fb8b855424cfb07",
    "model_cards/infill-transformer-folk": "b04b83c7ae6a8b12",
    "model_cards/music-lstm-ensemble": "06231ee73bf7f730",
    "model_cards/music-lstm-folk": "44671591c47d05eb",
    "model_cards/remi-transformer-ensemble": "12f5f8cc178236c6",
    "model_cards/remi-transformer-folk": "39c2a947b821f608",
    "tokenizer_assets/abc-notes": "44671591c47d05eb",
    "tokenizer_assets/abc-notes-30-voices": "06231ee73bf7f730",
    "tokenizer_assets/remi-ensemble": "12f5f8cc178236c6",
    "tokenizer_assets/remi-folk": "39c2a947b821f608",
    "tokenizer_assets/track-text-30-tracks": "b8de14d599fabcba",
}
METERS = ((4, 4), (3, 4), (6, 8), (7, 8), (13, 8), (2, 2), (5, 16), (15, 4), (12, 8))


def made_up_piece(seed: int) -> ScoreTick:
    """A piece off the grid; the higher the seed, the less of it the first vocabularies could say."""
    rng = np.random.default_rng(seed)
    score = ScoreTick((96, 480, 1000)[seed % 3])
    unit = score.ticks_per_quarter
    for number in range(1 + seed % 5):
        is_drum = number == 3
        score.tracks.append(TrackTick("", 0 if is_drum else int(rng.integers(128)), is_drum))
        for _ in range((3, 8, 20)[seed % 7 % 3]):
            onset, length = rng.integers(0, 30 * unit), rng.integers(1, (2, 50)[seed % 4 == 3] * unit)
            pitch = rng.integers(*((40, 90) if seed % 6 < 5 else (10, 120)))
            score.tracks[number].notes.append(NoteTick(*map(int, (onset, length, pitch, rng.integers(1, 128)))))
    for at in range(0, 1 + seed % 4):
        score.tempos.append(TempoTick(at * 5 * unit, float(rng.uniform(20, 400))))
        meter = METERS[int(rng.integers(len(METERS)))]
        score.time_signatures.append(TimeSignatureTick(at * 7 * unit, *meter))
    score.key_signatures.append(KeySignatureTick(0, int(rng.integers(-5, 6)), seed % 2))
    return score


def outcome(processor: MusicProcessor, score: ScoreTick) -> list:
    """The ids of a piece's windows and the music they stand for, or why there are none."""
    outcomes = []
    for window in processor.codec.windows(score):
        try:
            ids = processor.encode_score(window)
        except EncodingError as error:
            outcomes.append(str(error))
        else:
            outcomes.append([ids, contents(processor.decode(ids))])
    return outcomes


def digest(folder: Path) -> str:
    processor = MusicProcessor.from_pretrained(folder)
    outcomes = [outcome(processor, made_up_piece(seed)) for seed in range(24)]
    assert sum(isinstance(window, list) for piece in outcomes for window in piece) >= 12
    return hashlib.sha256(json.dumps(outcomes).encode()).hexdigest()[:16]


@pytest.mark.parametrize("folder", sorted(DIGESTS))
def test_ids_and_music_are_what_they_were(folder):
    assert digest(ROOT / folder) == DIGESTS[folder]


def test_every_shipped_folder_is_pinned():
    folders = {
        path.parent
        for root in ("tokenizer_assets", "model_cards")
        for path in ROOT.glob(f"{root}/*/processor_config.json")
    }
    assert {folder.relative_to(ROOT).as_posix() for folder in folders} == set(DIGESTS)
