"""A queue of training jobs for a machine with one GPU, torch and transformers, and no network.

Here, music is packed and models are put together again (`data.packing`, `returned`). There, all else runs, and imports
no library that reads music: numpy, torch, transformers, tokenizers and safetensors are enough.
"""
