"""OpenVINO as a peer: the same torch module, converted with its head at the step positions."""

import openvino
import torch
from transformers import AttentionInterface

from step_model import load_model


def causal_attention(module, query, key, value, attention_mask, scaling=None, **_):
    """Like transformers' "sdpa", but without a mask, which tracing would make explicit."""
    del attention_mask
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    seen = torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True,
                                                            scale=scaling)
    return seen.transpose(1, 2).contiguous(), None


AttentionInterface.register("causal", causal_attention)


class StepLogits(torch.nn.Module):
    """Logits [S, classes] for ids [B, L] at the read rows and columns [S]."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids, rows, columns):
        hidden = self.model.model(input_ids=ids, use_cache=False).last_hidden_state
        return self.model.score(hidden[rows, columns])


class OpenVinoEngine:
    versions = {"openvino": openvino.__version__.split("-")[0]}

    def __init__(self, folder, dtype, threads):
        model = load_model(folder, torch.float32).eval()
        model.set_attn_implementation("causal")
        example = (torch.ones(2, 8, dtype=torch.long), torch.arange(2), torch.arange(2))
        with torch.no_grad():
            converted = openvino.convert_model(
                StepLogits(model), example_input=example,
                input=[openvino.PartialShape(shape) for shape in ([-1, -1], [-1], [-1])])
        precision = {"bfloat16": "bf16", "float32": "f32"}[dtype]
        self.compiled = openvino.Core().compile_model(converted, "CPU", {
            "INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads})

    def step_logits(self, batch, variant):
        del variant  # it only affects how batches are formed; all run through one graph
        outputs = self.compiled([batch.ids.numpy(), batch.rows.numpy(), batch.columns.numpy()])
        return torch.from_numpy(outputs[0]).float()
