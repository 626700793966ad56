#include "model/config/published_formats.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "data/io/text_io.h"
#include "model/config/json_fields.h"
#include "model/config/scoring_json.h"

namespace prm {
namespace {

using nlohmann::json;

// "{bos}" is the tokenizer's BOS if it has one; "{bos?}" only if its model also expects it.
// Numbered formats add "Step 1: " etc. themselves; steps that already have it keep theirs.
constexpr PublishedFormat kFormats[] = {
    {"qwen-prm", R"json({
  "about": "Qwen2.5-Math-PRM-7B and 72B, Qwen2.5-Math-7B-PRM800K: model card",
  "format": {
    "prompt": [["<|im_start|>"], "system\nPlease reason step by step, and put your final answer within \\boxed{}.",
               ["<|im_end|>"], "\n", ["<|im_start|>"], "user\n{problem}", ["<|im_end|>"], "\n",
               ["<|im_start|>"], "assistant\n"],
    "step": ["{step}", ["<extra_0>"]]
  },
  "head": {"layers": ["score.0", "score.2"], "activation": "softmax", "labels": ["wrong", "correct"]},
  "label_policy": {"redundant": "positive", "incomplete": "unknown", "after_first_error": "masked", "unlabelled": "masked"},
  "chat_template_has": ["<|im_start|>", "<|im_end|>"]
})json"},
    {"math-shepherd", R"json({
  "about": "peiyi9979/math-shepherd-mistral-7b-prm: model card",
  "format": {
    "prompt": [["{bos}"], "{problem} "],
    "step": ["Step {n}: {step}", ["▁ки"]],
    "between": ["\n"]
  },
  "head": {"layers": ["lm_head"], "outputs": ["▁+", "▁-"], "activation": "softmax", "labels": ["correct", "wrong"]}
})json"},
    {"rlhflow", R"json({
  "about": "RLHFlow/Llama3.1-8B-PRM-{Mistral,Deepseek}-Data: math-rm/prm_evaluate.py; earlier answers are always +",
  "format": {
    "prompt": [["<|begin_of_text|>", "<|start_header_id|>"], "system", ["<|end_header_id|>"],
               "\n\nCutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n",
               ["<|eot_id|>", "<|start_header_id|>"], "user", ["<|end_header_id|>"], "\n\n{problem} "],
    "step": ["{step}", ["<|eot_id|>", "<|start_header_id|>"], "assistant", ["<|end_header_id|>"], "\n\n"],
    "between": ["+", ["<|eot_id|>", "<|start_header_id|>"], "user", ["<|end_header_id|>"], "\n\n"],
    "trim": true
  },
  "head": {"layers": ["lm_head"], "outputs": ["+", "-"], "activation": "softmax", "labels": ["correct", "wrong"]},
  "chat_template_has": ["Cutting Knowledge Date: December 2023", "26 Jul 2024"]
})json"},
    {"skywork", R"json({
  "about": "Skywork/Skywork-o1-Open-PRM-Qwen-2.5-1.5B and 7B: skywork-o1-prm-inference; every line is ended, empty ones too; a value, not a class",
  "format": {
    "prompt": [["{bos}"], "{problem}\n"],
    "step": [{"alone": "{step}"}, ["\n"]],
    "by_line": true
  },
  "head": {"layers": ["v_head.summary"], "activation": "sigmoid"}
})json"},
    {"trl", R"json({
  "about": "Models trained by TRL's PRMTrainer with its default separator: tokenize_row",
  "format": {
    "prompt": [["{bos}"], {"alone": "{problem}"}],
    "step": [{"alone": "{step}"}, ["\n"]]
  },
  "head": {"layers": ["score"], "activation": "softmax", "labels": ["wrong", "correct"]}
})json"},
    {"pure", R"json({
  "about": "jinachris/PURE-PRM-7B; its authors report p(correct) - p(wrong) and cut at 0, which is p_correct at 0.5",
  "format": {
    "prompt": [{"alone": "{problem}"}],
    "step": [{"alone": "{step}"}, ["\n"]]
  },
  "head": {"layers": ["score"], "activation": "softmax", "labels": ["wrong", "correct"]},
  "label_policy": {"redundant": "positive", "incomplete": "unknown", "after_first_error": "unknown", "unlabelled": "masked"}
})json"},
    {"math-psa", R"json({
  "about": "openreasoner/Math-psa, an adapter of Qwen2.5-Math-7B: openr, prm/code/test_qwen.py",
  "format": {
    "prompt": ["{problem} "],
    "step": ["{step}", [" \n\n\n\n\n"]],
    "between": [" "]
  },
  "head": {"layers": ["lm_head"], "outputs": [" +", " -"], "activation": "softmax", "labels": ["correct", "wrong"]},
  "label_policy": {"redundant": "positive", "incomplete": "unknown", "after_first_error": "unknown", "unlabelled": "unknown"}
})json"},
    {"llemma-prm", R"json({
  "about": "ScalableMath/llemma-7b-prm-prm800k-level-1to3-hf: model card; read at the first newline after a step",
  "format": {
    "prompt": [["{bos}"], "# Question\n\n{problem}\n\n# Solution\n\n"],
    "step": ["{step}", ["<0x0A>"]],
    "between": [["<0x0A>"]]
  },
  "head": {"layers": ["lm_head"], "outputs": "mean", "activation": "sigmoid"}
})json"},
    {"reasoneval", R"json({
  "about": "GAIR/ReasonEval-34B: codes/examples.py; read at the last token of a step, separators removed; redundant above 0.15",
  "format": {
    "prompt": [["{bos}"], "Question:\n{problem}\nAnswer:\nLet's think step by step.\n"],
    "step": [{"alone": "{step}"}]
  },
  "head": {"layers": ["score_head"], "activation": "softmax",
           "labels": ["incorrect", "correct_redundant", "correct_necessary"]},
  "label_policy": {"redundant": "own_class", "incomplete": "unknown", "after_first_error": "unknown", "unlabelled": "masked"}
})json"},
    {"reasoneval-7b", R"json({
  "about": "GAIR/ReasonEval-7B: the same code, whose indices fall one token short where the separator is BOS",
  "format": {
    "prompt": [["{bos}"], "Question:\n{problem}\nAnswer:\nLet's think step by step.\n"],
    "step": [{"alone": "{step}"}],
    "read_back": 1
  },
  "head": {"layers": ["score_head"], "activation": "softmax",
           "labels": ["incorrect", "correct_redundant", "correct_necessary"]},
  "label_policy": {"redundant": "own_class", "incomplete": "unknown", "after_first_error": "unknown", "unlabelled": "masked"}
})json"},
    {"pqm", R"json({
  "about": "Windy0822/PQM with the [INST] prompt; a value that ranks steps, not a probability",
  "format": {
    "prompt": ["[INST] {problem} [/INST]"],
    "step": ["Step {n}: {step} ", ["[PRM]"]],
    "between": ["\n"]
  },
  "head": {"layers": ["v_head.summary"], "activation": "sigmoid"}
})json"},
    {"pqm-instruction", R"json({
  "about": "PQM with the prompt of its bon_eval_hf.py",
  "format": {
    "prompt": ["Below is an instruction that describes a task.\nWrite a response that appropriately completes the request.\n\n### Instruction:\n{problem}\n\n### Response: Let's think step by step\n"],
    "step": ["Step {n}: {step} ", ["[PRM]"]],
    "between": ["\n"],
    "trim": true
  },
  "head": {"layers": ["v_head.summary"], "activation": "sigmoid"}
})json"},
    {"er-prm", R"json({
  "about": "HanningZhang/Llama3.1-Math-PRM (ER-PRM): evaluation/evaluate_math_reward_model.py",
  "format": {
    "prompt": [["{bos?}"], "{problem} "],
    "step": ["Step {n}: {step}", [" ки"]]
  },
  "head": {"layers": ["lm_head"], "outputs": [" +", " -"], "activation": "softmax", "labels": ["correct", "wrong"]}
})json"},
    {"versaprm", R"json({
  "about": "UW-Madison-Lee-Lab/VersaPRM, an adapter of Llama-PRM800K: model card",
  "format": {
    "prompt": [["{bos?}"], "{problem} \n\n"],
    "step": ["{step}", [" \n\n\n\n"]]
  },
  "head": {"layers": ["lm_head"], "outputs": ["-", "+"], "activation": "softmax", "labels": ["wrong", "correct"]}
})json"},
    {"fover", R"json({
  "about": "ryokamoi/Llama-3.1-8B-FoVer-PRM: preprocessing.py, with its typo; earlier answers are always correct",
  "format": {
    "prompt": [["<|begin_of_text|>", "<|start_header_id|>"], "system", ["<|end_header_id|>"],
               "\n\nCutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n",
               ["<|eot_id|>", "<|start_header_id|>"], "user", ["<|end_header_id|>"],
               "\n\n** Problem **\n{problem}\n\n** Task **\nYour task is to evaluate the accuracy of each step in the provided solution to the above question. For each step, respond with \"correct\" if the reasoning is logically valid and mathematically sound, or if the step is a general statement or transition that does not contain reasoning. Respond with \"incorrect\" if the step includes any errors or flawed logic.\n\n** Sotluion **\n"],
    "step": ["{step}", ["<|eot_id|>", "<|start_header_id|>"], "assistant", ["<|end_header_id|>"], "\n\n"],
    "between": ["correct", ["<|eot_id|>", "<|start_header_id|>"], "user", ["<|end_header_id|>"], "\n\n"],
    "trim": true
  },
  "head": {"layers": ["lm_head"], "outputs": ["incorrect", "correct"], "activation": "softmax", "labels": ["wrong", "correct"]},
  "chat_template_has": ["Cutting Knowledge Date: December 2023", "26 Jul 2024"]
})json"},
    {"fover-qwen", R"json({
  "about": "ryokamoi/Qwen-2.5-7B-FoVer-PRM: the same in the chat form of Qwen2.5",
  "format": {
    "prompt": [["<|im_start|>"], "system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
               ["<|im_end|>"], "\n", ["<|im_start|>"],
               "user\n** Problem **\n{problem}\n\n** Task **\nYour task is to evaluate the accuracy of each step in the provided solution to the above question. For each step, respond with \"correct\" if the reasoning is logically valid and mathematically sound, or if the step is a general statement or transition that does not contain reasoning. Respond with \"incorrect\" if the step includes any errors or flawed logic.\n\n** Sotluion **\n"],
    "step": ["{step}", ["<|im_end|>"], "\n", ["<|im_start|>"], "assistant\n"],
    "between": ["correct", ["<|im_end|>"], "\n", ["<|im_start|>"], "user\n"]
  },
  "head": {"layers": ["lm_head"], "outputs": ["incorrect", "correct"], "activation": "softmax", "labels": ["wrong", "correct"]},
  "chat_template_has": ["You are Qwen, created by Alibaba Cloud. You are a helpful assistant."]
})json"},
    {"actprm", R"json({
  "about": "sail/ActPRM and ActPRM-X: ActivePRM, test_actprm_on_processbench.py; the mean of 32 heads",
  "format": {
    "prompt": [["<|im_start|>"], "system\nYou are a helpful and harmless assistant. You should think step-by-step and put your final answer within \\boxed{}.",
               ["<|im_end|>"], "\n", ["<|im_start|>"], "user\n{problem}", ["<|im_end|>"], "\n",
               ["<|im_start|>"], "assistant\n"],
    "step": ["{step}", ["<extra_0>"]],
    "trim": true
  },
  "head": {"layers": ["score.model.nn1", "score.model.nn2", "score.model.nn_out"], "activation": "sigmoid",
           "unused": ["score.reg_model."]},
  "chat_template_has": ["<|im_start|>", "<|im_end|>"]
})json"},
    {"implicit", R"json({
  "about": "EurusPRM and other implicit PRMs, with --reference: authors' beta 0.001; the sum begins with the newline after assistant; steps end before the blank line",
  "format": {
    "prompt": [["<|im_start|>"], "system\nPlease reason step by step, and put your final answer within \\boxed{}.",
               ["<|im_end|>"], "\n", ["<|im_start|>"], "user\n{problem}", ["<|im_end|>"], "\n",
               ["<|im_start|>"], {"alone": "assistant"}, "\n"],
    "step": ["{step}"],
    "between": [["\n\n"]]
  },
  "head": {"implicit": {"beta": 0.001}},
  "chat_template_has": ["Please reason step by step, and put your final answer within \\\\boxed{}."]
})json"},
};

}  // namespace

std::span<const PublishedFormat> PublishedFormats() { return kFormats; }

FormatFile ParseFormatFile(std::string_view text, const TokenNames& names, std::string_view where) {
  const json document = ParseJson(text, where);
  const JsonFields fields(document, std::string(where));
  fields.RefuseOthers(
      {"about", "format", "head", "label_policy", "threshold", "chat_template_has"});
  FormatFile file;
  if (fields.Has("about")) file.about = fields.String("about");
  file.scoring = ParseScoringFormat(fields, &names);
  if (!fields.Has("chat_template_has")) return file;
  for (const json& part : fields.Array("chat_template_has")) {
    if (!part.is_string()) fields.Fail("chat_template_has", "an array of texts");
    file.chat_template_has.push_back(part.get<std::string>());
  }
  return file;
}

FormatFile FindFormat(const std::string& name_or_path, const TokenNames& names) {
  const auto formats = PublishedFormats();
  const auto found = std::ranges::find(formats, name_or_path, &PublishedFormat::name);
  if (found != formats.end()) {
    return ParseFormatFile(found->json, names, "format " + name_or_path);
  }
  if (name_or_path.ends_with(".json")) {
    return ParseFormatFile(ReadFile(name_or_path), names, name_or_path);
  }
  std::string known;
  for (const PublishedFormat& format : formats) known += StrCat(format.name, ", ");
  throw OptionError(StrCat("no format '", name_or_path, "'; known are ", known,
                           "or the path of a format file that ends in .json"));
}

}  // namespace prm
