"""Channels are dealt by program, and every note keeps its program, pitch, onset and end for every reader."""

import io
import warnings
from collections import Counter

import mido
import numpy as np
import pretty_midi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from score.scores import make_score
from symusic import ControlChange, KeySignature, Note, Pedal, PitchBend, Score, Tempo, TextMeta, TimeSignature, Track

from symbolic_music.score.midi.io import count_ports, midi_bytes, read_midi
from symbolic_music.score.transforms.edit import transpose

DRUMS = -1


def score_of(*tracks) -> Score:
    """A Score of (program, notes), notes as (onset, duration, pitch); program -1 for drums."""
    score = Score(480)
    for program, notes in tracks:
        track = Track(program=max(program, 0), is_drum=program == DRUMS)
        track.notes = [Note(*note, 80) for note in notes]
        score.tracks.append(track)
    return score


def held(score) -> Counter:
    """Every note of a Score: program, onset, duration, pitch, velocity."""
    return Counter(
        (DRUMS if track.is_drum else track.program, n.time, n.duration, n.pitch, n.velocity)
        for track in score.tracks
        for n in track.notes
    )


def by_mido(data: bytes, of_track: bool = False) -> Counter:
    """Notes as a player hears them: all tracks merged, a program for each channel, offs end what sounds first.

    Those of drums, or all where `of_track`, end what their own track began.
    """
    found, programs = Counter(), {}
    merged = sorted(
        (tick, number, order, message)
        for number, track in enumerate(mido.MidiFile(file=io.BytesIO(data)).tracks)
        for order, (tick, message) in enumerate(zip(np.cumsum([m.time for m in track]), track, strict=True))
    )
    sounding: dict[tuple[int, int, int], list] = {}
    for tick, number, _, message in merged:
        if message.type == "program_change":
            programs[message.channel] = message.program
        elif message.type == "note_on":
            program = DRUMS if message.channel == 9 else programs[message.channel]
            key = number if of_track or message.channel == 9 else 0, message.channel, message.note
            sounding.setdefault(key, []).append((program, tick, message.velocity))
        elif message.type == "note_off":
            key = number if of_track or message.channel == 9 else 0, message.channel, message.note
            program, begun, velocity = sounding[key].pop(0)
            found[program, begun, tick - begun, message.note, velocity] += 1
    assert not any(sounding.values())
    return found


def by_pretty_midi(data: bytes) -> Counter:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = pretty_midi.PrettyMIDI(io.BytesIO(data))
    found = Counter()
    for instrument in file.instruments:
        for n in instrument.notes:
            begin, end = file.time_to_tick(n.start), file.time_to_tick(n.end)
            program = DRUMS if instrument.is_drum else instrument.program
            found[program, begin, end - begin, n.pitch, n.velocity] += 1
    return found


def channels_of(data: bytes) -> set[int]:
    return {m.channel for track in mido.MidiFile(file=io.BytesIO(data)).tracks for m in track if m.type == "note_on"}


NOTES = st.lists(
    st.tuples(st.integers(0, 20).map(lambda n: 60 * n), st.sampled_from([60, 120, 600]), st.integers(60, 63)),
    min_size=1,
    max_size=12,
)
ONE_AT_A_TIME = NOTES.map(
    lambda notes: [
        note
        for number, note in enumerate(sorted(notes))
        if not any(n[2] == note[2] and n[0] + n[1] > note[0] for n in sorted(notes)[:number])
    ]
)
PROGRAMS = st.sampled_from([DRUMS, 0, 1, 40, 127])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(PROGRAMS, ONE_AT_A_TIME), min_size=1, max_size=8))
def test_every_reader_finds_every_note(tracks):
    """Tracks of one program may strike what another holds; four readers, one of them a player."""
    score = score_of(*tracks)
    data = midi_bytes(score)
    assert held(read_midi(data)) == held(score)
    assert held(Score.from_midi(data)) == held(score)
    assert by_mido(data) == held(score)
    assert by_pretty_midi(data) == held(score)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(PROGRAMS, NOTES), min_size=1, max_size=6))
def test_notes_that_begin_and_end_within_another_survive(tracks):
    score = score_of(*tracks)
    data = midi_bytes(score)
    assert held(read_midi(data)) == held(Score.from_midi(data)) == by_mido(data, of_track=True) == held(score)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 127), ONE_AT_A_TIME), min_size=16, max_size=40))
def test_more_programs_than_channels(tracks):
    score = score_of(*tracks)
    data = midi_bytes(score)
    assert held(read_midi(data)) == held(score)
    assert held(Score.from_midi(data)) == held(score)
    if count_ports(score) == 1:
        assert by_mido(data, of_track=True) == held(score)


def test_18_tracks_of_3_programs_need_3_channels(shared_data):
    """The fault n01."""
    score = read_midi(shared_data("faults") / "n01_18tracks_3prog.mid")
    data = midi_bytes(score)
    assert channels_of(data) == {0, 1, 2}
    assert held(read_midi(data)) == by_mido(data) == by_pretty_midi(data) == held(score)
    assert {program for program, *_ in held(score)} == {40, 42, 73}


def test_drums_are_on_channel_10_and_nothing_else_is():
    score = score_of(*((program, [(0, 480, 60)]) for program in (*range(15), DRUMS)))
    assert channels_of(midi_bytes(score)) == set(range(16))
    assert channels_of(midi_bytes(score_of((DRUMS, [(0, 480, 36)])))) == {9}


def test_tracks_of_one_program_in_each_other_s_way_get_channels_of_their_own():
    apart = score_of((0, [(0, 480, 60)]), (0, [(240, 480, 60)]))
    touching = score_of((0, [(0, 480, 60)]), (0, [(480, 480, 60)]))
    assert channels_of(midi_bytes(apart)) == channels_of(midi_bytes(touching)) == {0, 1}
    assert channels_of(midi_bytes(score_of((0, [(0, 480, 60)]), (0, [(481, 480, 60)])))) == {0}
    steered = score_of((0, [(0, 480, 60)]), (0, [(0, 480, 64)]))
    steered.tracks[1].controls = [ControlChange(0, 10, 0)]
    assert channels_of(midi_bytes(steered)) == {0, 1}


def test_spare_channels_do_not_take_from_other_programs():
    unison = [(0, [(0, 480, 60)])] * 20
    score = score_of(*unison, *((program, [(0, 480, 60)]) for program in range(1, 15)))
    assert count_ports(score) == 1
    assert held(read_midi(midi_bytes(score))) == held(score)


def test_programs_that_do_not_sound_at_once_need_no_port():
    score = score_of(*((program, [(960 * program, 480, 60)]) for program in range(40)))
    data = midi_bytes(score)
    assert count_ports(score) == 1
    assert held(read_midi(data)) == by_mido(data) == by_pretty_midi(data) == held(score)


def test_programs_that_sound_at_once_need_ports(tmp_path, caplog):
    from symbolic_music.score.midi.io import write_midi

    score = score_of(*((program, [(0, 480, 60), (960, 480, 62)]) for program in range(40)), (DRUMS, [(0, 480, 36)]))
    assert count_ports(score) == 3
    assert held(read_midi(midi_bytes(score))) == held(Score.from_midi(midi_bytes(score))) == held(score)
    write_midi(score, tmp_path / "many.mid")
    (record,) = caplog.records
    assert record.getMessage() == (
        f"{tmp_path / 'many.mid'}: more than 15 programs sound at once, so the file has 3 MIDI ports; "
        "a player that knows one port only plays some notes with wrong programs"
    )


def test_a_channel_that_changes_hands_is_set_anew():
    score = score_of(*((program, [(960 * program, 480, 60)]) for program in range(16)))
    score.tracks[0].controls = [ControlChange(0, 7, 20)]
    score.tracks[0].pitch_bends = [PitchBend(0, 1000)]
    last = read_midi(midi_bytes(score)).tracks[-1]
    assert (last.program, [(c.number, c.value) for c in last.controls]) == (15, [(7, 100)])
    assert [bend.value for bend in last.pitch_bends] == [0]


def test_drum_kits_that_play_at_once_are_kept():
    score = score_of((DRUMS, [(0, 240, 36), (480, 240, 36)]), (DRUMS, [(0, 240, 38), (480, 240, 38)]))
    score.tracks[0].program, score.tracks[1].program = 8, 25
    again = read_midi(midi_bytes(score))
    assert [(t.program, t.is_drum, len(t.notes)) for t in again.tracks] == [(8, True, 2), (25, True, 2)]


def test_all_else_that_a_score_says_is_written():
    score = make_score([(0, 480, 60)], tpq=220)
    score.tempos = [Tempo(0, mspq=500_001), Tempo(100, mspq=16_777_215)]
    score.time_signatures = [TimeSignature(0, 3, 8), TimeSignature(330, 64, 64)]
    score.key_signatures = [KeySignature(0, -7, 1), KeySignature(5, 7, 0)]
    score.markers = [TextMeta(7, "Schluß")]
    track = score.tracks[0]
    track.name = "Flöte"
    track.lyrics = [TextMeta(0, "là"), TextMeta(480, "lo")]
    track.controls = [
        ControlChange(0, 101, 0),
        ControlChange(0, 100, 0),
        ControlChange(0, 6, 12),
        ControlChange(9, 7, 1),
    ]
    track.pitch_bends = [PitchBend(0, -8192), PitchBend(5, 8191), PitchBend(6, 0)]
    again = read_midi(midi_bytes(score))
    for name in ("tempos", "time_signatures", "key_signatures", "markers", "ticks_per_quarter"):
        assert getattr(again, name) == getattr(score, name), name
    for name in ("name", "notes", "lyrics", "controls", "pitch_bends"):
        assert getattr(again.tracks[0], name) == getattr(track, name), name
    texts = [
        m.dict() for track in mido.MidiFile(file=io.BytesIO(midi_bytes(score)), charset="utf8").tracks for m in track
    ]
    assert [text["text"] for text in texts if text["type"] == "lyrics"] == ["là", "lo"]


def test_pedals_are_written_where_no_controller_says_them():
    score = make_score([(0, 480, 60)])
    score.tracks[0].pedals = [Pedal(0, 240), Pedal(240, 100)]
    again = read_midi(midi_bytes(score)).tracks[0]
    assert again.pedals == score.tracks[0].pedals
    assert [(c.time, c.value) for c in again.controls] == [(0, 127), (240, 0), (240, 127), (340, 0)]
    assert read_midi(midi_bytes(read_midi(midi_bytes(score)))).tracks[0].controls == again.controls


def test_words_without_notes_stay_a_track():
    score = make_score([(0, 480, 60)])
    score.tracks.append(Track(name="Words"))
    score.tracks[1].lyrics = [TextMeta(0, "la")]
    assert [track.name for track in read_midi(midi_bytes(score)).tracks] == ["", "Words"]


def test_rests_longer_than_a_number_holds():
    score = make_score([(0, 480, 60), (2**30 + 7, 480, 60)])
    assert held(read_midi(midi_bytes(score))) == held(score)


def test_notes_of_velocity_0_or_no_length_are_notes():
    score = make_score([(0, 480, 60, 0), (480, 0, 60, 5), (480, 10, 60, 6)])
    found = [(n.time, n.duration, n.velocity) for n in read_midi(midi_bytes(score)).tracks[0].notes]
    assert found == [(0, 480, 1), (480, 0, 5), (480, 10, 6)]


def test_deep_nesting_is_bounded():
    score = make_score([(n, 2000 - 2 * n, 60) for n in range(500)])
    assert read_midi(midi_bytes(score)).note_num() == 500


def test_a_score_without_anything_is_a_file():
    assert mido.MidiFile(file=io.BytesIO(midi_bytes(Score(480)))).ticks_per_beat == 480


@pytest.mark.parametrize("folder", ["midi_multi/simutrans", "midi_song/openscore_lieder"])
def test_real_music_survives_the_way_out(shared_data, folder):
    for path in sorted(shared_data(folder).rglob("*.mid"))[:12]:
        score = read_midi(path)
        data = midi_bytes(score)
        again = read_midi(data)
        assert held(again) == held(score), path
        assert held(Score.from_midi(data)) == held(score), path
        assert [again.tempos, again.time_signatures] == [score.tempos, score.time_signatures]
        assert midi_bytes(transpose(score, 0)) == data
