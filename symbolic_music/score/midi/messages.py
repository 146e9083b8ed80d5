"""The numbers of MIDI: kinds of messages and meta events, controllers, channels. Knows nothing of files or Scores.

Sources: MIDI 1.0; Standard MIDI Files 1.0 (RP-001), "Meta-Events"; General MIDI 1.
"""

NOTE_OFF, NOTE_ON, CONTROL, PROGRAM, PITCH_BEND = 0x8, 0x9, 0xB, 0xC, 0xE
"""The upper half of a status byte; the lower is the channel."""
TRACK_NAME, LYRIC, MARKER, PORT, END_OF_TRACK, TEMPO, METER, KEY = 0x03, 0x05, 0x06, 0x21, 0x2F, 0x51, 0x58, 0x59
"""Types of meta events."""

CHANNELS_PER_PORT = 16
DRUM_CHANNEL = 9
"""The tenth channel, counted from 0, plays drums unless a file says otherwise."""
PROGRAMS = 128
PITCHES = 128

BANK_SELECT = 0
PEDAL = 64
"""The sustain pedal's controller."""
PEDAL_DOWN = 64
"""Values of the pedal from here on hold it down; half pedals below do not ("Damper Pedal")."""
PARAMETER_CONTROLS = (6, 38, 96, 97, 98, 99, 100, 101)
"""Data entry, and the parameter that it is for ("Registered Parameter Numbers")."""
SILENCING_CONTROLS = (120, 123, 124, 125, 126, 127)
"""All sound off, all notes off, and the four modes, which end all notes too ("Channel Mode Messages")."""
PITCH_BEND_CENTRE = 8192
