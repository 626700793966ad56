// --products, through the program.
#include <gmock/gmock.h>

#include <regex>

#include "tests/program/program.h"

namespace prm {
namespace {

using testing::HasSubstr;
using testing::Not;

class ProductsProgram : public PrmProgram {
 protected:
  static std::string Flags(const std::string& products) {
    return " --model " + Path("run/best") + " --device cpu --dtype float32 --threads 1" +
           (products.empty() ? "" : " --products " + products);
  }
  static std::string Score(const std::string& products, const std::string& flags = "") {
    return "score --in " + Path("data/dev.jsonl") + " --out " + Path("scores.jsonl") +
           Flags(products) + flags;
  }
};

TEST_F(ProductsProgram, WhatAutoTookIsPrintedAndReplayedByName) {
  const Outcome chosen = Run(Score(""));
  ASSERT_EQ(chosen.status, 0) << chosen.err;
  std::smatch line;
  ASSERT_TRUE(std::regex_search(chosen.err, line,
                                std::regex("(?:^|\n)products: (panels|libtorch) \\(([^\n]+)\\)\n")))
      << chosen.err;
  const std::string scores = ReadText(Path("scores.jsonl"));
  const Outcome replayed = Run(Score(line[1]));
  ASSERT_EQ(replayed.status, 0) << replayed.err;
  EXPECT_THAT(replayed.err, Not(HasSubstr("products:")));
  EXPECT_TRUE(ReadText(Path("scores.jsonl")) == scores);
}

TEST_F(ProductsProgram, DescribeShowsWhatRuns) {
  for (const std::string products : {"panels", "libtorch"}) {
    const Outcome outcome = Run("model describe --json -" + Flags(products));
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    const auto json = nlohmann::json::parse(outcome.out);
    EXPECT_EQ(json["products"], products);
    EXPECT_EQ(json["why_products"], "");
  }
}

TEST_F(ProductsProgram, AServersLogShowsIt) {
  RunningProgram server("serve --listen 127.0.0.1:0" + Flags("panels"), Path("serve.log"));
  EXPECT_EQ(server.WaitFor(" products="), "panels");
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0);
}

TEST_F(ProductsProgram, WhereThereIsNoChoiceAnotherOneIsRefused) {
  ExpectRefused(Score("libtorch", " --weights int8"), {"products libtorch", "int8 weights"});
  ExpectRefused(Score("libtorch", " --batch-invariant"), {"products libtorch", "batch-invariant"});
  const Outcome word = Run(Score("fast"));
  EXPECT_EQ(word.status, 2);
  EXPECT_THAT(word.err, HasSubstr("--products"));
}

}  // namespace
}  // namespace prm
