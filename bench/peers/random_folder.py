"""Writes a Hugging Face folder of random bfloat16 weights in the shape of a published model.

    python bench/peers/random_folder.py --shape SHAPE --out FOLDER [--tokenizer FOLDER] [--layers N]

What the numbers are does not matter to a bench, how many they are does; shards of about 4 GB.
qwen2.5-7b is Qwen2.5-Math-PRM-7B with its two-layer head; the others have a linear head of four
classes, as transformers' token classification does. Beside the weights lies format.json for
`prm import --format`. Without --tokenizer, one of bytes is written, for benches that feed ids.
"""

import argparse
import json
import pathlib
import shutil

import tokenizers
import torch
from safetensors.torch import save_file

QWEN2 = dict(model_type="qwen2", max_position_embeddings=4096, hidden_act="silu",
             torch_dtype="bfloat16")
LLAMA = QWEN2 | dict(model_type="llama", attention_bias=False)
LABELS = ["correct_necessary", "correct_redundant", "incorrect", "incomplete"]
ID2LABEL = {"id2label": dict(enumerate(LABELS))}
SHAPES = {
    "qwen2.5-7b": QWEN2 | dict(
        architectures=["Qwen2ForProcessRewardModel"], num_hidden_layers=28, hidden_size=3584,
        intermediate_size=18944, num_attention_heads=28, num_key_value_heads=4, vocab_size=152064,
        rms_norm_eps=1e-5, rope_theta=10000.0, tie_word_embeddings=False),
    "qwen2-0.5b": QWEN2 | ID2LABEL | dict(
        architectures=["Qwen2ForTokenClassification"], num_hidden_layers=24, hidden_size=896,
        intermediate_size=4864, num_attention_heads=14, num_key_value_heads=2, vocab_size=151936,
        rms_norm_eps=1e-6, rope_theta=1000000.0, tie_word_embeddings=True),
    "smollm2-135m": LLAMA | ID2LABEL | dict(
        architectures=["LlamaForTokenClassification"], num_hidden_layers=30, hidden_size=576,
        intermediate_size=1536, num_attention_heads=9, num_key_value_heads=3, vocab_size=49152,
        rms_norm_eps=1e-5, rope_theta=100000.0, tie_word_embeddings=True),
}
SHARD_BYTES = 4e9


def head_layers(config):
    """[(name, (outputs, inputs))]"""
    d = config["hidden_size"]
    if "id2label" in config:
        return [("score", (len(LABELS), d))]
    return [("score.0", (d, d)), ("score.2", (2, d))]


def tensors(config):
    """(name, shape) of every tensor; tied weights have no output layer, and no PRM needs one."""
    d, f, v = (config[key] for key in ("hidden_size", "intermediate_size", "vocab_size"))
    kv = d // config["num_attention_heads"] * config["num_key_value_heads"]
    yield "model.embed_tokens.weight", (v, d)
    for i in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{i}."
        for name, rows in (("q", d), ("k", kv), ("v", kv)):
            yield f"{prefix}self_attn.{name}_proj.weight", (rows, d)
            if config["model_type"] == "qwen2":
                yield f"{prefix}self_attn.{name}_proj.bias", (rows,)
        yield prefix + "self_attn.o_proj.weight", (d, d)
        yield prefix + "mlp.gate_proj.weight", (f, d)
        yield prefix + "mlp.up_proj.weight", (f, d)
        yield prefix + "mlp.down_proj.weight", (d, f)
        yield prefix + "input_layernorm.weight", (d,)
        yield prefix + "post_attention_layernorm.weight", (d,)
    yield "model.norm.weight", (d,)
    for name, shape in head_layers(config):
        yield name + ".weight", shape
        yield name + ".bias", shape[:1]


class RandomValues:
    """Values of standard deviation 0.02 out of a pool that is gone through again and again, which is
    faster than drawing all; its length shares no factor with a tensor's, so that no two are alike."""

    def __init__(self):
        generator = torch.Generator().manual_seed(1)
        self.pool = torch.randn((1 << 24) - 3, generator=generator).mul_(0.02).bfloat16()
        self.next = 0

    def take(self, shape):
        count = torch.Size(shape).numel()
        rolled = self.pool.roll(-self.next)
        self.next = (self.next + count) % len(self.pool)
        return rolled.repeat(-(-count // len(rolled)))[:count].view(shape).clone()


def write_weights(config, folder):
    random = RandomValues()
    shards, size = [{}], 0
    for name, shape in tensors(config):
        count = torch.Size(shape).numel()
        if 2 * (size + count) > SHARD_BYTES:
            save_file(shards[-1], folder / f"model-{len(shards)}.safetensors", {"format": "pt"})
            shards[-1] = dict.fromkeys(shards[-1])
            shards.append({})
            size = 0
        shards[-1][name] = (torch.ones(shape, dtype=torch.bfloat16) if "norm" in name
                            else random.take(shape))
        size += count
    save_file(shards[-1], folder / f"model-{len(shards)}.safetensors", {"format": "pt"})
    weight_map = {name: f"model-{i}.safetensors" for i, shard in enumerate(shards, 1) for name in shard}
    total = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": total}, "weight_map": weight_map}))


def write_byte_tokenizer(folder):
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {piece: i for i, piece in enumerate(["<|endoftext|>", *alphabet])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, merges=[]))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>"}))


def write_format(config, folder):
    labels = LABELS if "id2label" in config else ["wrong", "correct"]
    (folder / "format.json").write_text(json.dumps(
        {"format": {"prompt": ["{problem}", ["\n"]], "step": ["{step}", ["\n"]]},
         "head": {"layers": [name for name, _ in head_layers(config)], "activation": "softmax",
                  "labels": labels}}))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--tokenizer", type=pathlib.Path, help="folder with tokenizer*.json")
    parser.add_argument("--layers", type=int)
    args = parser.parse_args()
    config = dict(SHAPES[args.shape])
    if args.layers:
        config["num_hidden_layers"] = args.layers
    args.out.mkdir(parents=True)
    write_weights(config, args.out)
    (args.out / "config.json").write_text(json.dumps(config))
    write_format(config, args.out)
    if args.tokenizer:
        for file in args.tokenizer.glob("tokenizer*"):
            shutil.copy(file, args.out)
    else:
        write_byte_tokenizer(args.out)


if __name__ == "__main__":
    main()
