#!/usr/bin/env python3
"""Writes a tiny, randomly initialised language model with a tokenizer, to try this skill without downloading one.

The tokenizer knows single bytes and a few marks of a conversation, so any text can be written with it. It knows a
chat template, but no words: the model learns short exercises, such as those of make_sample_data.py, and nothing more.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

MARKS = ("<pad>", "<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>")
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message.role }}|>{{ message.content }}"
    "{% if message.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def main() -> int:
    args = _arguments()
    if args.out_dir.exists() and any(args.out_dir.iterdir()):
        print(f"error: {args.out_dir} is not empty", file=sys.stderr)
        print("hint: name another folder, or remove this one", file=sys.stderr)
        return 2
    try:
        report = write(args.out_dir, args)
    except ImportError as error:
        print(f"error: not installed: {error.name}", file=sys.stderr)
        print('hint: pip install "tao-automl[llm-train]"', file=sys.stderr)
        return 2
    print(json.dumps(report) if args.format == "json" else "\n".join(f"{k}: {v}" for k, v in report.items()))
    return 0


def write(out: Path, args: argparse.Namespace) -> dict[str, Any]:
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")
    import torch

    transformers: Any = import_module("transformers")
    transformers.utils.logging.disable_progress_bar()
    tokenizer = _tokenizer()
    torch.manual_seed(args.seed)
    model = transformers.AutoModelForCausalLM.from_config(_config(args, len(tokenizer)))
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    (out / "model.safetensors").chmod((out / "config.json").stat().st_mode)  # safetensors leaves it to its owner
    return {
        "model_path": str(out.resolve()),
        "type": args.type,
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "vocabulary": len(tokenizer),
        "positions": args.positions,
    }


def _config(args: argparse.Namespace, vocabulary: int) -> Any:
    transformers: Any = import_module("transformers")
    marks = {"vocab_size": vocabulary, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    if args.type == "gpt2":
        return transformers.GPT2Config(
            n_embd=args.width, n_layer=args.layers, n_head=args.heads, n_positions=args.positions, **marks
        )
    return transformers.LlamaConfig(
        hidden_size=args.width,
        intermediate_size=args.width * 2,
        num_hidden_layers=args.layers,
        num_attention_heads=args.heads,
        num_key_value_heads=max(1, args.heads // 2),
        max_position_embeddings=args.positions,
        tie_word_embeddings=True,
        **marks,
    )


def _tokenizer() -> Any:
    """Bytes without merges, and a start token before every text."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*MARKS, *letters])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", vocabulary["<s>"])]
    )
    tokenizer.add_special_tokens([AddedToken(mark, special=True) for mark in MARKS])
    transformers: Any = import_module("transformers")
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out_dir", type=Path, metavar="OUT_DIR")
    parser.add_argument("--type", choices=("llama", "gpt2"), default="llama")
    parser.add_argument("--width", type=int, default=64, help="a multiple of 2 x heads; default 64")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--positions", type=int, default=128, help="longest sequence in tokens; default 128")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--format", choices=("json", "text"), default="json")
    args = parser.parse_args()
    for name, least in (("width", 2), ("layers", 1), ("heads", 1), ("positions", 8)):
        if getattr(args, name) < least:
            parser.error(f"--{name} must be at least {least}, got {getattr(args, name)}")
    if args.width % (2 * args.heads):
        parser.error(f"--width must be a multiple of {2 * args.heads}, twice --heads, got {args.width}")
    return args


if __name__ == "__main__":
    sys.exit(main())
