"""Writes a Hugging Face folder of random bfloat16 weights in the shape of a published 7B model.

    python bench/peers/random_folder.py --tokenizer FOLDER --out FOLDER [--layers 28]

The shape is Qwen2.5-Math-PRM-7B's, its two-layer head included; shards of about 4 GB. For
loading_bench: what the numbers are does not matter, how many they are does.
"""

import argparse
import json
import pathlib
import shutil

import torch
from safetensors.torch import save_file

CONFIG = dict(architectures=["Qwen2ForProcessRewardModel"], model_type="qwen2", hidden_size=3584,
              intermediate_size=18944, num_attention_heads=28, num_key_value_heads=4,
              vocab_size=152064, max_position_embeddings=4096, rms_norm_eps=1e-5, rope_theta=10000.0,
              tie_word_embeddings=False, hidden_act="silu", torch_dtype="bfloat16")
SHARD_BYTES = 4e9


def tensors(layers):
    d, f, kv, v = CONFIG["hidden_size"], CONFIG["intermediate_size"], 512, CONFIG["vocab_size"]
    yield "model.embed_tokens.weight", (v, d)
    for i in range(layers):
        prefix = f"model.layers.{i}."
        for name, rows in (("q", d), ("k", kv), ("v", kv)):
            yield f"{prefix}self_attn.{name}_proj.weight", (rows, d)
            yield f"{prefix}self_attn.{name}_proj.bias", (rows,)
        yield prefix + "self_attn.o_proj.weight", (d, d)
        yield prefix + "mlp.gate_proj.weight", (f, d)
        yield prefix + "mlp.up_proj.weight", (f, d)
        yield prefix + "mlp.down_proj.weight", (d, f)
        yield prefix + "input_layernorm.weight", (d,)
        yield prefix + "post_attention_layernorm.weight", (d,)
    yield "model.norm.weight", (d,)
    for name, shape in (("score.0", (d, d)), ("score.2", (2, d))):
        yield name + ".weight", shape
        yield name + ".bias", shape[:1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tokenizer", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--layers", type=int, default=28)
    args = parser.parse_args()
    args.out.mkdir(parents=True)
    generator = torch.Generator().manual_seed(1)
    pool = torch.randn(1 << 24, generator=generator).mul_(0.02).bfloat16()
    shards, size = [{}], 0
    for name, shape in tensors(args.layers):
        count = torch.Size(shape).numel()
        if 2 * (size + count) > SHARD_BYTES:
            save_file(shards[-1], args.out / f"model-{len(shards)}.safetensors", {"format": "pt"})
            shards[-1] = dict.fromkeys(shards[-1])
            shards.append({})
            size = 0
        values = pool.repeat(-(-count // len(pool)))[:count].view(shape).clone()
        shards[-1][name] = torch.ones_like(values) if "norm" in name else values
        size += count
    save_file(shards[-1], args.out / f"model-{len(shards)}.safetensors", {"format": "pt"})
    weight_map = {name: f"model-{i}.safetensors" for i, shard in enumerate(shards, 1) for name in shard}
    (args.out / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    (args.out / "config.json").write_text(json.dumps({**CONFIG, "num_hidden_layers": args.layers}))
    for file in args.tokenizer.glob("tokenizer*"):
        shutil.copy(file, args.out)


if __name__ == "__main__":
    main()
