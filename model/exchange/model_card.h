// README.md of an exported checkpoint, for people: what it is and how to use it.
#pragma once

#include <string>

#include "data/tokenizers/tokenizer.h"
#include "model/files/prm_json.h"

namespace prm {

struct ModelCard {
  std::string name;
  const Tokenizer& tokenizer;
  const PrmJson& prm;
  std::string metrics;          // lines of metrics.jsonl; "" for none
  bool transformers = true;     // AutoModelForTokenClassification loads it
  bool caps_attention = false;  // supported only by transformers' "eager" attention
  std::string vllm_pooler;      // text of vllm_pooler.json; "" if not for vLLM
};

// Returns the card as Markdown. Its Python code tokenizes with the files next to it and gives the
// ids and reads of TokenizeTrace, for texts without added tokens that are not special.
std::string WriteModelCard(const ModelCard& card);

}  // namespace prm
