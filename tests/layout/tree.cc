#include "tests/layout/tree.h"

#include <fstream>
#include <regex>
#include <set>

#include "data/error.h"

namespace prm {
namespace {

namespace fs = std::filesystem;

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

bool IsOfCommands(const fs::path& path) {
  const std::string stem = path.stem().string();
  return stem == "commands" || stem.ends_with("_command") || stem.ends_with("_flags");
}

}  // namespace

const std::vector<std::string> kFolders = {"data",  "model", "train", "serve",
                                           "proto", "bench", "tests", "scripts"};

std::string FolderOf(std::string_view path) {
  const size_t slash = path.find('/');
  return std::string(slash == path.npos ? "" : path.substr(0, slash));
}

std::string UnitOf(const std::string& path) {
  return fs::path(path).replace_extension().generic_string();
}

std::string RoomOf(const std::string& path) {
  if (IsOfCommands(path)) return FolderOf(path) + "'s commands";
  return fs::path(path).parent_path().generic_string();
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

}  // namespace prm
