"""Writes families.json.xz: step scores of tiny models of every decoder family with every head.

    pip install torch transformers==5.17.0
    python tests/golden/families.py

The backbones are those of transformers. No weights are stored: both sides make them from the tensor's name (splitmix64), and token ids from
the trace's number. The C++ side is tests/model/decoder/golden_families_test.cc.
"""

import json
import lzma
import pathlib

import numpy as np
import torch
import transformers

COMMON = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
              num_key_value_heads=2, head_dim=16, vocab_size=97, max_position_embeddings=2048,
              rms_norm_eps=1e-5, bos_token_id=1, eos_token_id=2, pad_token_id=0)
ROPE = dict(rope_theta=10000.0)


def rope(kind, **values):
    return {"rope_parameters": {**ROPE, "rope_type": kind, **values}}


# name: (transformers' class prefix, what differs from COMMON)
FAMILIES = {
    "llama": ("Llama", {}),
    "llama with biases": ("Llama", dict(attention_bias=True, mlp_bias=True)),
    "llama, linear rope": ("Llama", rope("linear", factor=4.0)),
    "llama, dynamic rope": ("Llama", {**rope("dynamic", factor=4.0), "max_position_embeddings": 512}),
    "llama, llama3 rope": ("Llama", rope("llama3", factor=8.0, low_freq_factor=1.0,
                                         high_freq_factor=4.0, original_max_position_embeddings=256)),
    "llama, yarn rope": ("Llama", rope("yarn", factor=4.0, original_max_position_embeddings=512)),
    "mistral": ("Mistral", dict(sliding_window=100)),
    "mistral without a window": ("Mistral", dict(sliding_window=None)),
    "qwen2": ("Qwen2", dict(tie_word_embeddings=True, head_dim=None)),
    "qwen2 with windows": ("Qwen2", dict(use_sliding_window=True, sliding_window=64,
                                         max_window_layers=1, head_dim=None)),
    "qwen3": ("Qwen3", {}),
    "gemma2": ("Gemma2", dict(sliding_window=64, query_pre_attn_scalar=24,
                              attn_logit_softcapping=3.0, final_logit_softcapping=5.0)),
    "phi3": ("Phi3", dict(sliding_window=128, head_dim=None)),
}
# Traces of each batch by their lengths; the first alone must show planted faults.
BATCHES = [[1, 3, 64, 200, 600], [2048], [1 + (37 * i) % 191 for i in range(32)]]
READS = 3  # of a trace, at most

FOUR = ["correct_necessary", "correct_redundant", "incorrect", "incomplete"]
# name: ("head" of a prm.json, shapes of its tensors with D for the hidden size)
HEADS = {
    "four labels": (dict(layers=["score"], activation="softmax", labels=FOUR),
                    {"score.weight": [4, "D"], "score.bias": [4]}),
    "two layers": (dict(layers=["score.0", "score.2"], activation="softmax", labels=["wrong", "correct"]),
                   {"score.0.weight": [24, "D"], "score.0.bias": [24], "score.2.weight": [2, 24],
                    "score.2.bias": [2]}),
    "value": (dict(layers=["v_head.summary"], activation="sigmoid"),
              {"v_head.summary.weight": [1, "D"], "v_head.summary.bias": [1]}),
    "three classes": (dict(layers=["score_head"], activation="softmax",
                           labels=["incorrect", "correct_redundant", "correct_necessary"]),
                      {"score_head.weight": [3, "D"]}),
    "ensemble": (dict(layers=["score.model.nn1", "score.model.nn2", "score.model.nn_out"],
                      activation="sigmoid"),
                 {"score.model.nn1.weight": [5, "D", 8], "score.model.nn1.bias": [5, 8],
                  "score.model.nn2.weight": [5, 8, 8], "score.model.nn2.bias": [5, 8],
                  "score.model.nn_out.weight": [5, 8, 1], "score.model.nn_out.bias": [5, 1]}),
    "two tokens": (dict(layers=["lm_head"], outputs=[48, 87], activation="softmax",
                        labels=["correct", "wrong"]), {}),
    "sum of tokens": (dict(layers=["lm_head"], outputs=[12, 10, 11, 90], activation="softmax",
                           labels=["wrong", "correct", "correct", "wrong"]), {}),
    "mean of logits": (dict(layers=["lm_head"], outputs="mean", activation="sigmoid"), {}),
}


def splitmix64(seed, count):
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def fnv1a(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def weights(name, shape, norm_offset):
    """Uniform: linear layers keep the variance of their input, norms lie around 1."""
    count = int(np.prod(shape))
    unit = (splitmix64(fnv1a(name), count) >> np.uint64(40)).astype(np.float64) / 2**23 - 1
    if "norm" in name:
        value = 1 + 0.3 * unit - norm_offset
    elif len(shape) == 1:
        value = 0.2 * unit
    elif name == "model.embed_tokens.weight":
        value = unit
    else:
        value = unit * (3 / shape[-1]) ** 0.5
    return torch.tensor(value.astype(np.float32).reshape(shape))


def traces():
    number = 0
    for batch in BATCHES:
        for length in batch:
            ids = splitmix64(number, length) % np.uint64(COMMON["vocab_size"])
            reads = sorted({length - 1, length // 2, length // 5})[-READS:]
            yield ids.astype(np.int64), reads
            number += 1


def probabilities(head, tensors, hidden, logits):
    """p_correct [S], or [S, 4] in the order of FOUR where the labels are among them."""
    def layer(x, name):
        weight, bias = tensors[name + ".weight"], tensors.get(name + ".bias")
        if weight.dim() == 2:
            return torch.nn.functional.linear(x, weight, bias)
        return torch.einsum("ebl,elm->ebm", x.expand(len(weight), -1, -1), weight) + bias[:, None]

    if head["layers"] == ["lm_head"]:
        out = logits.mean(-1, True) if head["outputs"] == "mean" else logits[:, head["outputs"]]
    else:
        out = hidden
        for i, name in enumerate(head["layers"]):
            out = layer(out.relu() if i else out, name)
        if out.dim() == 3:
            out = out.squeeze(-1).T
    if head["activation"] == "sigmoid":
        return out.sigmoid().mean(-1)
    labels, probs = head["labels"], out.softmax(-1)
    if set(labels) <= set(FOUR):
        return torch.stack([probs[:, labels.index(l)] if l in labels else 0 * probs[:, 0] for l in FOUR], 1)
    return sum(probs[:, i] for i, l in enumerate(labels) if l == "correct")


def rounded(values):
    return [rounded(v) for v in values] if isinstance(values, list) else round(values, 7)


def score(prefix, changes):
    settings = {k: v for k, v in {**COMMON, **changes}.items() if (k, v) != ("head_dim", None)}
    config = getattr(transformers, prefix + "Config")(**settings)
    config._attn_implementation = "eager"
    model = getattr(transformers, prefix + "ForCausalLM")(config).float().eval()
    offset = 1.0 if prefix == "Gemma2" else 0.0
    scores = {name: [] for name in HEADS}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weights(name, list(parameter.shape), offset))
        for ids, reads in traces():
            # A dynamic rope remembers the longest trace it has seen.
            model.model.rotary_emb = type(model.model.rotary_emb)(config)
            out = model(torch.tensor(ids)[None], output_hidden_states=True)
            hidden, logits = out.hidden_states[-1][0, reads], out.logits[0, reads]
            for name, (head, shapes) in HEADS.items():
                tensors = {n: weights(n, [config.hidden_size if d == "D" else d for d in shape], 0)
                           for n, shape in shapes.items()}
                probs = probabilities(head, tensors, hidden, logits)
                scores[name].append(rounded(probs.tolist()))
    if getattr(config, "final_logit_softcapping", None):
        del scores["mean of logits"]  # of capped logits: not computed without all of them
    written = config.to_dict()
    written["architectures"] = [prefix + "ForCausalLM"]
    for key in ("_name_or_path", "transformers_version", "id2label", "label2id"):
        written.pop(key, None)
    return {"config": written, "scores": scores}


def main():
    cases = {name: score(*family) for name, family in FAMILIES.items()}
    heads = {name: {"head": head, "tensors": shapes} for name, (head, shapes) in HEADS.items()}
    text = json.dumps({"batches": BATCHES, "heads": heads, "cases": cases})
    pathlib.Path(__file__).with_suffix(".json.xz").write_bytes(lzma.compress(text.encode()))


if __name__ == "__main__":
    main()
