"""MIDI files as they come: patterns, tempos and meters of any kind, texts in any encoding, RIFF, random streams."""

import io
import struct

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from score.midi.files import END, control, event, meta, midi, note, program

from symbolic_music.score.checks import Refusal, ScoreError, play_seconds
from symbolic_music.score.files import read_pieces
from symbolic_music.score.midi.io import read_midi, read_midi_pieces
from symbolic_music.score.midi.reading import scan
from symbolic_music.score.midi.reading.meta import decode_text

TEMPO, METER, KEY = 0x51, 0x58, 0x59
LAST_NOTE = 10_000


def notes(data: bytes) -> list[list[tuple[int, int, int]]]:
    """Onset, duration and pitch of the notes of each track."""
    return [[(n.time, n.duration, n.pitch) for n in track.notes] for track in read_midi(data).tracks]


def left_out(data: bytes) -> dict[str, int]:
    return dict(read_midi_pieces(data, "x.mid").pieces[0].left_out)


def test_patterns_are_played_in_sequence(shared_data):
    """The fault m01: a file of type 2, whose patterns must not be stacked."""
    first, second = read_midi(shared_data("faults") / "m01_type2.mid").tracks
    assert (first.program, first.end(), second.program, second.start()) == (0, 3840, 40, 3840)


def test_a_pattern_begins_at_a_bar_line_with_its_own_state():
    waltz = meta(METER, b"\x03\x02\x18\x08") + meta(TEMPO, b"\x0f\x42\x40") + program(40) + note(60, duration=1000)
    score = read_midi(midi(waltz, note(62), kind=2))
    assert [(track.program, track.notes[0].time) for track in score.tracks] == [(40, 0), (0, 1440)]
    assert [(m.time, m.numerator) for m in score.time_signatures] == [(0, 3), (1440, 4)]
    assert [(t.time, t.qpm) for t in score.tempos] == [(0, 60.0), (1440, 120.0)]


def test_patterns_without_notes_or_meters_take_no_harm():
    assert notes(midi(b"", note(60), b"", note(62, delta=10), kind=2)) == [[(0, 480, 60)], [(1930, 480, 62)]]


def test_a_tempo_of_zero_is_ignored_and_counted(shared_data):
    """The fault m10."""
    path = shared_data("faults") / "m10_tempo0.mid"
    (piece,) = read_pieces(path).pieces
    assert dict(piece.left_out) == {"zero tempos": 1}
    assert play_seconds(piece.score) == 8.0


@pytest.mark.parametrize("place", [0, 1, 2])
def test_tempos_of_zero_anywhere(place):
    tempos = [meta(TEMPO, b"\x07\xa1\x20"), note(60), note(62)]
    tempos.insert(place, meta(TEMPO, b"\x00\x00\x00"))
    data = midi(b"".join(tempos), kind=0)
    assert left_out(data) == {"zero tempos": 1}
    assert play_seconds(read_midi(data)) == 1.0


def test_a_meter_of_15_8_is_kept(shared_data):
    """The fault m27: six bars."""
    score = read_midi(shared_data("faults") / "m27_15_8.mid")
    assert [(m.time, m.numerator, m.denominator) for m in score.time_signatures] == [(0, 15, 8)]


@pytest.mark.parametrize("seconds_per_quarter", [0.15, 2.5, 0.0001, 10.0])
def test_every_tempo_is_kept(seconds_per_quarter):
    """The faults p02 and p03, on the side of reading: no tempo moves."""
    data = midi(meta(TEMPO, round(seconds_per_quarter * 10**6).to_bytes(3, "big")) + note(60, duration=48_000))
    assert play_seconds(read_midi(data)) == pytest.approx(100 * seconds_per_quarter)


@pytest.mark.parametrize("name", ["p02_tempo_400", "p03_tempo_24", "p07_held_600", "n01_18tracks_3prog"])
def test_the_reader_keeps_all_of_a_file(shared_data, name):
    """What these faults lose, they lose later: the reader gives what mido finds."""
    path = shared_data("faults") / f"{name}.mid"
    score, file = read_midi(path), mido.MidiFile(path)
    assert play_seconds(score) == pytest.approx(file.length, abs=0.01)
    assert score.note_num() == sum(m.type == "note_on" and m.velocity > 0 for track in file.tracks for m in track)


def test_a_note_of_600_quarters_is_read_whole(shared_data):
    score = read_midi(shared_data("faults") / "p07_held_600.mid")
    assert max(note.duration for track in score.tracks for note in track.notes) >= 600 * score.tpq


TEXTS = {
    "Flöte".encode(): "Flöte",
    "Flöte".encode("latin-1"): "Flöte",
    "Béla".encode("latin-1"): "Béla",
    "ピアノ".encode("cp932"): "ピアノ",
    "主旋律 1".encode("cp932"): "主旋律 1",
    b"Bass\0": "Bass",
    b"\xff\xfe\x80": "ÿþ\x80",
    b"": "",
}


@pytest.mark.parametrize(("data", "text"), TEXTS.items(), ids=map(repr, TEXTS))
def test_names_are_read_in_any_encoding(data, text):
    assert decode_text(data) == text
    assert read_midi(midi(meta(0x03, data) + note())).tracks[0].name == text


@given(st.binary(max_size=40))
def test_no_text_refuses_a_file(data):
    track = meta(0x03, data) + meta(0x05, data) + meta(0x06, data) + note()
    assert read_midi(midi(track)).note_num() == 1


def test_words_go_to_the_notes_of_their_track():
    score = read_midi(midi(meta(0x05, b"la") + note(60), meta(0x03, b"Words") + meta(0x05, b"lo", 480)))
    found = [(track.name, [(word.time, word.text) for word in track.lyrics]) for track in score.tracks]
    assert found == [("", [(0, "la")]), ("Words", [(480, "lo")])]


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"RMID" + body


@pytest.mark.parametrize("before", [(), ((b"INFO", b"odd"),), ((b"DISP", b"even"), (b"LIST", b""))])
def test_a_riff_container_is_read(tmp_path, before):
    path = tmp_path / "piece.rmi"
    path.write_bytes(riff(*before, (b"data", midi(note(60)))))
    assert read_pieces(path).pieces[0].score.note_num() == 1


@pytest.mark.parametrize("data", [riff(), riff((b"data", b"")), riff((b"data", b"text")), b"RIFF\0\0\0\0RMID"])
def test_a_riff_container_without_music_is_refused(data):
    with pytest.raises(ScoreError) as caught:
        read_midi(data)
    assert caught.value.refusal in (Refusal.NOT_MUSIC, Refusal.EMPTY_FILE)


def test_keys_that_are_none_are_left_out_and_counted():
    keys = [b"\x01\x00", b"\xf9\x01", b"\x08\x00", b"\x00\x02"]
    data = midi(b"".join(meta(KEY, key) for key in keys) + note())
    assert [(key.key, key.tonality) for key in read_midi(data).key_signatures] == [(1, 0), (-7, 1)]
    assert left_out(data) == {"invalid keys": 2}


def test_a_meter_without_a_sensible_beat_is_refused():
    with pytest.raises(ScoreError, match=r"bad_meter: expected a meter such as 4/4, found 4/2\^9"):
        read_midi(midi(meta(METER, b"\x04\x09\x18\x08") + note()))


def test_notes_that_nothing_ends_are_counted_and_silence_ends_notes():
    assert left_out(midi(event([0x90, 60, 80]) + note(62))) == {"endless notes": 1}
    silenced = midi(event([0x90, 60, 80]) + control(123, 0, delta=240) + event([0x90, 62, 80]))
    assert notes(silenced) == [[(0, 240, 60)]]
    assert left_out(silenced) == {"endless notes": 1}


def test_tracks_that_a_cut_file_lacks_are_counted():
    data = midi(note(60), note(62))
    assert left_out(data[: data.rindex(b"MTrk")]) == {"missing tracks": 1}


def test_running_status_goes_on_after_a_meta_event():
    track = event([0x90, 60, 80]) + meta(0x01, b"text") + b"\x60" + b"\x3c\x00" + event([0xC0, 5]) + b"\x00\x06"
    assert notes(midi(track)) == [[(0, 96, 60)]]


def test_system_messages_are_passed_over():
    stray = b"".join(
        event(message) for message in (b"\xf1\x00", b"\xf2\x00\x00", b"\xf3\x01", b"\xf6", b"\xf8", b"\xfe")
    )
    assert notes(midi(stray + note(60) + event(b"\xf7\x02\x01\x02") + note(62))) == [[(0, 480, 60), (480, 480, 62)]]


@pytest.mark.parametrize(
    "track",
    [
        b"\x00\x90\x3c",
        b"\x00\x90\xbc\x40",
        b"\x00\xf4",
        b"\x00\xff\x01\x7f",
        b"\xff\xff\xff\xff\x7f\x90\x3c\x40",
        b"\x00",
    ],
)
def test_what_is_no_event_is_refused_with_its_place(track):
    data = midi(note(60))
    broken = data[:-4] + track
    broken = broken[:18] + struct.pack(">I", len(broken) - 22) + broken[22:]
    with pytest.raises(ScoreError, match=r"unreadable: expected a MIDI event at byte 31, in track 1, found") as caught:
        read_midi(broken)
    assert caught.value.refusal is Refusal.UNREADABLE


HUGE = {
    "notes by running status": midi(b"\x00\x90\x3c\x40" + b"\x00\x3c\x40" * 2_100),
    "aftertouch": midi(event([0xD0, 1]) + b"\x00\x01" * 2_100),
    "texts": midi(meta(0x01, b"") * 210),
    "programs and controllers in turn": midi((program(1) + control(7, 1)) * 210),
    "tracks": midi(*[b""] * 4_097),
}


@pytest.mark.parametrize("data", HUGE.values(), ids=HUGE)
def test_more_than_music_has_is_refused_by_name(data, monkeypatch):
    for limit in ("_MOST_MESSAGES", "_MOST_METAS", "_MOST_RUNS"):
        monkeypatch.setattr(scan, limit, getattr(scan, limit) // 1_000)
    with pytest.raises(ScoreError) as caught:
        read_midi(data)
    assert caught.value.refusal is Refusal.FILE_TOO_LARGE


CHANNELS = st.integers(0, 15)
DATA = st.integers(0, 127)
MESSAGES = st.one_of(
    st.tuples(st.just("note_on"), CHANNELS.filter(lambda c: c < 3), st.integers(60, 63), DATA),
    st.tuples(st.just("note_off"), CHANNELS.filter(lambda c: c < 3), st.integers(60, 63), DATA),
    st.tuples(st.just("control_change"), CHANNELS, st.integers(0, 100), DATA),
    st.tuples(st.just("program_change"), CHANNELS, DATA, st.just(0)),
    st.tuples(st.just("aftertouch"), CHANNELS, DATA, st.just(0)),
    st.tuples(st.just("polytouch"), CHANNELS, DATA, DATA),
    st.tuples(st.just("pitchwheel"), CHANNELS, st.integers(-8192, 8191), st.just(0)),
    st.tuples(st.just("text"), st.just(0), st.integers(0, 200), st.just(0)),
    st.tuples(st.just("sysex"), st.just(0), st.integers(0, 200), st.just(0)),
)
DELTAS = st.one_of(st.integers(0, 200), st.sampled_from([0, 127, 128, 16_383, 16_384, 2_000_000]))
STREAMS = st.lists(st.lists(st.tuples(DELTAS, MESSAGES), max_size=40), min_size=1, max_size=4)
FIELDS = {
    "note_on": ("note", "velocity"),
    "note_off": ("note", "velocity"),
    "control_change": ("control", "value"),
    "program_change": ("program",),
    "aftertouch": ("value",),
    "polytouch": ("note", "value"),
    "pitchwheel": ("pitch",),
}


def mido_message(delta, message):
    kind, channel, first, second = message
    if kind == "text":
        return mido.MetaMessage("text", text="x" * first, time=delta)
    if kind == "sysex":
        return mido.Message("sysex", data=[1] * first, time=delta)
    values = dict(zip(FIELDS[kind], (first, second), strict=False))
    return mido.Message(kind, channel=channel, time=delta, **values)


def played(streams) -> list[list[tuple]]:
    """Notes by the plainest way: a queue for each pitch of each channel of a track, one program for each channel."""
    changes = []
    for number, stream in enumerate(streams):
        tick = 0
        for delta, (kind, channel, first, _) in stream:
            tick += delta
            if kind == "program_change":
                changes.append((tick, number, channel, first))
    found = []
    for number, stream in enumerate(streams):
        tick, sounding, order = 0, {}, []
        programs_here: dict[int, tuple[int, int]] = {}
        for delta, (kind, channel, first, second) in stream:
            tick += delta
            if kind == "program_change":
                programs_here[channel] = (tick, first)
            elif kind == "note_on" and second:
                others = [c for c in changes if c[2] == channel and c[0] <= tick and c[1] != number]
                latest = max(others, key=lambda c: (c[0], c[1]), default=(-1, 0, 0, 0))
                # Two changes of another track at one tick: the last one.
                latest = [c for c in others if c[:2] == latest[:2]][-1] if others else latest
                own = programs_here.get(channel, (-1, 0))
                value = own[1] if own[0] >= latest[0] else latest[3]
                entry = [tick, None, first, second, channel, value]
                sounding.setdefault((channel, first), []).append(entry)
                order.append(entry)
            elif kind in ("note_on", "note_off") and sounding.get((channel, first)):
                entry = sounding[channel, first].pop(0)
                entry[1] = tick - entry[0]
        ended = sorted((e for e in order if e[1] is not None), key=lambda e: (e[4], e[5]))
        found += [(e[5], *e[:4]) for e in ended]
    return found


@settings(max_examples=150, deadline=None)
@given(STREAMS)
def test_random_streams_are_read_as_mido_writes_them(streams):
    file = mido.MidiFile(type=1)
    for stream in streams:
        file.tracks.append(mido.MidiTrack([mido_message(*timed) for timed in stream]))
    buffer = io.BytesIO()
    file.save(file=buffer)
    score = read_midi(buffer.getvalue())
    found = [(t.program, n.time, n.duration, n.pitch, n.velocity) for t in score.tracks for n in t.notes]
    assert found == played(streams)


def test_an_empty_track_is_no_track():
    assert len(read_midi(midi(b"", note(60), b"")).tracks) == 1
    assert END in midi(b"")
