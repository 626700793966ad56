// Merged adapters against peft's merge_and_unload() (tests/golden/peft_merge.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include "data/io/text_io.h"
#include "model/exchange/peft.h"
#include "tests/model/tiny_files.h"
#include "tests/source_dir.h"

namespace prm {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const json& Golden() {
  static const json golden = json::parse(ReadFile(SourceDir() / "tests/golden/peft_merge.json.xz"));
  return golden;
}

std::string FromHexadecimal(const std::string& digits) {
  std::string bytes;
  for (size_t i = 0; i < digits.size(); i += 2) {
    bytes += char(std::stoi(digits.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

std::vector<float> Values(const TensorView& tensor) {
  std::vector<float> values(size_t(*NumElements(tensor.shape)));
  ToFloat32(tensor, values);
  return values;
}

// Largest difference of a merged value from peft's, relative for values above 1.
double WorstDifference(const std::string& name, const std::function<void(json*)>& change) {
  json golden = Golden().at(name);
  change(&golden);
  const TempFolder folder;
  const auto write = [&](const char* subfolder, const char* file, const std::string& text) {
    fs::create_directories(folder / subfolder);
    WriteText(folder / subfolder / file, text);
  };
  write("base", "model.safetensors", FromHexadecimal(golden.at("base")));
  write("adapter", "adapter_config.json", golden.at("config"));
  write("adapter", "adapter_model.safetensors", FromHexadecimal(golden.at("adapter")));
  MergeAdapter(folder / "base", folder / "adapter", folder / "out");
  const SafetensorsFolder merged(folder / "out");
  const std::string expected_file = FromHexadecimal(golden.at("merged"));
  double worst = 0;
  for (const TensorView& expected : ParseSafetensors(AsBytes(expected_file), name)) {
    const TensorView& ours = merged.tensors().at(expected.name);
    EXPECT_EQ(ours.shape, expected.shape) << expected.name;
    const std::vector<float> a = Values(ours), b = Values(expected);
    for (size_t i = 0; i < b.size(); ++i) {
      worst =
          std::max(worst, std::abs(double(a[i]) - b[i]) / std::max(1.0, std::abs(double(b[i]))));
    }
  }
  return worst;
}

std::vector<std::string> Cases() {
  std::vector<std::string> names;
  for (const auto& item : Golden().items()) names.push_back(item.key());
  return names;
}

class GoldenPeftTest : public testing::TestWithParam<std::string> {};

TEST_P(GoldenPeftTest, MergedWeightsAreThoseOfPeft) {
  // A value between two values of the format may round to the other one.
  const double tolerance = GetParam() == "bfloat16"  ? 0x1p-7
                           : GetParam() == "float16" ? 0x1p-10
                                                     : 1e-6;
  EXPECT_LT(WorstDifference(GetParam(), [](json*) {}), tolerance);
  const auto plant = [](json* golden) {
    json config = json::parse(golden->at("config").get<std::string>());
    config["lora_alpha"] = config["lora_alpha"].get<double>() + 1;
    (*golden)["config"] = config.dump();
  };
  EXPECT_GT(WorstDifference(GetParam(), plant), 10 * tolerance);
}

INSTANTIATE_TEST_SUITE_P(Peft, GoldenPeftTest, testing::ValuesIn(Cases()), [](const auto& info) {
  std::string name;
  for (const char c : info.param) name += std::isalnum(c) ? c : '_';
  return name;
});

}  // namespace
}  // namespace prm
