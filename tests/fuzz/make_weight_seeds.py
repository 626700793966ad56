"""Writes the seeds of gguf_fuzz and safetensors_fuzz: tiny valid files.

    python tests/fuzz/make_weight_seeds.py      (needs numpy and safetensors)

The safetensors seed comes from the format's reference implementation; a test reads its values too.
"""

import pathlib
import struct

import numpy as np
import safetensors.numpy

SEEDS = pathlib.Path(__file__).parent / "seeds"


def text(value):
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def array(kind, items):
    return struct.pack("<IQ", kind, len(items)) + b"".join(items)


def gguf(version):
    """A one-layer llama of width 32, with a tokenizer of four tokens."""
    pairs = [
        ("general.architecture", 8, text("llama")),
        ("general.alignment", 4, struct.pack("<I", 32)),
        ("llama.block_count", 4, struct.pack("<I", 1)),
        ("llama.context_length", 4, struct.pack("<I", 64)),
        ("llama.embedding_length", 4, struct.pack("<I", 32)),
        ("llama.feed_forward_length", 4, struct.pack("<I", 32)),
        ("llama.attention.head_count", 4, struct.pack("<I", 2)),
        ("llama.attention.head_count_kv", 4, struct.pack("<I", 1)),
        ("llama.attention.layer_norm_rms_epsilon", 6, struct.pack("<f", 1e-5)),
        ("llama.rope.freq_base", 6, struct.pack("<f", 10000)),
        ("tokenizer.ggml.model", 8, text("gpt2")),
        ("tokenizer.ggml.pre", 8, text("smollm")),
        ("tokenizer.ggml.tokens", 9, array(8, [text(t) for t in ["<s>", "a", "b", "ab"]])),
        ("tokenizer.ggml.token_type", 9, array(5, [struct.pack("<i", t) for t in [3, 1, 1, 1]])),
        ("tokenizer.ggml.merges", 9, array(8, [text("a b")])),
        ("tokenizer.ggml.bos_token_id", 4, struct.pack("<I", 0)),
        ("tokenizer.ggml.eos_token_id", 4, struct.pack("<I", 0)),
        ("tokenizer.ggml.add_bos_token", 7, b"\x00"),
    ]
    rng = np.random.default_rng(version)
    shapes = {
        "token_embd.weight": ([32, 4], 8),
        "output_norm.weight": ([32], 0),
        "blk.0.attn_norm.weight": ([32], 0),
        "blk.0.attn_q.weight": ([32, 32], 3),
        "blk.0.attn_k.weight": ([32, 16], 2),
        "blk.0.attn_v.weight": ([32, 16], 1),
        "blk.0.attn_output.weight": ([32, 32], 30),
        "blk.0.ffn_norm.weight": ([32], 0),
        "blk.0.ffn_gate.weight": ([32, 32], 3),
        "blk.0.ffn_up.weight": ([32, 32], 2),
        "blk.0.ffn_down.weight": ([32, 32], 8),
    }
    bytes_per_32 = {0: 128, 1: 64, 2: 18, 3: 20, 8: 34, 30: 64}
    entries, data = b"", b""
    for name, (dims, kind) in shapes.items():
        data += bytes(-len(data) % 32)
        entries += text(name) + struct.pack("<I", len(dims))
        entries += b"".join(struct.pack("<Q", d) for d in dims)
        entries += struct.pack("<IQ", kind, len(data))
        data += rng.integers(0, 59, int(np.prod(dims)) // 32 * bytes_per_32[kind], np.uint8).tobytes()
    head = b"GGUF" + struct.pack("<IQQ", version, len(shapes), len(pairs))
    head += b"".join(text(key) + struct.pack("<I", kind) + value for key, kind, value in pairs)
    head += entries
    return head + bytes(-len(head) % 32) + data


def main():
    for version in (2, 3):
        (SEEDS / "gguf" / f"llama_v{version}").write_bytes(gguf(version))
    tensors = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.array([0.5, -1.25, 65504.0], dtype=np.float16),
        "positions": np.arange(3, dtype=np.int64),
        "empty": np.zeros((0, 4), dtype=np.float32),
    }
    safetensors.numpy.save_file(
        tensors, SEEDS / "safetensors" / "reference.safetensors", {"format": "pt"}
    )


if __name__ == "__main__":
    main()
