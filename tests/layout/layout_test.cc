// Reads every #include of the tree and checks the layout rules (tests/layout/rules.h).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "data/error.h"
#include "tests/layout/rules.h"
#include "tests/source_dir.h"
#include "tests/temp_folder.h"

namespace prm {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Layout, TheHouseHoldsItsBorders) {
  const fs::path root = SourceDir();
  ASSERT_GT(ReadTree(root).size(), 20u) << "the tree was not found at " << root;
  ASSERT_THAT(TorchFreeNames(root), ::testing::Contains("files/gguf"));
  EXPECT_THAT(CheckHouse(root), IsEmpty());
}

// A small project without faults, in a temporary folder, to add faults to.
class PlantedFault : public ::testing::Test {
 protected:
  PlantedFault() {
    for (const std::string& folder : kFolders) Write(folder + "/README.md", "a\nb\nc\n");
    Write("cmake/TorchFree.cmake", "set(PRM_MODEL_TORCH_FREE\n  files/gguf)\n");
    Write("data/trace.h", "#include <string>\n");
    Write("data/tokenizers/sentencepiece_tokenizer.cc", "#include <sentencepiece_processor.h>\n");
    Write("model/step_scorer.h", "#include \"data/trace.h\"\n");
    Write("model/decoder/decoder.h", "#include <ATen/ATen.h>\n#include \"data/trace.h\"\n");
    Write("model/decoder/decoder.cc", "#include \"model/decoder/decoder.h\"\n");
    Write("model/files/gguf.cc", "#include \"data/trace.h\"\n");
    Write("train/trainer.cc", "#include \"model/decoder/decoder.h\"\n");
    Write("serve/wire/codec.h", "#include \"model/step_scorer.h\"\n");
    Write("serve/wire/codec.cc", "#include \"prm/v1/scoring.pb.h\"\n#include <spdlog/spdlog.h>\n");
    Write("prm.cc", "#include \"serve/wire/codec.h\"\n#include <CLI/CLI.hpp>\n");
  }

  // Also adds a README to the folder if it has none.
  void Write(const std::string& path, const std::string& text) {
    const fs::path folder = (root_ / path).parent_path();
    fs::create_directories(folder);
    if (!fs::exists(folder / "README.md")) WriteText(folder / "README.md", "a\nb\nc\n");
    WriteText(root_ / path, text);
  }
  Faults Check() const { return CheckHouse(root_.path()); }

  const TempFolder root_;
};

TEST_F(PlantedFault, NoneIsFoundInACleanHouse) { EXPECT_THAT(Check(), IsEmpty()); }

TEST_F(PlantedFault, LibTorchInData) {
  Write("data/trace.cc", "\n#include <c10/util/Exception.h>\n");
  EXPECT_THAT(Check(), ::testing::Contains(HasSubstr("data/trace.cc:2: LibTorch may not")));
}

TEST_F(PlantedFault, LibTorchReachedByAHeaderOfServe) {
  Write("model/step_scorer.h", "#include \"model/decoder/decoder.h\"\n");
  Write("model/files/gguf.cc", "#include \"model/step_scorer.h\"\n");
  const Faults faults = Check();
  EXPECT_THAT(
      faults,
      ::testing::Contains(HasSubstr(
          "serve/wire/codec.h > model/step_scorer.h > model/decoder/decoder.h > ATen/ATen.h")));
  EXPECT_THAT(faults,
              ::testing::Contains(HasSubstr("model/files/gguf.cc must do without LibTorch")));
}

TEST_F(PlantedFault, FoldersPointingTheWrongWay) {
  Write("serve/wire/c.cc", "#include \"train/loss.h\"\n");
  Write("train/d.cc", "#include \"serve/wire/codec.h\"\n");
  Write("train/e.cc", "#include \"tests/fake.h\"\n");
  EXPECT_THAT(Check(), ::testing::IsSupersetOf({HasSubstr("serve may not see train"),
                                                HasSubstr("train may not see serve"),
                                                HasSubstr("train may not see tests")}));
}

TEST_F(PlantedFault, RoomsPointingTheWrongWay) {
  Write("data/records/reader.h", "#include \"data/trace.h\"\n");
  Write("data/text/a.cc", "\n#include \"data/records/reader.h\"\n");
  Write("data/commands.cc", "#include \"data/records/reader.h\"\n");
  Write("data/records/read_command.cc", "#include \"data/records/reader.h\"\n");
  Write("model/files/b.cc", "#include \"serve/wire/codec.h\"\n");
  EXPECT_THAT(Check(), ::testing::IsSupersetOf(
                           {HasSubstr("data/text/a.cc:2: data/text may not see data/records"),
                            HasSubstr("model/files/b.cc:1: model/files may not see serve/wire")}));
  EXPECT_THAT(Check(), ::testing::Not(::testing::Contains(HasSubstr("command"))));
}

TEST_F(PlantedFault, ARoomThatNobodyKnows) {
  Write("data/attic/a.h", "#include \"data/trace.h\"\n");
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("data/attic is not in the order of rooms")));
}

TEST_F(PlantedFault, FilesThatIncludeEachOther) {
  Write("data/text/a.h", "#include <string>\n");
  Write("data/text/a.cc", "#include \"data/text/a.h\"\n#include \"data/text/b.h\"\n");
  Write("data/text/b.h", "#include \"data/text/c.h\"\n");
  Write("data/text/c.cc", "#include \"data/text/c.h\"\n#include \"data/text/a.h\"\n");
  Write("data/text/c.h", "#include <string>\n");
  EXPECT_THAT(Check(),
              ElementsAre("these include each other: data/text/a, data/text/b, data/text/c"));
}

TEST_F(PlantedFault, ARoomTooFull) {
  for (size_t i = 0; i <= kMaxUnits; ++i) {
    Write(StrCat("data/text/u", i, ".h"), "");
    Write(StrCat("data/text/u", i, ".cc"), "");
  }
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("data/text: 17 units, at most 16")));
}

TEST_F(PlantedFault, ATestOfNoRoom) {
  Write("tests/data/attic/a_test.cc", "");
  Write("tests/train/trainer_test.cc", "");
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("a_test.cc: there is no room data/attic")));
}

TEST_F(PlantedFault, TheProgramSeesATest) {
  Write("prm.cc", "#include \"tests/fake.h\"\n");
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("prm.cc:1: prm.cc may not see tests")));
}

TEST_F(PlantedFault, GrpcInTrain) {
  Write("train/remote.cc", "#include <grpcpp/grpcpp.h>\n");
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("train/remote.cc:1: gRPC may not")));
}

TEST_F(PlantedFault, SentencePieceInASecondFile) {
  Write("data/other.cc", "#include <sentencepiece_processor.h>\n");
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("data/other.cc:1: SentencePiece may not")));
}

TEST_F(PlantedFault, CudaOutsideTheKernels) {
  Write("model/device.cc", "#include <cuda_runtime.h>\n");
  Write("model/kernels/device.cc", "#include <cuda_runtime.h>\n");
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("model/device.cc:1: CUDA may not")));
}

TEST_F(PlantedFault, TheCommandLineParserInAHeader) {
  Write("data/flags.h", "#include <CLI/CLI.hpp>\n");
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("data/flags.h:1: the command line parser may not")));
}

TEST_F(PlantedFault, SpdlogBesideLibTorchThroughAHeader) {
  Write("model/log.h", "#include <spdlog/spdlog.h>\n");
  Write("train/trainer.cc", "#include \"model/decoder/decoder.h\"\n#include \"model/log.h\"\n");
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("train/trainer.cc: includes both LibTorch and fmt")));
}

TEST_F(PlantedFault, LibTorchBesideGrpcInABench) {
  Write("bench/both_bench.cc", "#include <torch/types.h>\n#include <grpcpp/grpcpp.h>\n");
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("both_bench.cc: includes both LibTorch and gRPC")));
}

TEST_F(PlantedFault, AClassDefinedTwice) {
  const auto in_prm = [](const std::string& text) {
    return "namespace prm {\n" + text + "}  // namespace prm\n";
  };
  Write("data/a.h", in_prm("struct Options {\n};\nstruct Other;\nenum class Kind { kOne };\n"));
  Write("model/b.h", in_prm("struct Other {};\nstruct Options {\n};\n"));
  Write("serve/wire/c.cc",
        in_prm("namespace {\nstruct Other {};\n}  // namespace\nenum Kind {\n};\n"));
  Write("tests/d.cc", in_prm("struct Options {};\n"));
  EXPECT_THAT(Check(), ElementsAre("model/b.h:3: Options is defined in data/a.h:2 too",
                                   "serve/wire/c.cc:5: Kind is defined in data/a.h:5 too"));
}

TEST_F(PlantedFault, AFileTooLong) {
  Write("data/long.cc", std::string(kMaxLines + 1, '\n'));
  Write("data/fits.cc", std::string(kMaxLines, '\n'));
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("data/long.cc: 401 lines, at most 400")));
}

TEST_F(PlantedFault, AFileOfTheListThatIsShorterNow) {
  Write("data/math_text/relation_finder.cc", "\n");
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("relation_finder.cc: 1 lines: now lower its number")));
}

TEST_F(PlantedFault, AFolderThatSaysNothing) {
  fs::remove(root_ / "serve/README.md");
  fs::remove(root_ / "model/files/README.md");
  WriteText(root_ / "train/README.md", "TODO\n");
  EXPECT_THAT(Check(), ::testing::UnorderedElementsAre(HasSubstr("model/files/README.md: 0 lines"),
                                                       HasSubstr("train/README.md: 1 lines"),
                                                       HasSubstr("serve/README.md: 0")));
}

}  // namespace
}  // namespace prm
