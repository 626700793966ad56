// Strings and numbers as JSON text.
#pragma once

#include <string>
#include <string_view>

namespace prm {

// Appends `text` quoted and escaped. Throws Error(kInvalidArgument) with the byte offset where
// `text` is not UTF-8.
void AppendJsonString(std::string_view text, std::string* json);

// Append the shortest text that reads back as the same number. Throw Error(kInternal) for a number
// that is not finite, which JSON cannot say.
void AppendJsonNumber(double number, std::string* json);
void AppendJsonNumber(float number, std::string* json);

// How deep arrays and objects are nested in JSON text, at most: to be asked before it is handed to
// what calls itself for each level, as nlohmann::json's dump does. Text that is no JSON has some
// depth too.
int JsonDepth(std::string_view json);

}  // namespace prm
