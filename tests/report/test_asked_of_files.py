"""What obedience is measured by where files give something: the first bars of human pieces that a codec can write."""

from made_up_music import melody_score, random_melody

from symbolic_music.events.remi.codec import RemiCodec
from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings
from symbolic_music.report.asked.files import FILES, asked_of_files

PIECES = [melody_score(random_melody(seed), program=40) for seed in range(FILES + 2)]


def test_the_first_pieces_give_their_first_bars():
    found = asked_of_files(RemiCodec(), [melody_score(()), *PIECES], bars=2)
    assert {name: len(wishes) for name, wishes in found.items()} == {"keep": FILES, "rhythm": FILES, "pitches": FILES}
    first = found["keep"][0].keep
    assert (first.name, first.programs, len(first.lines[0].notes)) == ("piece 2", (40,), 16)


def test_pieces_that_a_codec_cannot_write_are_passed_over():
    narrow = TrackTextCodec(TrackTextSettings(lowest_pitch=60, highest_pitch=61))
    assert asked_of_files(narrow, PIECES, bars=2) == {}
