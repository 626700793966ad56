#include <gmock/gmock.h>

#include <CLI/CLI.hpp>

#include "data/commands.h"
#include "data/io/text_io.h"
#include "data/tokenizers/bpe_tokenizer.h"
#include "tests/data/tokenizers/tokenizer_fixtures.h"

namespace prm {
namespace {

using testing::HasSubstr;

class TokenizeCommand : public testing::Test {
 protected:
  TokenizeCommand() { MakeBpeTokenizer(TinySpec())->Save(folder_.path()); }

  // The output of the verb for `lines`.
  std::string Run(const std::string& lines, const std::string& special) {
    CLI::App app;
    AddTokenizeCommand(app);
    const std::string out = folder_.path() / "out.jsonl";
    std::vector<std::string> arguments = {"tokenize",
                                          "--tokenizer",
                                          folder_.path(),
                                          "--special",
                                          special,
                                          "--in",
                                          folder_.Write("in.jsonl", lines),
                                          "--out",
                                          out};
    std::reverse(arguments.begin(), arguments.end());
    app.parse(arguments);
    return ReadFile(out);
  }

  TempFolder folder_;
};

TEST_F(TokenizeCommand, WritesOneLineOfIdsForEachText) {
  const std::string lines = "{\"text\": \"hello<|end|>\"}\n{\"text\": \"\"}\n";
  EXPECT_EQ(Run(lines, "parse"), "{\"ids\":[259,261]}\n{\"ids\":[]}\n");
  EXPECT_EQ(Run(lines, "text"), "{\"ids\":[259,60,124,101,110,100,124,62]}\n{\"ids\":[]}\n");
}

TEST_F(TokenizeCommand, RefusesByLineAndWritesNothing) {
  for (const char* bad : {"{\"text\": 3}", "{}", "[]", "{\"text\": \"a", "\xFF"}) {
    EXPECT_THAT(MessageOf([&] { Run("{\"text\": \"a\"}\n" + std::string(bad), "text"); }),
                HasSubstr("in.jsonl:2: "));
    EXPECT_FALSE(std::filesystem::exists(folder_.path() / "out.jsonl"));
  }
  EXPECT_THROW(Run("", "both"), CLI::ValidationError);
}

}  // namespace
}  // namespace prm
