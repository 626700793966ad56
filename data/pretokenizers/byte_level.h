// The printable spelling of bytes in which byte-level BPE vocabularies are written.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace prm {

// Each byte as one printable character: the printable Latin-1 bytes as themselves, the others as
// U+0100 and up. Source: Radford et al., GPT-2, encoder.py (bytes_to_unicode).
std::string ByteLevelText(std::string_view bytes);

// The inverse; nullopt where `text` has a character that stands for no byte.
std::optional<std::string> ByteLevelBytes(std::string_view text);

}  // namespace prm
