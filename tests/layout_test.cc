// Reads every #include of the tree and holds the house's borders: who may include what, which way
// the folders point, that every folder says what it is, and how long a file may be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/error.h"
#include "tests/temp_folder.h"

namespace prm {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr size_t kMaxLines = 600;
constexpr size_t kWarnLines = 400;

// --- the tree ------------------------------------------------------------------------------------

struct Include {
  size_t line = 0;
  std::string path;
};

struct SourceFile {
  std::vector<Include> includes;
  // Classes and enumerations that it defines in namespace prm, by name, with the line: the linker
  // sees them.
  std::vector<std::pair<std::string, size_t>> types;
  size_t lines = 0;
};

// By path from the root, as "data/trace.h".
using Tree = std::map<std::string, SourceFile>;

const std::vector<std::string> kFolders = {"data",  "model", "train", "serve",
                                           "proto", "bench", "tests", "scripts"};

std::string FolderOf(std::string_view path) {
  const size_t slash = path.find('/');
  return std::string(slash == path.npos ? "" : path.substr(0, slash));
}

// The namespaces that lines open and close, as clang-format writes them.
class Namespaces {
 public:
  void Read(const std::string& line) {
    static const std::regex kOpen(R"(^(?:inline )?namespace( [\w:]+)? \{$)");
    std::smatch match;
    if (std::regex_match(line, match, kOpen)) {
      open_.push_back(match[1].matched ? match[1].str().substr(1) : "");
    } else if (line.starts_with("}  // namespace") && !open_.empty()) {
      open_.pop_back();
    }
  }
  bool IsPrm() const { return open_ == std::vector<std::string>{"prm"}; }

 private:
  std::vector<std::string> open_;  // "" for one without a name
};

SourceFile ReadSource(const fs::path& path) {
  static const std::regex kInclude(R"(^\s*#\s*include\s*[<"]([^>"]+)[>"].*)");
  // Not "struct Outer::Inner {".
  static const std::regex kType(
      R"(^(?:class|struct|enum class|enum) (\w+)(?: final)?(?: : [^;(]*)?(?: ?\{.*)?$)");
  SourceFile file;
  std::ifstream in(path);
  std::string line;
  std::smatch match;
  Namespaces namespaces;
  while (std::getline(in, line)) {
    ++file.lines;
    namespaces.Read(line);
    if (std::regex_match(line, match, kInclude)) {
      file.includes.push_back({file.lines, match[1]});
    } else if (namespaces.IsPrm() && std::regex_match(line, match, kType)) {
      file.types.push_back({match[1], file.lines});
    }
  }
  return file;
}

Tree ReadTree(const fs::path& root) {
  static const std::set<std::string> kSuffixes = {".h", ".cc", ".cu", ".cuh"};
  Tree tree;
  for (const std::string& folder : kFolders) {
    if (!fs::exists(root / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (!kSuffixes.contains(entry.path().extension().string())) continue;
      tree[entry.path().lexically_relative(root).generic_string()] = ReadSource(entry.path());
    }
  }
  if (fs::exists(root / "prm.cc")) tree["prm.cc"] = ReadSource(root / "prm.cc");
  return tree;
}

// --- libraries and who may include them
// ------------------------------------------------------------

bool StartsWithAny(std::string_view text, const std::vector<std::string>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const std::string& prefix) { return text.starts_with(prefix); });
}

struct Library {
  std::string name;
  std::vector<std::string> headers;                // prefixes
  std::function<bool(const std::string&)> may_in;  // path of the including file
};

bool IsUnder(const std::string& path, const std::vector<std::string>& folders) {
  return StartsWithAny(path, folders);
}

const std::vector<Library>& Libraries() {
  static const std::vector<Library> libraries = {
      {"LibTorch",
       {"torch/", "ATen/", "c10/"},
       [](const std::string& path) {
         return IsUnder(path, {"model/", "train/", "bench/", "tests/model/", "tests/train/"});
       }},
      {"gRPC",
       {"grpc", "google/protobuf/", "prm/v1/"},
       [](const std::string& path) {
         return IsUnder(path, {"serve/", "bench/", "tests/serve/"});
       }},
      {"SentencePiece",
       {"sentencepiece"},
       [](const std::string& path) {
         return path == "data/tokenizers/sentencepiece_tokenizer.cc";
       }},
      {"CUDA",
       {"cuda", "cublas", "cutlass/", "cub/", "thrust/", "nccl"},
       [](const std::string& path) {
         return IsUnder(path, {"model/kernels/", "tests/model/kernels/", "bench/kernels/"});
       }},
      {"the command line parser",
       {"CLI/"},
       [](const std::string& path) {
         return path == "prm.cc" || path.ends_with("commands.cc") ||
                path.ends_with("_command.cc") || path.ends_with("_flags.h") ||
                IsUnder(path, {"bench/", "tests/"});
       }},
      {"SQLite", {"sqlite3"}, [](const std::string& path) { return path.ends_with(".cc"); }},
      {"HTTP", {"boost/beast"}, [](const std::string& path) { return path.ends_with(".cc"); }},
  };
  return libraries;
}

const Library& LibraryNamed(std::string_view name) {
  return *std::find_if(Libraries().begin(), Libraries().end(),
                       [&](const Library& library) { return library.name == name; });
}

// --- rules: each adds its faults as "path:line: what"
// -----------------------------------------------

using Faults = std::vector<std::string>;

void CheckLibraries(const Tree& tree, Faults& faults) {
  for (const auto& [path, file] : tree) {
    for (const Include& include : file.includes) {
      for (const Library& library : Libraries()) {
        if (StartsWithAny(include.path, library.headers) && !library.may_in(path)) {
          faults.push_back(
              StrCat(path, ":", include.line, ": ", library.name, " may not be included here"));
        }
      }
    }
  }
}

void CheckDirections(const Tree& tree, Faults& faults) {
  static const std::map<std::string, std::set<std::string>> kMaySee = {
      {"data", {"data"}},
      {"model", {"data", "model"}},
      {"train", {"data", "model", "train"}},
      {"serve", {"data", "model", "serve", "proto"}},
      {"", {"data", "model", "train", "serve"}},
      {"bench", {"data", "model", "train", "serve", "proto", "bench", "tests"}},
      {"tests", {"data", "model", "train", "serve", "proto", "bench", "tests"}},
  };
  for (const auto& [path, file] : tree) {
    const auto may_see = kMaySee.find(FolderOf(path));
    if (may_see == kMaySee.end()) continue;
    for (const Include& include : file.includes) {
      const std::string folder = FolderOf(include.path);
      const bool is_ours = std::count(kFolders.begin(), kFolders.end(), folder) > 0;
      if (is_ours && !may_see->second.contains(folder)) {
        faults.push_back(StrCat(path, ":", include.line, ": ",
                                may_see->first.empty() ? path : may_see->first, " may not see ",
                                folder));
      }
    }
  }
}

// Every header that `path` includes, directly or not, ours followed into; to the chain that leads
// there ("serve/a.h > model/b.h > ATen/ATen.h").
std::map<std::string, std::string> Closure(const Tree& tree, const std::string& path) {
  std::map<std::string, std::string> reached;
  std::vector<std::pair<std::string, std::string>> open = {{path, path}};
  while (!open.empty()) {
    const auto [file, chain] = open.back();
    open.pop_back();
    const auto found = tree.find(file);
    if (found == tree.end()) continue;
    for (const Include& include : found->second.includes) {
      const std::string longer = chain + " > " + include.path;
      if (reached.emplace(include.path, longer).second) open.push_back({include.path, longer});
    }
  }
  return reached;
}

// The chain by which `headers` are reached from `path`; empty if they are not.
std::string ChainTo(const std::map<std::string, std::string>& closure,
                    const std::vector<std::string>& headers) {
  for (const auto& [header, chain] : closure) {
    if (StartsWithAny(header, headers)) return chain;
  }
  return "";
}

// `torch_free` names the files of model/ that must do without LibTorch, from there and without
// ending ("files/gguf").
void CheckClashes(const Tree& tree, const std::set<std::string>& torch_free, Faults& faults) {
  const std::vector<std::string>& torch = LibraryNamed("LibTorch").headers;
  for (const auto& [path, file] : tree) {
    const auto closure = Closure(tree, path);
    const std::string torch_chain = ChainTo(closure, torch);
    const bool is_torch_free =
        IsUnder(path, {"data/", "serve/", "prm.cc", "tests/data/", "tests/serve/"}) ||
        (IsUnder(path, {"model/"}) &&
         torch_free.contains(
             fs::path(path).lexically_relative("model").replace_extension().generic_string()));
    if (is_torch_free && !torch_chain.empty()) {
      faults.push_back(StrCat(torch_chain, ": ", path, " must do without LibTorch"));
    }
    if (!torch_chain.empty() && !ChainTo(closure, {"fmt/", "spdlog/"}).empty()) {
      faults.push_back(StrCat(path, ": includes both LibTorch and fmt or spdlog"));
    }
    Faults clashing;
    for (const char* name : {"LibTorch", "gRPC", "SentencePiece"}) {
      if (!ChainTo(closure, LibraryNamed(name).headers).empty()) clashing.push_back(name);
    }
    if (clashing.size() > 1) {
      faults.push_back(StrCat(path, ": includes both ", clashing[0], " and ", clashing[1]));
    }
  }
}

// Two classes of one name in one program are undefined behaviour, and no tool says so. Each test
// and bench is a program of its own.
void CheckNames(const Tree& tree, Faults& faults) {
  std::map<std::string, std::string> first;
  for (const auto& [path, file] : tree) {
    if (IsUnder(path, {"tests/", "bench/"})) continue;
    for (const auto& [name, line] : file.types) {
      const std::string here = StrCat(path, ":", line);
      const auto [known, is_new] = first.emplace(name, here);
      if (!is_new)
        faults.push_back(StrCat(here, ": ", name, " is defined in ", known->second, " too"));
    }
  }
}

void CheckSizes(const Tree& tree, Faults& faults) {
  for (const auto& [path, file] : tree) {
    if (file.lines > kMaxLines) {
      faults.push_back(StrCat(path, ": ", file.lines, " lines, at most ", kMaxLines));
    } else if (file.lines > kWarnLines) {
      std::cout << "warning: " << path << ": " << file.lines << " lines, aim at " << kWarnLines
                << "\n";
    }
  }
}

void CheckReadmes(const fs::path& root, Faults& faults) {
  constexpr int kFewestLines = 3;
  for (const std::string& folder : kFolders) {
    const fs::path readme = root / folder / "README.md";
    std::ifstream in(readme);
    std::string line;
    int lines = 0;
    while (std::getline(in, line)) lines += !line.empty();
    if (lines < kFewestLines) {
      faults.push_back(StrCat(folder, "/README.md: ", lines,
                              " lines; say in about five what lives here and what may not"));
    }
  }
}

// The names that cmake/TorchFree.cmake lists in set(PRM_MODEL_TORCH_FREE ...).
std::set<std::string> TorchFreeNames(const fs::path& root) {
  std::ifstream in(root / "cmake" / "TorchFree.cmake");
  const std::string text(std::istreambuf_iterator<char>(in), {});
  static const std::regex kSet(R"(set\(PRM_MODEL_TORCH_FREE\s+([^)]*)\))");
  std::smatch match;
  if (!std::regex_search(text, match, kSet)) return {};
  std::istringstream names(match[1]);
  return {std::istream_iterator<std::string>(names), {}};
}

Faults CheckHouse(const fs::path& root) {
  const Tree tree = ReadTree(root);
  Faults faults;
  CheckLibraries(tree, faults);
  CheckDirections(tree, faults);
  CheckClashes(tree, TorchFreeNames(root), faults);
  CheckNames(tree, faults);
  CheckSizes(tree, faults);
  CheckReadmes(root, faults);
  return faults;
}

// --- tests ---------------------------------------------------------------------------------------

TEST(Layout, TheHouseHoldsItsBorders) {
  const fs::path root(PRM_SOURCE_DIR);
  ASSERT_GT(ReadTree(root).size(), 20u) << "the tree was not found at " << root;
  ASSERT_THAT(TorchFreeNames(root), ::testing::Contains("files/gguf"));
  EXPECT_THAT(CheckHouse(root), IsEmpty());
}

// A small house without a fault, in a temporary folder, to plant faults in.
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
    Write("model/files/gguf.cc", "#include \"model/step_scorer.h\"\n");
    Write("train/trainer.cc", "#include \"model/decoder/decoder.h\"\n");
    Write("serve/wire/codec.h", "#include \"model/step_scorer.h\"\n");
    Write("serve/wire/codec.cc", "#include \"prm/v1/scoring.pb.h\"\n#include <spdlog/spdlog.h>\n");
    Write("prm.cc", "#include \"serve/wire/codec.h\"\n#include <CLI/CLI.hpp>\n");
  }

  void Write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
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
  const Faults faults = Check();
  EXPECT_THAT(
      faults,
      ::testing::Contains(HasSubstr(
          "serve/wire/codec.h > model/step_scorer.h > model/decoder/decoder.h > ATen/ATen.h")));
  EXPECT_THAT(faults,
              ::testing::Contains(HasSubstr("model/files/gguf.cc must do without LibTorch")));
}

TEST_F(PlantedFault, FoldersPointingTheWrongWay) {
  Write("data/a.cc", "#include \"model/step_scorer.h\"\n");
  Write("model/b.cc", "#include \"serve/wire/codec.h\"\n");
  Write("serve/c.cc", "#include \"train/loss.h\"\n");
  Write("train/d.cc", "#include \"serve/wire/codec.h\"\n");
  Write("train/e.cc", "#include \"tests/fake.h\"\n");
  EXPECT_THAT(
      Check(),
      ElementsAre(HasSubstr("data may not see model"), HasSubstr("model may not see serve"),
                  HasSubstr("serve may not see train"), HasSubstr("train may not see serve"),
                  HasSubstr("train may not see tests")));
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
  Write("serve/c.cc", in_prm("namespace {\nstruct Other {};\n}  // namespace\nenum Kind {\n};\n"));
  Write("tests/d.cc", in_prm("struct Options {};\n"));
  EXPECT_THAT(Check(), ElementsAre("model/b.h:3: Options is defined in data/a.h:2 too",
                                   "serve/c.cc:5: Kind is defined in data/a.h:5 too"));
}

TEST_F(PlantedFault, AFileTooLong) {
  Write("data/long.cc", std::string(kMaxLines + 1, '\n'));
  Write("data/fits.cc", std::string(kMaxLines, '\n'));
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("data/long.cc: 601 lines, at most 600")));
}

TEST_F(PlantedFault, AFolderThatSaysNothing) {
  fs::remove(root_ / "serve/README.md");
  Write("train/README.md", "TODO\n");
  EXPECT_THAT(Check(),
              ElementsAre(HasSubstr("train/README.md: 1 lines"), HasSubstr("serve/README.md: 0")));
}

}  // namespace
}  // namespace prm
