"""Symbolic music language models, native to the Hugging Face ecosystem."""

__version__ = "0.1.0"
