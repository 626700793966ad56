// Which model a request asks.
#pragma once

#include <string>

#include "data/error.h"

namespace prm {

// Throws Error(kNotFound) that names both, where a request asks for another model than the one that
// is served; empty: whichever it is.
inline void CheckModel(const std::string& asked, const std::string& served) {
  if (asked.empty() || asked == served) return;
  throw Error(ErrorCode::kNotFound,
              StrCat("there is no model \"", asked, "\"; this server has \"", served, "\""));
}

}  // namespace prm
