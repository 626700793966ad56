"""Writes peft_merge.json.xz: tiny bases with LoRA adapters, and what peft's merge_and_unload() makes of them.

    pip install torch transformers==5.17.0 peft==0.21.2
    python tests/golden/peft_merge.py

The files are those that save_pretrained() writes, in hexadecimal. The C++ side is tests/model/exchange/golden_peft_test.cc.
"""

import json
import lzma
import pathlib
import tempfile
import warnings

import peft
import safetensors.torch
import torch
import transformers

SIZES = dict(hidden_size=8, intermediate_size=12, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
             vocab_size=11, max_position_embeddings=64, attention_bias=True, tie_word_embeddings=False,
             bos_token_id=1, eos_token_id=2, pad_token_id=0)
GPT2 = dict(n_embd=8, n_layer=1, n_head=2, vocab_size=11, n_positions=16, bos_token_id=1, eos_token_id=2)
LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

# name: (task of the adapted model, base's dtype, LoraConfig)
CASES = {
    "plain": ("CAUSAL_LM", "float32", dict(r=3, lora_alpha=5, target_modules=["q_proj", "v_proj"])),
    "rank-stabilised with patterns": ("CAUSAL_LM", "float32", dict(
        r=4, lora_alpha=8, target_modules=LINEAR + ["lm_head"], use_rslora=True,
        # The first match counts, in the file; save_pretrained() sorts them.
        rank_pattern={"^model.layers.0.mlp.up_proj": 1, r"layers\.1\..*": 3, "proj": 7, "q_proj": 2},
        alpha_pattern={"mlp.(up|down)_proj": 3, "o_proj": 7, r".*\.0\.self_attn\.o_proj": 100})),
    "embedding and saved head": ("TOKEN_CLS", "float32", dict(
        r=2, lora_alpha=3, target_modules=["embed_tokens", "down_proj"], modules_to_save=["score", "norm"])),
    "saved output layer": ("CAUSAL_LM", "float32", dict(
        r=2, lora_alpha=3, target_modules=["k_proj"], modules_to_save=["lm_head", "embed_tokens"])),
    "dora": ("CAUSAL_LM", "float32", dict(
        r=2, lora_alpha=4, target_modules=LINEAR + ["embed_tokens"], use_dora=True)),
    "all biases": ("CAUSAL_LM", "float32", dict(r=2, target_modules=["q_proj", "gate_proj"], bias="all")),
    "biases of adapted layers": ("CAUSAL_LM", "float32", dict(r=2, target_modules=["q_proj"], bias="lora_only")),
    "bias of B": ("CAUSAL_LM", "float32", dict(
        r=2, lora_alpha=6, target_modules=["q_proj", "o_proj"], lora_bias=True)),
    "input first": ("GPT2", "float32", dict(r=2, lora_alpha=6, target_modules=["c_attn", "c_fc"], fan_in_fan_out=True)),
    "input first, dora": ("GPT2", "float32", dict(
        r=2, lora_alpha=6, target_modules=["c_attn"], fan_in_fan_out=True, use_dora=True)),
    "bfloat16": ("CAUSAL_LM", "bfloat16", dict(r=3, lora_alpha=5, target_modules=LINEAR)),
    "float16": ("CAUSAL_LM", "float16", dict(r=3, lora_alpha=5, target_modules=LINEAR)),
}


def randomise(model, scale, is_ours=lambda name: True):
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            if is_ours(name):
                noise = scale * torch.randn(parameter.shape)
                parameter.copy_(parameter.abs() + noise.abs() if "magnitude" in name else noise)


def load(task, folder, dtype):
    loader = (transformers.AutoModelForTokenClassification if task == "TOKEN_CLS" else
              transformers.AutoModelForCausalLM)
    return loader.from_pretrained(folder / "base", dtype=getattr(torch, dtype))


def case(task, dtype, settings):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        base = (transformers.GPT2LMHeadModel(transformers.GPT2Config(**GPT2)) if task == "GPT2" else
                transformers.LlamaForCausalLM(transformers.LlamaConfig(**SIZES)))
        randomise(base, 0.5)
        base.to(getattr(torch, dtype)).save_pretrained(folder / "base")
        kind = task if task != "GPT2" else "CAUSAL_LM"
        model = peft.get_peft_model(load(task, folder, dtype), peft.LoraConfig(task_type=kind, **settings))
        trained = {name for name, p in model.named_parameters() if p.requires_grad}
        randomise(model, 0.5, lambda name: name in trained)
        model.save_pretrained(folder / "adapter")
        model = peft.PeftModel.from_pretrained(load(task, folder, dtype), folder / "adapter")
        merged = model.merge_and_unload().state_dict()
        merged = {name: tensor.clone() for name, tensor in merged.items()}
        if task == "GPT2":
            # Tied: the base's file has one of the two.
            del merged["lm_head.weight"]
        read = lambda file: (folder / file).read_bytes().hex()
        return {"base": read("base/model.safetensors"),
                "config": (folder / "adapter/adapter_config.json").read_text().replace(name, ""),
                "adapter": read("adapter/adapter_model.safetensors"),
                "merged": safetensors.torch.save(merged).hex()}


def main():
    warnings.simplefilter("ignore")
    torch.manual_seed(1)
    text = json.dumps({name: case(*settings) for name, settings in CASES.items()})
    pathlib.Path(__file__).with_suffix(".json.xz").write_bytes(lzma.compress(text.encode(), preset=9))


if __name__ == "__main__":
    main()
