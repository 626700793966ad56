#include "data/command_flags.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace prm {
namespace {

TEST(NumberRange, TakesItsEndsAndWhatIsBetween) {
  for (const char* text : {"0", "1", "0.5", "1e-300", "+0.25"}) {
    EXPECT_EQ(NumberRange<double>({0, 1})(text), "") << text;
  }
  constexpr NumberRange<uint64_t> kAll = {0, std::numeric_limits<uint64_t>::max()};
  for (const char* text : {"0", "7", "18446744073709551615"}) EXPECT_EQ(kAll(text), "") << text;
}

TEST(NumberRange, NamesValueAndRangeOfWhatItRefuses) {
  for (const char* text :
       {"nan", "-nan", "inf", "-0.1", "1.0001", "1e999", "", "x", "0.5x", " 0"}) {
    EXPECT_EQ(NumberRange<double>({0, 1})(text),
              std::string("expected a number from 0 to 1, got \"") + text + "\"");
  }
  for (const char* text : {"-1", "1025", "0.5", "1e2", "010", "99999999999999999999", "0x1"}) {
    EXPECT_EQ(NumberRange<int>({0, 1024})(text),
              std::string("expected a whole number from 0 to 1024, got \"") + text + "\"");
  }
  EXPECT_NE(NumberRange<uint64_t>({0, 10})("-1"), "");
  EXPECT_NE(NumberRange<float>({1e-6f, 1e6f})("1e-300"), "");
}

}  // namespace
}  // namespace prm
