"""MidiTok's REMI with a vocabulary's settings: it trains BPE, and its users load what we save."""

import miditok

from symbolic_music.events.remi.vocabulary import WHOLE_TEMPOS, RemiSettings, RemiVocabulary

SPECIAL_TOKENS = ["PAD", "BOS", "EOS"]


def midi_tokenizer(settings: RemiSettings) -> miditok.REMI:
    """An untrained MidiTok tokenizer.

    MidiTok spaces tempos evenly: it is given the whole numbers, and the others are added to its vocabulary.
    """
    slowest, fastest = settings.tempo_range
    if settings.num_tempos is None:
        slowest, fastest = max(slowest, WHOLE_TEMPOS[0]), min(fastest, WHOLE_TEMPOS[1])
    made = _remi(settings, (slowest, fastest), settings.num_tempos or fastest - slowest + 1)
    if settings.num_tempos is None:
        for name in reversed(RemiVocabulary(settings).tempos):
            if name not in made.vocab:
                made.add_to_vocab(name)
    return made


def _remi(settings: RemiSettings, tempo_range: tuple[int, int], num_tempos: int) -> miditok.REMI:
    return miditok.REMI(
        miditok.TokenizerConfig(
            pitch_range=(0, 127),
            beat_res={(first, end): steps for first, end, steps in settings.beat_resolution},
            num_velocities=settings.num_velocities,
            special_tokens=SPECIAL_TOKENS,
            encode_ids_split="no",
            use_programs=True,
            one_token_stream_for_programs=True,
            program_changes=True,
            use_pitchdrum_tokens=False,
            use_tempos=True,
            tempo_range=tempo_range,
            num_tempos=num_tempos,
            delete_equal_successive_tempo_changes=True,
            use_time_signatures=True,
            time_signature_range=settings.meters,
            delete_equal_successive_time_sig_changes=True,
            remove_duplicated_notes=True,
        )
    )
