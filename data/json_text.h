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

}  // namespace prm
