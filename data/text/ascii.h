// Text as bytes: only ASCII, in every locale.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace prm {

inline bool IsDigit(char c) { return c >= '0' && c <= '9'; }
inline bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
inline bool IsLetter(char c) { return IsUpper(c) || (c >= 'a' && c <= 'z'); }
inline bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Whether there is nothing but white space: not valid as a step.
bool IsBlank(std::string_view text);

// ASCII control characters, or C1 encoded in UTF-8. Ids must not contain them, since ids appear in
// logs and on terminals.
bool HasControlCharacter(std::string_view text);

std::string ToLower(std::string_view text);
// Removes white space at both ends.
std::string_view TrimSpace(std::string_view text);

// `text`, or its first `max_bytes` with `ending`; no UTF-8 character is cut.
std::string ClipText(std::string_view text, size_t max_bytes, std::string_view ending = "...");

// Two lower-case hexadecimal digits for each byte.
std::string HexOf(std::string_view bytes);

}  // namespace prm
