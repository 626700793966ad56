#include "data/tokenizers/tokenizer.h"

#include "data/error.h"

namespace prm {

int64_t Tokenizer::MinTokens(std::string_view) const { return 0; }

TokenizerParts Tokenizer::Parts() const {
  throw Error(ErrorCode::kUnimplemented, "this tokenizer cannot be taken apart");
}

}  // namespace prm
