"""Symbolic music language models, native to the Hugging Face ecosystem.

Importing the package is cheap: a public name is imported when it is first used, and transformers' Auto classes learn
of our classes when transformers itself is used (`symbolic_music._registration`).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from symbolic_music._registration import register_with_transformers

__version__ = "0.1.0"

# Where each public name lives.
_MODULE_OF_NAME = {
    "BlockCollator": "symbolic_music.data.blocks.collate",
    "Controls": "symbolic_music.events.controls.asked",
    "GivenNotes": "symbolic_music.events.controls.given",
    "GrammarLogitsProcessor": "symbolic_music.generation.grammar_processor",
    "MusicLSTMConfig": "symbolic_music.models.music_lstm.configuration_music_lstm",
    "MusicLSTMForCausalLM": "symbolic_music.models.music_lstm.modeling_music_lstm",
    "MusicLSTMModel": "symbolic_music.models.music_lstm.modeling_music_lstm",
    "MusicProcessor": "symbolic_music.tokenization.processing_music",
    "MusicTransformerConfig": "symbolic_music.models.music_transformer.configuration_music_transformer",
    "MusicTransformerForCausalLM": "symbolic_music.models.music_transformer.modeling_music_transformer",
    "MusicTransformerModel": "symbolic_music.models.music_transformer.modeling_music_transformer",
    "Refusal": "symbolic_music.score.checks",
    "RemiCodec": "symbolic_music.events.remi.codec",
    "ScoreError": "symbolic_music.score.checks",
    "ScoreLimits": "symbolic_music.score.checks",
    "TokenGrammar": "symbolic_music.tokenization.token_grammar",
    "check_score": "symbolic_music.score.checks",
    "compose": "symbolic_music.generation.compose",
    "infill": "symbolic_music.generation.infill",
    "load_model": "symbolic_music.generation.loading",
    "read_scores": "symbolic_music.score.files",
    "write_midi": "symbolic_music.score.midi.io",
    "write_piano_roll": "symbolic_music.score.render.pictures",
    "write_mp3": "symbolic_music.score.render.audio",
    "write_wav": "symbolic_music.score.render.audio",
}

__all__ = [*_MODULE_OF_NAME, "__version__"]  # type checkers read the imports below

if TYPE_CHECKING:
    from symbolic_music.data.blocks.collate import BlockCollator as BlockCollator
    from symbolic_music.events.controls.asked import Controls as Controls
    from symbolic_music.events.remi.codec import RemiCodec as RemiCodec
    from symbolic_music.generation.compose import compose as compose
    from symbolic_music.generation.grammar_processor import GrammarLogitsProcessor as GrammarLogitsProcessor
    from symbolic_music.generation.infill import infill as infill
    from symbolic_music.generation.loading import load_model as load_model
    from symbolic_music.models.music_lstm.configuration_music_lstm import MusicLSTMConfig as MusicLSTMConfig
    from symbolic_music.models.music_lstm.modeling_music_lstm import MusicLSTMForCausalLM as MusicLSTMForCausalLM
    from symbolic_music.models.music_lstm.modeling_music_lstm import MusicLSTMModel as MusicLSTMModel
    from symbolic_music.models.music_transformer.configuration_music_transformer import (
        MusicTransformerConfig as MusicTransformerConfig,
    )
    from symbolic_music.models.music_transformer.modeling_music_transformer import (
        MusicTransformerForCausalLM as MusicTransformerForCausalLM,
    )
    from symbolic_music.models.music_transformer.modeling_music_transformer import (
        MusicTransformerModel as MusicTransformerModel,
    )
    from symbolic_music.score.checks import Refusal as Refusal
    from symbolic_music.score.checks import ScoreError as ScoreError
    from symbolic_music.score.checks import ScoreLimits as ScoreLimits
    from symbolic_music.score.checks import check_score as check_score
    from symbolic_music.score.files import read_scores as read_scores
    from symbolic_music.score.midi.io import write_midi as write_midi
    from symbolic_music.score.render.audio import write_mp3 as write_mp3
    from symbolic_music.score.render.audio import write_wav as write_wav
    from symbolic_music.score.render.pictures import write_piano_roll as write_piano_roll
    from symbolic_music.tokenization.processing_music import MusicProcessor as MusicProcessor
    from symbolic_music.tokenization.token_grammar import TokenGrammar as TokenGrammar


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF_NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULE_OF_NAME[name]), name)
    globals()[name] = value  # the next access is a plain lookup
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF_NAME})


register_with_transformers()
