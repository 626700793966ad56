// The printable spelling of bytes used in byte-level BPE vocabularies.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace prm {

// Maps each byte to one printable character: printable Latin-1 bytes to themselves, the others to
// U+0100 and up. Source: Radford et al., GPT-2, encoder.py (bytes_to_unicode).
std::string ByteLevelText(std::string_view bytes);

// The inverse; nullopt if a character of `text` does not stand for a byte.
std::optional<std::string> ByteLevelBytes(std::string_view text);

}  // namespace prm
