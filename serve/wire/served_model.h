// Checks which model a request asks for.
#pragma once

#include <string>

#include "data/error.h"

namespace prm {

// Throws Error(kNotFound), which names both, if `asked` is not the served model. Empty `asked`:
// any.
inline void CheckModel(const std::string& asked, const std::string& served) {
  if (asked.empty() || asked == served) return;
  throw Error(ErrorCode::kNotFound,
              StrCat("there is no model \"", asked, "\"; this server has \"", served, "\""));
}

}  // namespace prm
