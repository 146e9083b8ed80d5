"""A real processor and a random model so small that generating takes milliseconds; for mechanics, not for music."""

from functools import cache

import torch
from made_up_music import melody_score, random_melody
from transformers import GPT2Config, GPT2LMHeadModel, MBartConfig, MBartForConditionalGeneration

from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings
from symbolic_music.models.music_transformer.configuration_music_transformer import MusicTransformerConfig
from symbolic_music.models.music_transformer.modeling_music_transformer import MusicTransformerForCausalLM
from symbolic_music.tokenization.build import build_remi_tokenizer, build_word_level_tokenizer, save_processor

CONTEXT = 160


@cache
def tiny_processor():
    return build_remi_tokenizer([melody_score(random_melody(seed)) for seed in range(3)], vocab_size=1440)


def tiny_model(processor, spare_ids=0, seed=0):
    """A model of random weights, large enough that its choices differ from step to step."""
    torch.manual_seed(seed)
    config = MusicTransformerConfig(
        vocab_size=len(processor.tokenizer) + spare_ids,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=CONTEXT,
        dropout=0.0,
    )
    model = MusicTransformerForCausalLM(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return model


def tiny_gpt2():
    """A stock GPT-2 over track text, and its processor."""
    settings = TrackTextSettings(lowest_pitch=60, highest_pitch=64, tempo_range=(118, 122), max_bars=4, max_tracks=2)
    processor = build_word_level_tokenizer(TrackTextCodec(settings))
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 900}
    return GPT2LMHeadModel(GPT2Config(vocab_size=len(processor.tokenizer), **sizes)), processor


def tiny_filler():
    """A stock GPT-2 that fills track text with masks, and its processor."""
    settings = TrackTextSettings(lowest_pitch=36, highest_pitch=84, max_bars=4, max_tracks=4, max_masks=16)
    processor = build_word_level_tokenizer(TrackTextCodec(settings))
    torch.manual_seed(0)
    sizes = {"n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 300}
    model = GPT2LMHeadModel(GPT2Config(vocab_size=len(processor.tokenizer), **sizes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return model, processor


def tiny_bart():
    """A stock mBART that fills track text with masks, and its processor."""
    settings = TrackTextSettings(lowest_pitch=60, highest_pitch=66, max_bars=4, max_tracks=2, max_masks=8)
    processor = build_word_level_tokenizer(TrackTextCodec(settings))
    ids = {f"{name}_token_id": getattr(processor.tokenizer, f"{name}_token_id") for name in ("pad", "bos", "eos")}
    sizes = {"d_model": 16, "max_position_embeddings": 200, "scale_embedding": True}
    sizes |= {f"{side}_{name}": 1 for side in ("encoder", "decoder") for name in ("layers", "attention_heads")}
    sizes |= {"encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "decoder_start_token_id": ids["bos_token_id"]}
    torch.manual_seed(0)
    model = MBartForConditionalGeneration(MBartConfig(vocab_size=len(processor.tokenizer), **sizes, **ids)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return model, processor


def save_checkpoint(folder):
    """A folder that the CLI and the pipeline load."""
    processor = tiny_processor()
    tiny_model(processor).save_pretrained(folder)
    save_processor(processor, folder)
    return folder
