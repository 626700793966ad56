"""Writes a Hugging Face folder of random bfloat16 weights in the shape of a published model.

    python bench/peers/random_folder.py --shape SHAPE --out FOLDER [--tokenizer FOLDER] [--layers N]

For a bench the values do not matter, only their number. Shards have about 4 GB. qwen2.5-7b has the
shape of Qwen2.5-Math-PRM-7B with its two-layer head; the others have a linear head of four classes,
like transformers' token classification; tiny is for trial runs. Also writes format.json for
`prm model import --format`. Without --tokenizer it writes a byte tokenizer, for benches that feed ids.
Needs only Python.
"""

import argparse
import array
import json
import math
import pathlib
import random
import shutil

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
    "tiny": LLAMA | ID2LABEL | dict(
        architectures=["LlamaForTokenClassification"], num_hidden_layers=2, hidden_size=128,
        intermediate_size=256, num_attention_heads=2, num_key_value_heads=1, vocab_size=300,
        rms_norm_eps=1e-5, rope_theta=10000.0, tie_word_embeddings=True),
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
    """bfloat16 values of standard deviation 0.02 from a pool that is cycled, which is faster than
    drawing all; the pool's length is a prime, so that no two tensors are equal."""

    def __init__(self):
        draw = random.Random(1).gauss
        values = array.array("f", (draw(0, 0.02) for _ in range((1 << 20) - 3))).tobytes()
        self.pool = bytearray(len(values) // 2)
        self.pool[0::2], self.pool[1::2] = values[2::4], values[3::4]  # the upper halves
        self.next = 0

    def take(self, count):
        pool, begin = self.pool, self.next
        self.next = (begin + 2 * count) % len(pool)
        turned = pool[begin:] + pool[:begin]
        return (turned * (2 * count // len(pool) + 1))[:2 * count]


def shards(config):
    """Lists of (name, shape), each of at most SHARD_BYTES or of a single tensor."""
    shard, size = [], 0
    for name, shape in tensors(config):
        count = 2 * math.prod(shape)
        if shard and size + count > SHARD_BYTES:
            yield shard
            shard, size = [], 0
        shard.append((name, shape))
        size += count
    yield shard


def write_shard(path, shard, values):
    """Writes the layout of https://huggingface.co/docs/safetensors: a JSON header, then the data."""
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shard:
        begin, end = end, end + 2 * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, shape in shard:
            count = math.prod(shape)
            file.write(b"\x80\x3f" * count if "norm" in name else values.take(count))


def write_weights(config, folder):
    values, weight_map = RandomValues(), {}
    for i, shard in enumerate(shards(config), 1):
        write_shard(folder / f"model-{i}.safetensors", shard, values)
        weight_map |= {name: f"model-{i}.safetensors" for name, _ in shard}
    total = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": total}, "weight_map": weight_map}))


def write_byte_tokenizer(folder):
    """GPT-2's byte-level BPE alphabet: printable bytes as themselves, the others from U+0100."""
    printed = [*range(0x21, 0x7f), *range(0xa1, 0xad), *range(0xae, 0x100)]
    others = [byte for byte in range(256) if byte not in printed]
    alphabet = sorted([chr(byte) for byte in printed] + [chr(0x100 + n) for n in range(len(others))])
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
                  "use_regex": True}
    end = "<|endoftext|>"
    (folder / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "normalizer": None,
        "added_tokens": [{"id": 0, "content": end, "single_word": False, "lstrip": False,
                          "rstrip": False, "normalized": False, "special": True}],
        "pre_tokenizer": byte_level, "post_processor": None, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None,
                  "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": {piece: i for i, piece in enumerate([end, *alphabet])}, "merges": []}}))
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": end}))


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
