"""The split hash that `prepare` prints is the one that a training finds in the dataset."""

from dataclasses import dataclass

from datasets import load_dataset
from made_up_music import melody_score, random_melody
from symusic import Note

from symbolic_music.data.preparation.pieces import content_digest
from symbolic_music.data.preparation.prepare import PrepareSettings, prepare_dataset
from symbolic_music.data.sources.units import WorkUnit
from symbolic_music.score.midi.io import midi_bytes, read_midi
from symbolic_music.score.piece import Piece, Reading


@dataclass(frozen=True)
class UnisonUnit(WorkUnit):
    """A melody in whose first note another voice strikes the same pitch for a moment: two tracks once it is MIDI."""

    seed: int

    def read(self):
        score = melody_score(random_melody(self.seed))
        first = score.tracks[0].notes[0]
        score.tracks[0].notes.append(Note(first.time + 60, 60, first.pitch, first.velocity))
        return Reading([Piece(score)])

    def stamp(self):
        return self.name


def test_the_split_hash_is_of_what_is_stored(tmp_path):
    # Here, for the workers import this file, and torch is large.
    from symbolic_music.training.summary import hash_of_splits

    units = [UnisonUnit("made-up", f"{seed}", "CC0", seed) for seed in range(20)]
    score = units[0].read().pieces[0].score
    assert content_digest(read_midi(midi_bytes(score))) != content_digest(score)
    summary = prepare_dataset(units, tmp_path / "out", PrepareSettings(), num_workers=1, progress=False)
    splits = load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert hash_of_splits(splits) == summary["split_hash"]
