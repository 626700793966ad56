#include <fstream>
#include <map>
#include <set>

#include "data/error.h"
#include "tests/layout/rules.h"

namespace prm {
namespace {

namespace fs = std::filesystem;

// Longer than kMaxLines, and how long at most. A file that is shortened leaves the list or lowers
// its number; none is added.
const std::map<std::string, size_t> kLongFiles = {
    {"data/algebra/expression_parser.cc", 481},
    {"data/analysis/step_lints.cc", 406},
    {"data/curation/check_html.cc", 416},
    {"data/math_text/relation_finder.cc", 444},
    {"model/exchange/peft.cc", 404},
    {"model/kernels/cpu/linear_bf16.cc", 438},
    {"model/kernels/prefix_attention.cc", 411},
    {"serve/service/session_service.cc", 462},
    {"tests/data/conversion/export_test.cc", 431},
    {"tests/data/formats/readers_test.cc", 587},
    {"tests/data/synth/synth_test.cc", 418},
    {"tests/model/exchange/import_test.cc", 506},
    {"tests/model/exchange/peft_test.cc", 498},
    {"tests/program/data_flags_test.cc", 401},
    {"tests/program/prm_test.cc", 407},
    {"tests/program/train_test.cc", 425},
    {"tests/serve/service/server_test.cc", 439},
    {"tests/serve/service/session_reactor_test.cc", 427},
    {"train/run.cc", 413},
};

bool IsUnderAny(const std::string& path, std::initializer_list<std::string_view> folders) {
  for (const std::string_view folder : folders) {
    if (path.starts_with(folder)) return true;
  }
  return false;
}

// Folders that hold sources.
std::set<std::string> RoomFolders(const Tree& tree) {
  std::set<std::string> folders;
  for (const auto& [path, file] : tree) {
    if (IsUnderAny(path, {"data/", "model/", "train/", "serve/"})) {
      folders.insert(fs::path(path).parent_path().generic_string());
    }
  }
  return folders;
}

}  // namespace

void CheckNames(const Tree& tree, Faults& faults) {
  std::map<std::string, std::string> first;
  for (const auto& [path, file] : tree) {
    if (IsUnderAny(path, {"tests/", "bench/"})) continue;
    for (const auto& [name, line] : file.types) {
      const std::string here = StrCat(path, ":", line);
      const auto [known, is_new] = first.emplace(name, here);
      if (!is_new)
        faults.push_back(StrCat(here, ": ", name, " is defined in ", known->second, " too"));
    }
  }
}

void CheckFileSizes(const Tree& tree, Faults& faults) {
  for (const auto& [path, file] : tree) {
    const auto known = kLongFiles.find(path);
    const size_t most = known == kLongFiles.end() ? kMaxLines : known->second;
    if (file.lines > most) {
      faults.push_back(StrCat(path, ": ", file.lines, " lines, at most ", most));
    } else if (known != kLongFiles.end() && file.lines < most) {
      faults.push_back(StrCat(path, ": ", file.lines, " lines: now lower its number ", most,
                              " in the list of long files"));
    }
  }
}

void CheckRoomSizes(const Tree& tree, Faults& faults) {
  std::map<std::string, std::set<std::string>> units;
  for (const auto& [path, file] : tree) {
    const std::string folder = fs::path(path).parent_path().generic_string();
    if (RoomFolders(tree).contains(folder)) units[folder].insert(UnitOf(path));
  }
  for (const auto& [folder, names] : units) {
    if (names.size() > kMaxUnits) {
      faults.push_back(StrCat(folder, ": ", names.size(), " units, at most ", kMaxUnits));
    }
  }
}

void CheckReadmes(const fs::path& root, const Tree& tree, Faults& faults) {
  constexpr int kFewestLines = 3;
  std::set<std::string> folders = RoomFolders(tree);
  folders.insert(kFolders.begin(), kFolders.end());
  for (const std::string& folder : folders) {
    std::ifstream in(root / folder / "README.md");
    std::string line;
    int lines = 0;
    while (std::getline(in, line)) lines += !line.empty();
    if (lines < kFewestLines) {
      faults.push_back(StrCat(folder, "/README.md: ", lines,
                              " lines; describe in about five what is here and what is not"));
    }
  }
}

void CheckTests(const Tree& tree, Faults& faults) {
  const std::set<std::string> rooms = RoomFolders(tree);
  for (const auto& [path, file] : tree) {
    if (!IsUnderAny(path, {"tests/data/", "tests/model/", "tests/train/", "tests/serve/"}))
      continue;
    if (!path.ends_with("_test.cc")) continue;
    const std::string room =
        fs::path(path).parent_path().lexically_relative("tests").generic_string();
    if (!rooms.contains(room)) faults.push_back(StrCat(path, ": there is no room ", room));
  }
}

Faults CheckHouse(const fs::path& root) {
  const Tree tree = ReadTree(root);
  Faults faults;
  CheckLibraries(tree, faults);
  CheckDirections(tree, faults);
  CheckRooms(tree, faults);
  CheckCycles(tree, faults);
  CheckClashes(tree, TorchFreeNames(root), faults);
  CheckNames(tree, faults);
  CheckFileSizes(tree, faults);
  CheckRoomSizes(tree, faults);
  CheckReadmes(root, tree, faults);
  CheckTests(tree, faults);
  return faults;
}

}  // namespace prm
