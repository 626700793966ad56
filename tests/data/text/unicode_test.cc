#include "data/text/unicode.h"

#include <gtest/gtest.h>

namespace prm {
namespace {

TEST(Unicode, ClassesFollowTheGeneralCategory) {
  const CharClass* classes = CharClassTable();
  for (const char32_t c : {U'a', U'Z', U'é', U'漢', U'ǅ', U'ʰ', U'ª', U'\U00010400'}) {
    EXPECT_EQ(classes[c], CharClass::kLetter) << static_cast<uint32_t>(c);
  }
  for (const char32_t c : {U'0', U'9', U'½', U'Ⅷ', U'²', U'٣'}) {
    EXPECT_EQ(classes[c], CharClass::kNumber) << static_cast<uint32_t>(c);
  }
  for (const char32_t c : {9, 10, 11, 12, 13, 32, 0x85, 0xA0, 0x1680, 0x2000, 0x200A, 0x2028,
                           0x2029, 0x202F, 0x205F, 0x3000}) {
    EXPECT_EQ(classes[c], CharClass::kSpace) << static_cast<uint32_t>(c);
  }
  // A mark, a zero-width space, controls that are not white space, a surrogate, the last code
  // point.
  for (const char32_t c : {0x300, 0x200B, 0x180E, 0x1C, 0x1F, 0x00, 0xD800, 0x10FFFF}) {
    EXPECT_EQ(classes[c], CharClass::kOther) << static_cast<uint32_t>(c);
  }
}

TEST(Unicode, NfcComposesAndOrdersMarks) {
  EXPECT_EQ(NormalizeUnicode(NormalForm::kNfc, "e\u0301"), "\u00E9");
  EXPECT_EQ(NormalizeUnicode(NormalForm::kNfc, "\u212B"), "\u00C5");
  EXPECT_EQ(NormalizeUnicode(NormalForm::kNfc, "\u1112\u1161\u11AB"), "\uD55C");
  EXPECT_EQ(NormalizeUnicode(NormalForm::kNfc, "\uD558\u11AB"),
            "\uD55C");  // a syllable takes up a final
  EXPECT_EQ(NormalizeUnicode(NormalForm::kNfc, "q\u0307\u0323"),
            "q\u0323\u0307");  // canonical order
  EXPECT_EQ(NormalizeUnicode(NormalForm::kNfc, "\u0958"),
            "\u0915\u093C");  // excluded from composition
  EXPECT_EQ(NormalizeUnicode(NormalForm::kNfc, "\u09C7\u09BE"),
            "\u09CB");  // the second half is not a mark
  EXPECT_EQ(NormalizeUnicode(NormalForm::kNfc, std::string_view("a\0e\u0301", 5)),
            std::string("a\0\u00E9", 4));
}

TEST(Unicode, TextInNfcIsNotCopied) {
  for (const char* text : {"", "plain ASCII of more than eight bytes", "\u00E9\u6F22\u5B57\uD55C",
                           "\U0001F600 \u03B1 \u0436"}) {
    EXPECT_EQ(NormalizeUnicode(NormalForm::kNfc, text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace prm
