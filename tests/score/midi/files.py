"""MIDI files of single events, made in code so that each test shows what its file says."""

import struct

END = b"\x00\xff\x2f\x00"
GS_RESET = bytes.fromhex("f0 0a 41 10 42 12 40 00 7f 00 41 f7")
XG_ON = bytes.fromhex("f0 08 43 10 4c 00 00 7e 00 f7")
GM2_ON = bytes.fromhex("f0 05 7e 7f 09 03 f7")


def midi(*tracks: bytes, kind: int = 1, division: int = 480) -> bytes:
    """A MIDI file of tracks, whose last event `END` is added."""
    chunks = b"".join(b"MTrk" + struct.pack(">I", len(track + END)) + track + END for track in tracks)
    return b"MThd" + struct.pack(">IHHH", 6, kind, len(tracks), division) + chunks


def number(value: int) -> bytes:
    """A number of variable length."""
    found = [value & 0x7F]
    while value := value >> 7:
        found.append(value & 0x7F | 0x80)
    return bytes(reversed(found))


def event(message: bytes | list[int], delta: int = 0) -> bytes:
    """One event, `delta` ticks after the one before."""
    return number(delta) + bytes(message)


def note(pitch: int = 60, channel: int = 0, duration: int = 480, delta: int = 0, velocity: int = 80) -> bytes:
    """A note-on and its note-off."""
    return event([0x90 | channel, pitch, velocity], delta) + event([0x80 | channel, pitch, 0], duration)


def program(value: int, channel: int = 0, delta: int = 0) -> bytes:
    """A program change."""
    return event([0xC0 | channel, value], delta)


def control(controller: int, value: int, channel: int = 0, delta: int = 0) -> bytes:
    """A control change."""
    return event([0xB0 | channel, controller, value], delta)


def meta(kind: int, data: bytes, delta: int = 0) -> bytes:
    """A meta event."""
    return event([0xFF, kind], delta) + number(len(data)) + data


def gs_rhythm_part(block: int, drum_map: int) -> bytes:
    """The GS message that makes a part one of drums, or of melody for 0."""
    body = bytes([0x40, 0x10 | block, 0x15, drum_map])
    checksum = -sum(body) % 128
    return event(b"\xf0\x0a\x41\x10\x42\x12" + body + bytes([checksum, 0xF7]))
