"""Registers every model family with transformers' Auto classes. The one file that imports every family.

Called by `symbolic_music._registration`; each function imports what it registers, so that `AutoConfig` alone does not
load the models, nor a model the processor.
"""


def register_configs() -> None:
    """Let `AutoConfig` know every family's configuration."""
    from transformers import AutoConfig

    from .music_lstm.configuration_music_lstm import MusicLSTMConfig
    from .music_transformer.configuration_music_transformer import MusicTransformerConfig

    for config in (MusicTransformerConfig, MusicLSTMConfig):
        AutoConfig.register(config.model_type, config, exist_ok=True)


def register_models() -> None:
    """Let `AutoModel` and `AutoModelForCausalLM` know every family's models."""
    from transformers import AutoModel, AutoModelForCausalLM

    from .music_lstm.configuration_music_lstm import MusicLSTMConfig
    from .music_lstm.modeling_music_lstm import MusicLSTMForCausalLM, MusicLSTMModel
    from .music_transformer.configuration_music_transformer import MusicTransformerConfig
    from .music_transformer.modeling_music_transformer import MusicTransformerForCausalLM, MusicTransformerModel

    AutoModel.register(MusicTransformerConfig, MusicTransformerModel, exist_ok=True)
    AutoModelForCausalLM.register(MusicTransformerConfig, MusicTransformerForCausalLM, exist_ok=True)
    AutoModel.register(MusicLSTMConfig, MusicLSTMModel, exist_ok=True)
    AutoModelForCausalLM.register(MusicLSTMConfig, MusicLSTMForCausalLM, exist_ok=True)


def register_processors() -> None:
    """Let `AutoProcessor` know which processor belongs to a model: every family uses the one `MusicProcessor`."""
    from transformers import AutoProcessor

    from symbolic_music.tokenization.processing_music import MusicProcessor

    from .music_lstm.configuration_music_lstm import MusicLSTMConfig
    from .music_transformer.configuration_music_transformer import MusicTransformerConfig

    for config in (MusicTransformerConfig, MusicLSTMConfig):
        AutoProcessor.register(config, MusicProcessor, exist_ok=True)


__all__ = ["register_configs", "register_models", "register_processors"]
