// README.md of an exported checkpoint: what it is and how to use it, for people.
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
  bool caps_attention = false;  // which only transformers' "eager" attention does
  std::string vllm_pooler;      // the text of vllm_pooler.json; "" where it is not for vLLM
};

// The card as Markdown. Its Python tokenizes by the files beside it and gives the ids and reads of
// TokenizeTrace, for texts without added tokens that are no special ones.
std::string WriteModelCard(const ModelCard& card);

}  // namespace prm
