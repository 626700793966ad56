#include "data/text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "data/error.h"
#include "data/text/utf8.h"

namespace prm {
namespace {

constexpr char32_t kCodePoints = 0x110000;
// Planes 4 to 13 are unassigned, 15 and 16 private use: all kOther and unchanged by NFC.
constexpr struct { char32_t begin, end; } kAssigned[] = {{0, 0x40000}, {0xE0000, 0xE1000}};

template <class Visit>
void ForEachAssigned(Visit visit) {
  for (const auto& range : kAssigned) {
    for (char32_t c = range.begin; c < range.end; ++c) {
      if (c < 0xD800 || c > 0xDFFF) visit(c);
    }
  }
}

CharClass ClassOf(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return CharClass::kLetter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return CharClass::kNumber;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return CharClass::kSpace;
    default:  // the White_Space property adds these controls to the Z categories
      return (c >= 0x09 && c <= 0x0D) || c == 0x85 ? CharClass::kSpace : CharClass::kOther;
  }
}

// Marks the code points that NFC may change, move or compose with a preceding one. Text without any
// is in NFC: each is a starter, equal to its composed form, and never the second part of a
// composition.
std::vector<bool> BuildNfcActive() {
  std::vector<bool> active(kCodePoints, false);
  ForEachAssigned([&](char32_t c) {
    const auto code_point = static_cast<utf8proc_int32_t>(c);
    if (utf8proc_get_property(code_point)->combining_class != 0) active[c] = true;
    utf8proc_int32_t parts[32];
    int boundclass = 0;
    utf8proc_ssize_t count =
        utf8proc_decompose_char(code_point, parts, 32, UTF8PROC_DECOMPOSE, &boundclass);
    if (count < 1 || count > 32) throw Error(ErrorCode::kInternal, "utf8proc: no decomposition");
    if (count == 1 && parts[0] == code_point) return;
    for (utf8proc_ssize_t i = 1; i < count; ++i) active[static_cast<char32_t>(parts[i])] = true;
    count = utf8proc_normalize_utf32(
        parts, count, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    if (count != 1 || parts[0] != code_point) active[c] = true;
  });
  return active;
}

bool IsPlainlyNfc(std::string_view text) {
  static const std::vector<bool> active = BuildNfcActive();
  size_t at = 0;
  while (at < text.size()) {
    uint64_t eight;
    if (at + sizeof(eight) <= text.size()) {
      std::memcpy(&eight, text.data() + at, sizeof(eight));
      if ((eight & 0x8080808080808080u) == 0) {
        at += sizeof(eight);
        continue;
      }
    }
    const Utf8Char c = DecodeUtf8(text.data() + at);
    if (active[c.code_point]) return false;
    at += c.size_bytes;
  }
  return true;
}

}  // namespace

const CharClass* CharClassTable() {
  static const std::vector<CharClass> table = [] {
    std::vector<CharClass> classes(kCodePoints, CharClass::kOther);
    ForEachAssigned([&](char32_t c) { classes[c] = ClassOf(c); });
    return classes;
  }();
  return table.data();
}

std::optional<std::string> NormalizeUnicode(NormalForm form, std::string_view text) {
  const auto is_ascii = [&] { return std::ranges::all_of(text, [](char c) { return c >= 0; }); };
  if (form == NormalForm::kNfc ? IsPlainlyNfc(text) : is_ascii()) return std::nullopt;
  const bool composes = form == NormalForm::kNfc || form == NormalForm::kNfkc;
  const bool compatible = form == NormalForm::kNfkc || form == NormalForm::kNfkd;
  const int options = UTF8PROC_STABLE | (composes ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) |
                      (compatible ? UTF8PROC_COMPAT : 0);
  utf8proc_uint8_t* normal = nullptr;
  const utf8proc_ssize_t size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                             static_cast<utf8proc_ssize_t>(text.size()), &normal,
                                             static_cast<utf8proc_option_t>(options));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(normal, &std::free);
  if (size < 0) {
    throw Error(ErrorCode::kInternal, StrCat("Unicode normalisation: ", utf8proc_errmsg(size)));
  }
  return std::string(reinterpret_cast<const char*>(normal), static_cast<size_t>(size));
}

}  // namespace prm
