#include "train/metrics_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/error_of.h"
#include "tests/temp_folder.h"

namespace prm {
namespace {

TEST(MetricsLog, ResumingDropsLaterStepsAndALineThatWasCutOff) {
  const TempFolder folder;
  const auto path = folder / "metrics.jsonl";
  WriteText(path, "{\"step\":1}\n{\"dev\":2,\"step\":2}\n{\"step\":3}\n{\"st");
  MetricsLog log(path, 2);
  log.Write({{"step", 3}, {"loss", 0.5}});
  EXPECT_EQ(ReadText(path), "{\"step\":1}\n{\"dev\":2,\"step\":2}\n{\"loss\":0.5,\"step\":3}\n");
}

TEST(MetricsLog, WhatIsNoLogIsRefusedByLineAndLeftAlone) {
  const TempFolder folder;
  const auto path = folder / "metrics.jsonl";
  for (const char* line : {"epoch,loss", "[1]", "{\"loss\":1}", "{\"step\":\"1\"}"}) {
    const std::string text = "{\"step\":1}\n" + std::string(line) + "\n";
    WriteText(path, text);
    EXPECT_THAT(MessageOf([&] { MetricsLog(path, 5); }),
                testing::HasSubstr("metrics.jsonl:2: not a line of a training run"));
    EXPECT_EQ(ReadText(path), text);
  }
}

}  // namespace
}  // namespace prm
