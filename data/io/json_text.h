// Strings and numbers as JSON text.
#pragma once

#include <string>
#include <string_view>

namespace prm {

// Appends `text` quoted and escaped. Throws Error(kInvalidArgument) with the byte offset if `text`
// is not UTF-8.
void AppendJsonString(std::string_view text, std::string* json);

// Appends the shortest text that reads back as the same number. Throws Error(kInternal) for a
// number that is not finite, which JSON cannot represent.
void AppendJsonNumber(double number, std::string* json);
void AppendJsonNumber(float number, std::string* json);

// The maximum nesting depth of arrays and objects in JSON text. Check it before calling code that
// recurses per level, such as nlohmann::json's dump. Also accepts malformed JSON.
int JsonDepth(std::string_view json);

}  // namespace prm
