#include "model/exchange/model_card.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>
#include <vector>

#include "data/error.h"
#include "data/text/utf8.h"
#include "model/config/scoring_format.h"
#include "model/config/scoring_json.h"

namespace prm {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

// A JSON string is also a Python string.
std::string Quoted(std::string_view text) { return json(text).dump(); }

std::string Code(std::string_view text) { return StrCat("`", text, "`"); }

// --- in words ------------------------------------------------------------------------------------

std::string_view MeaningOf(std::string_view label) {
  if (label == "correct_necessary") return "right, and the solution needs it";
  if (label == "correct_redundant") return "right, but repeats or adds nothing that is used";
  if (label == "incorrect") return "wrong";
  if (label == "incomplete") return "breaks off before it states its result";
  return label == "correct" ? "right" : "wrong";
}

std::string Labels(const PrmJson& prm) {
  std::string text =
      "## Labels\n\nThe outputs are a softmax over these labels:\n\n"
      "| output | label | a step that is ... |\n|---|---|---|\n";
  std::string correct;
  for (size_t k = 0; k < prm.head.labels.size(); ++k) {
    const std::string& label = prm.head.labels[k];
    text += StrCat("| ", k, " | ", Code(label), " | ", MeaningOf(label), " |\n");
    if (label.starts_with("correct")) correct += (correct.empty() ? "" : " + ") + label;
  }
  return text + StrCat("\n`p_correct` = ", correct, "; a step whose `p_correct` is below ",
                       prm.threshold, " is judged wrong.\n\nLabel policy of the training: ",
                       LabelPolicyString(prm.label_policy), ".\n");
}

// "token 198 (`"\n"`)"
std::string TokensInWords(const std::vector<TokenId>& ids, const Tokenizer& tokenizer) {
  std::string text = ids.size() == 1 ? "token " : "tokens ";
  for (size_t i = 0; i < ids.size(); ++i) {
    const std::string piece = tokenizer.Decode({&ids[i], 1});
    text += StrCat(i > 0 ? ", " : "", ids[i]);
    if (!piece.empty() && !FindInvalidUtf8(piece)) text += StrCat(" (", Code(Quoted(piece)), ")");
  }
  return text;
}

std::string PartsInWords(const std::vector<FormatPart>& parts, const Tokenizer& tokenizer) {
  std::string text;
  for (const FormatPart& part : parts) {
    text += text.empty() ? "" : ", then ";
    if (!part.ids.empty()) text += TokensInWords(part.ids, tokenizer);
    if (part.text.empty()) continue;
    text += StrCat("the text ", Code(Quoted(part.text)), part.alone ? ", encoded by itself" : "");
  }
  return text.empty() ? "nothing" : text;
}

std::string Format(const PrmJson& prm, const Tokenizer& tokenizer) {
  const StepFormat& format = prm.format;
  std::string text = "## How a trace is written and read\n\n";
  text += StrCat("- First: ", PartsInWords(format.prompt, tokenizer), ".\n");
  text += StrCat("- ", format.by_line ? "Each line of each step" : "Each step", ": ",
                 PartsInWords(format.step, tokenizer), ".\n");
  text += StrCat("- Between two steps: ", PartsInWords(format.between, tokenizer), ".\n");
  if (format.trim) text += "- White space around a step is dropped.\n";
  text += StrCat("- A step is read at ",
                 format.read_back == 0 ? "its last token"
                                       : StrCat(format.read_back, " tokens before its last"),
                 ".\n");
  text +=
      "- `{problem}`, `{step}` and `{n}` (the step's number, from 1) are filled in. Texts that "
      "follow each other are joined and encoded as one, up to the next token ids or the end of "
      "the step, as ordinary text: what looks like a special token in them stays text.\n";
  text += StrCat("- A trace has at most ", prm.max_tokens, " tokens.\n\nAs in `prm.json`:\n\n");
  ordered_json scoring;
  WriteScoringFormat(prm, &scoring);
  return text + "```json\n" + scoring["format"].dump(2) + "\n```\n";
}

std::string Provenance(const PrmJson& prm) {
  std::string text = "## Training\n\nBase model: " + Code(prm.base_model) + "\n";
  if (!prm.training_data.empty()) text += "\n| data | sha256 |\n|---|---|\n";
  for (const DataSource& source : prm.training_data) {
    text += StrCat("| ", source.name, " | ", Code(source.sha256), " |\n");
  }
  if (prm.training_options_json.empty()) return text;
  return text + "\nOptions:\n\n```json\n" + ordered_json::parse(prm.training_options_json).dump(2) +
         "\n```\n";
}

// A table of the last evaluations among the lines of metrics.jsonl.
std::string Metrics(const std::string& lines) {
  constexpr size_t kRows = 20;
  std::vector<json> evaluations;
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);) {
    json entry = json::parse(line, nullptr, false);
    if (entry.is_object() && entry.contains("dev_step_auroc")) evaluations.push_back(entry);
  }
  if (evaluations.empty()) return "";
  if (evaluations.size() > kRows) evaluations.erase(evaluations.begin(), evaluations.end() - kRows);
  std::string head = "|", rule = "|", rows;
  for (const auto& [key, value] : evaluations[0].items()) {
    head += StrCat(" ", key, " |");
    rule += "---|";
  }
  for (const json& evaluation : evaluations) {
    rows += "|";
    for (const auto& [key, value] : evaluations[0].items()) {
      rows += StrCat(" ", evaluation.value(key, json()).dump(), " |");
    }
    rows += "\n";
  }
  return StrCat("\n## Evaluations during the training\n\n", head, "\n", rule, "\n", rows);
}

// --- in Python -----------------------------------------------------------------------------------

constexpr std::string_view kPlainEncoder = R"(from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
tokenizer.encode_special_tokens = True  # their text in a problem or step stays text


def encode(text, begins):
    return tokenizer.encode(text, add_special_tokens=False).ids
)";

constexpr std::string_view kPrefixEncoder = R"(import json
from tokenizers import Tokenizer


def without_prefix(part):
    if isinstance(part, list):
        return [without_prefix(p) for p in part
                if not (isinstance(p, dict) and p.get("type") == "Prepend")]
    if not isinstance(part, dict):
        return part
    part = {key: without_prefix(value) for key, value in part.items()}
    if part.get("type") == "Metaspace":
        part["prepend_scheme"] = "never"
    if "add_prefix_space" in part:
        part["add_prefix_space"] = False
    return part


spec = json.load(open(f"{folder}/tokenizer.json", encoding="utf-8"))
tokenizers = {True: Tokenizer.from_str(json.dumps(spec))}
for stage in ("normalizer", "pre_tokenizer"):
    spec[stage] = (without_prefix([spec[stage]]) or [None])[0]
tokenizers[False] = Tokenizer.from_str(json.dumps(spec))
for tokenizer in tokenizers.values():
    tokenizer.encode_special_tokens = True  # their text in a problem or step stays text


def encode(text, begins):  # a space goes before a text that begins, not before one that goes on
    return tokenizers[begins].encode(text, add_special_tokens=False).ids
)";

constexpr std::string_view kSentencePieceEncoder =
    R"(from sentencepiece import SentencePieceProcessor

proto = open(f"{folder}/tokenizer.model", "rb").read()
no_prefix = b"\x1a\x02\x18\x00"  # normalizer_spec.add_dummy_prefix = false
tokenizers = {True: SentencePieceProcessor(model_proto=proto),
              False: SentencePieceProcessor(model_proto=proto + no_prefix)}


def encode(text, begins):  # a space goes before a text that begins, not before one that goes on
    return tokenizers[begins].encode(text)
)";

std::string_view Encoder(const TokenizerParts& parts) {
  using Model = TokenizerParts::Model;
  if (parts.model == Model::kSentencePieceBpe || parts.model == Model::kSentencePieceUnigram) {
    return kSentencePieceEncoder;
  }
  return parts.space_prefix ? kPrefixEncoder : kPlainEncoder;
}

// A Python expression for `text` with its placeholders filled in.
std::string Filled(std::string_view text, std::string_view value, std::string_view number) {
  std::string expression, literal;
  const auto add = [&](std::string_view term) {
    expression += StrCat(expression.empty() ? "" : " + ", term);
  };
  const auto flush = [&] {
    if (!literal.empty()) add(Quoted(literal));
    literal.clear();
  };
  while (!text.empty()) {
    const bool is_value = text.starts_with("{problem}") || text.starts_with("{step}");
    const bool is_number = text.starts_with("{n}");
    if (is_value || is_number) {
      flush();
      add(is_value ? value : number);
      text.remove_prefix(text.find('}') + 1);
    } else {
      literal += text[0];
      text.remove_prefix(1);
    }
  }
  flush();
  return expression;
}

std::string Statements(const std::vector<FormatPart>& parts, std::string_view indent,
                       std::string_view value, std::string_view number) {
  std::string code;
  for (const FormatPart& part : parts) {
    if (part.alone || !part.ids.empty()) code += StrCat(indent, "flush()\n");
    if (!part.ids.empty()) code += StrCat(indent, "ids += ", json(part.ids).dump(), "\n");
    if (!part.text.empty()) {
      code += StrCat(indent, "text += ", Filled(part.text, value, number), "\n");
    }
    if (part.alone) code += StrCat(indent, "flush(begins=True)\n");
  }
  return code;
}

std::string TokenizeFunction(const StepFormat& format) {
  const std::string_view step = format.by_line ? "line" : "step";
  std::string code = R"(

def tokenize(problem, steps):
    """Token ids of a trace, and the position at which each step is read."""
    ids, reads, text, begun = [], [], "", False

    def flush(begins=False):
        nonlocal text, begun
        if text:
            ids.extend(encode(text, begins or not begun))
            text, begun = "", True

)";
  code += Statements(format.prompt, "    ", "problem", "\"0\"");
  code += "    for n, step in enumerate(steps, 1):\n";
  if (format.trim) code += "        step = step.strip(\" \\t\\n\\v\\f\\r\")\n";
  if (!format.between.empty()) {
    code += "        if n > 1:\n" + Statements(format.between, "            ", "\"\"", "str(n)");
  }
  if (format.by_line) code += "        for line in step.split(\"\\n\"):\n";
  code += Statements(format.step, format.by_line ? "            " : "        ", step, "str(n)");
  code += StrCat("        flush()\n        reads.append(len(ids) - ", 1 + format.read_back,
                 ")\n    return ids, reads\n");
  return code;
}

std::string CorrectOutputs(const Head& head) {
  std::vector<size_t> outputs;
  for (size_t k = 0; k < head.labels.size(); ++k) {
    if (head.labels[k].starts_with("correct")) outputs.push_back(k);
  }
  return json(outputs).dump();
}

std::string TokenIds(const ModelCard& card) {
  return StrCat("## Score a trace\n\nToken ids first:\n\n```python\nfolder = \".\"  # this one\n",
                Encoder(card.tokenizer.Parts()), TokenizeFunction(card.prm.format), R"(

problem = "Solve 3x + 6 = 15."
steps = ["Subtract 6 from both sides: 3x = 9.", "Divide by 3: x = 3."]
ids, reads = tokenize(problem, steps)
```
)");
}

std::string WithTransformers(const ModelCard& card) {
  return StrCat(R"(
With transformers:

```python
import torch
from transformers import AutoModelForTokenClassification

model = AutoModelForTokenClassification.from_pretrained(folder, dtype=torch.float32)",
                card.caps_attention ? ",\n    attn_implementation=\"eager\"" : "", R"().eval()


@torch.no_grad()
def score(problem, steps):
    """Probabilities [steps, labels]."""
    ids, reads = tokenize(problem, steps)
    return model(torch.tensor([ids])).logits[0, reads].softmax(-1)


p_correct = score(problem, steps)[:, )",
                CorrectOutputs(card.prm.head), "].sum(-1)\nprint(p_correct.tolist())\n```\n");
}

std::string WithVllm(const ModelCard& card) {
  std::string pooler = card.vllm_pooler;
  while (pooler.ends_with('\n')) pooler.pop_back();
  return StrCat("\nWith vLLM:\n\n```\nvllm serve . --served-model-name ", card.name,
                " --runner pooling --convert ", card.transformers ? "classify" : "none",
                " --pooler-config '", pooler, R"('
```

```python
import json
from urllib.request import Request, urlopen

body = {"model": ")",
                card.name, R"(", "task": "token_classify", "input": [ids]}
request = Request("http://127.0.0.1:8000/pooling", json.dumps(body).encode(),
                  {"Content-Type": "application/json"})
rows = json.load(urlopen(request))["data"][0]["data"]
if len(rows) == len(ids):  # before vLLM's pull request 55307: a row a token, not a step
    rows = [rows[read] for read in reads]
print([sum(row[k] for k in )",
                CorrectOutputs(card.prm.head), ") for row in rows])\n```\n");
}

}  // namespace

std::string WriteModelCard(const ModelCard& card) {
  std::string text = StrCat(
      "---\n", card.transformers ? "library_name: transformers\n" : "",
      "pipeline_tag: token-classification\ntags:\n- process-reward-model\n---\n\n# ", card.name,
      "\n\nA process reward model: it reads a problem and the steps of a solution, and judges "
      "each step. Exported by prm, which also loads this folder.\n\n");
  text += Labels(card.prm) + "\n" + Format(card.prm, card.tokenizer) + "\n" + TokenIds(card);
  if (card.transformers) text += WithTransformers(card);
  if (!card.vllm_pooler.empty()) text += WithVllm(card);
  return text + "\n" + Provenance(card.prm) + Metrics(card.metrics);
}

}  // namespace prm
