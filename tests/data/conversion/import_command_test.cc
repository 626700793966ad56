// prm data import and prm data export, as called by users.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "data/commands.h"
#include "data/conversion/conversion_flags.h"
#include "data/error.h"
#include "data/io/text_io.h"
#include "tests/error_of.h"
#include "tests/temp_folder.h"

namespace prm {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kGood =
    R"({"prompt":"p","completions":["a","b"],"labels":[true,false]})";
constexpr std::string_view kBad = R"({"prompt":"p","completions":["a"],"labels":[]})";

class ConversionCommands : public testing::Test {
 protected:
  // The exit code that main would return; Errors are thrown.
  int Run(std::vector<std::string> arguments) {
    CLI::App app;
    AddImportCommand(app);
    AddExportCommand(app);
    std::reverse(arguments.begin(), arguments.end());
    testing::internal::CaptureStdout();
    int code = 0;
    try {
      app.parse(arguments);
    } catch (const CLI::RuntimeError& error) {
      code = error.get_exit_code();
    } catch (...) {
      testing::internal::GetCapturedStdout();
      throw;
    }
    stdout_ = testing::internal::GetCapturedStdout();
    return code;
  }
  std::string Path(std::string_view name) const { return (folder_ / name).string(); }

  TempFolder folder_;
  std::string stdout_;
};

TEST_F(ConversionCommands, ImportWritesTracesAndAReport) {
  folder_.Write("in.jsonl", std::string(kGood) + "\n");
  EXPECT_EQ(Run({"import", Path("in.jsonl"), "--out", Path("out.jsonl.gz"), "--source", "mine",
                 "--after-first-error", "masked", "--json", Path("report.json")}),
            0);
  EXPECT_THAT(ReadFile(folder_ / "out.jsonl.gz"), HasSubstr(R"("id":"mine/0")"));
  EXPECT_THAT(stdout_, HasSubstr("format: trl (detected)"));
  EXPECT_THAT(stdout_, HasSubstr("after the first error masked"));
  EXPECT_THAT(ReadFile(folder_ / "report.json"), HasSubstr(R"("rows_out":1)"));
}

TEST_F(ConversionCommands, RefusedRowsGiveAnExitCodeOfTheirOwnAndGoToAFile) {
  folder_.Write("in.jsonl", std::string(kGood) + "\n" + std::string(kBad) + "\n");
  EXPECT_EQ(Run({"import", Path("in.jsonl"), "--out", Path("out.jsonl"), "--format", "trl",
                 "--refused", Path("refused.jsonl"), "--json", "-"}),
            kExitRefused);
  EXPECT_THAT(ReadFile(folder_ / "refused.jsonl"), HasSubstr("expected 1 labels"));
  EXPECT_THAT(stdout_, HasSubstr(R"("refused":1)"));
  EXPECT_EQ(Run({"export", Path("out.jsonl"), "--to", "processbench", "--out", Path("x.jsonl")}),
            0);
}

TEST_F(ConversionCommands, StrictAndOptionErrorsWriteNothing) {
  folder_.Write("in.jsonl", std::string(kGood) + "\n" + std::string(kBad) + "\n");
  const std::string in = Path("in.jsonl"), out = Path("out.jsonl");
  EXPECT_THAT(MessageOf([&] {
                Run({"import", in, "--out", out, "--strict", "--format", "trl"});
              }),
              HasSubstr("in.jsonl:2"));
  EXPECT_THROW(Run({"import", in, "--out", out, "--format", "nothing"}), OptionError);
  EXPECT_THROW(Run({"import", in, "--out", "-", "--json", "-"}), OptionError);
  EXPECT_THROW(Run({"import", in, "--out", out, "--incomplete", "positive"}), OptionError);
  EXPECT_THROW(Run({"import", in, "--out", out, "--redundant", "perhaps"}), CLI::ValidationError);
  EXPECT_THROW(Run({"export", in, "--to", "trl", "--out", out, "--redundant", "own"}), OptionError);
  EXPECT_THROW(Run({"export", in, "--to", "pairs", "--out", out, "--joint", "\xff"}), OptionError);
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST_F(ConversionCommands, ExportMakesAHuggingFaceFolderOfNamedSplits) {
  const std::string native = R"({"id":"a","problem":"p","steps":["x"],"labels":["incorrect"]})";
  folder_.Write("t.jsonl", native);
  folder_.Write("dev.jsonl", native);
  EXPECT_EQ(Run({"export", "train=" + Path("t.jsonl"), Path("dev.jsonl"), "--to", "huggingface",
                 "--out", Path("hf")}),
            0);
  EXPECT_EQ(Names(folder_ / "hf" / "data"), (std::vector<std::string>{"dev.jsonl", "train.jsonl"}));
}

}  // namespace
}  // namespace prm
