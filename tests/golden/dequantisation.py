"""Writes dequantisation.json: blocks of each stored type with their values by numpy.

    python tests/golden/dequantisation.py --gguf SmolLM2-135M-Instruct.Q4_1.gguf

The formulas are those of the GGUF specification, written here independently of the C++ code. The
values of the real file are found by walking it with struct alone.
"""

import argparse
import json
import pathlib
import struct

import numpy as np

BLOCK_BYTES = {"F32": 4, "F16": 2, "BF16": 2, "Q4_0": 18, "Q4_1": 20, "Q8_0": 34}
NAMES = {0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 8: "Q8_0", 30: "BF16"}


def dequantise(kind, raw):
    if kind == "F32":
        return np.frombuffer(raw, "<f4").astype(np.float64)
    if kind == "F16":
        return np.frombuffer(raw, "<f2").astype(np.float64)
    if kind == "BF16":
        wide = np.zeros((len(raw) // 2, 2), "<u2")
        wide[:, 1] = np.frombuffer(raw, "<u2")
        return wide.reshape(-1).view("<f4").astype(np.float64)
    blocks = np.frombuffer(raw, np.uint8).reshape(-1, BLOCK_BYTES[kind])
    scale = blocks[:, :2].copy().view("<f2").astype(np.float64)
    if kind == "Q8_0":
        return (scale * blocks[:, 2:].copy().view(np.int8)).reshape(-1)
    packed = blocks[:, 2:] if kind == "Q4_0" else blocks[:, 4:]
    quants = np.concatenate([packed % 16, packed // 16], axis=1).astype(np.float64)
    if kind == "Q4_0":
        return (scale * (quants - 8)).reshape(-1)
    minimum = blocks[:, 2:4].copy().view("<f2").astype(np.float64)
    return (scale * quants + minimum).reshape(-1)


def synthetic_cases():
    rng = np.random.default_rng(7)
    for kind, size in BLOCK_BYTES.items():
        if kind in ("F32", "F16", "BF16"):
            values = np.array([0.0, -0.0, 1.0, -2.5, 6.0e-8, 3.0e-5, 65504.0, 0.1, -1e-3])
            if kind == "F32":
                raw = values.astype("<f4").tobytes()
            elif kind == "F16":
                raw = values.astype("<f2").tobytes()
            else:
                raw = (values.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()
        else:
            blocks = rng.integers(0, 256, (2, size), np.uint8)
            blocks[:, :2] = np.array([0.0123, -1.5], "<f2").view(np.uint8).reshape(2, 2)
            if kind == "Q4_1":
                blocks[:, 2:4] = np.array([-0.75, 0.004], "<f2").view(np.uint8).reshape(2, 2)
            raw = blocks.tobytes()
        yield {"type": kind, "hex": raw.hex(), "values": dequantise(kind, raw).tolist()}


class Walker:
    def __init__(self, raw):
        self.raw, self.at = raw, 0

    def take(self, form):
        value = struct.unpack_from("<" + form, self.raw, self.at)[0]
        self.at += struct.calcsize("<" + form)
        return value

    def string(self):
        length = self.take("Q")
        self.at += length
        return self.raw[self.at - length : self.at].decode("utf-8")

    def skip_value(self, kind):
        if kind == 8:
            self.string()
        elif kind == 9:
            element, count = self.take("I"), self.take("Q")
            for _ in range(count):
                self.skip_value(element)
        else:
            self.at += {0: 1, 1: 1, 2: 2, 3: 2, 7: 1, 10: 8, 11: 8, 12: 8}.get(kind, 4)


def real_cases(path):
    walk = Walker(path.read_bytes())
    walk.at = 8
    tensors, keys = walk.take("Q"), walk.take("Q")
    for _ in range(keys):
        walk.string()
        walk.skip_value(walk.take("I"))
    entries = {}
    for _ in range(tensors):
        name = walk.string()
        dims = [walk.take("Q") for _ in range(walk.take("I"))]
        entries[name] = (dims, NAMES[walk.take("I")], walk.take("Q"))
    start = (walk.at + 31) // 32 * 32
    wanted = {
        "token_embd.weight": "model.embed_tokens.weight",
        "blk.0.attn_q.weight": "model.layers.0.self_attn.q_proj.weight",
        "blk.29.ffn_down.weight": "model.layers.29.mlp.down_proj.weight",
        "output_norm.weight": "model.norm.weight",
    }
    for name, hf_name in wanted.items():
        dims, kind, offset = entries[name]
        count = int(np.prod(dims))
        size = count // (1 if kind in ("F32", "F16", "BF16") else 32) * BLOCK_BYTES[kind]
        values = dequantise(kind, walk.raw[start + offset : start + offset + size])
        picks = [0, 1, 17, count // 3, count // 2 + 5, count - 1]
        yield {
            "name": hf_name,
            "shape": dims[::-1],
            "at": picks,
            "values": [values[i] for i in picks],
            "absolute_sum": float(np.abs(values).sum()),
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gguf", type=pathlib.Path, required=True)
    args = parser.parse_args()
    out = {"blocks": list(synthetic_cases()), "smollm2": list(real_cases(args.gguf))}
    target = pathlib.Path(__file__).with_suffix(".json")
    target.write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
