#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <regex>
#include <sstream>
#include <string_view>
#include <utility>

#include "data/error.h"
#include "tests/layout/rules.h"

namespace prm {
namespace {

namespace fs = std::filesystem;

// A room may include only itself and earlier ones.
const std::vector<std::string> kRooms = {"data",
                                         "data/text",
                                         "data/io",
                                         "data/metrics",
                                         "data/answers",
                                         "data/pretokenizers",
                                         "data/tokenizers",
                                         "data/records",
                                         "data/report",
                                         "data/agreement",
                                         "data/annotation",
                                         "data/math_text",
                                         "data/algebra",
                                         "data/symbolic",
                                         "data/synth",
                                         "data/similarity",
                                         "data/analysis",
                                         "data/curation",
                                         "data/formats",
                                         "data/conversion",
                                         "data's commands",  //
                                         "model/config",
                                         "model/ops",
                                         "model/kernels/cpu",
                                         "model/kernels/cuda",
                                         "model/kernels",
                                         "model/files",
                                         "model",
                                         "model/decoder",
                                         "model/scoring",
                                         "model/exchange",
                                         "model's commands",
                                         "train",
                                         "train's commands",  //
                                         "serve/wire",
                                         "serve/batching",
                                         "serve/service",
                                         "serve/client",
                                         "serve/load",
                                         "serve's commands",
                                         ""};

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
  };
  return libraries;
}

const Library& LibraryNamed(std::string_view name) {
  return *std::find_if(Libraries().begin(), Libraries().end(),
                       [&](const Library& library) { return library.name == name; });
}

bool IsOfHouse(const std::string& path) {
  return IsUnder(path, {"data/", "model/", "train/", "serve/"}) || path == "prm.cc";
}

// Maps every header that `path` includes, directly or through our headers, to the chain of includes
// that leads there ("serve/a.h > model/b.h > ATen/ATen.h").
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

// The chain of includes from `path` to one of `headers`; empty if there is none.
std::string ChainTo(const std::map<std::string, std::string>& closure,
                    const std::vector<std::string>& headers) {
  for (const auto& [header, chain] : closure) {
    if (StartsWithAny(header, headers)) return chain;
  }
  return "";
}

// Groups of units that include each other, each group once and sorted.
class Cycles {
 public:
  explicit Cycles(const std::map<std::string, std::set<std::string>>& edges) : edges_(edges) {
    for (const auto& [unit, to] : edges_) {
      if (!index_.contains(unit)) Visit(unit);
    }
  }
  const std::vector<std::vector<std::string>>& found() const { return found_; }

 private:
  // Source: Tarjan 1972, "Depth-first search and linear graph algorithms", section 4.
  int Visit(const std::string& unit) {
    const int index = int(index_.size());
    index_[unit] = index;
    open_.push_back(unit);
    int lowest = index;
    const auto edges = edges_.find(unit);
    for (const std::string& to : edges == edges_.end() ? std::set<std::string>{} : edges->second) {
      if (!index_.contains(to)) {
        lowest = std::min(lowest, Visit(to));
      } else if (std::ranges::find(open_, to) != open_.end()) {
        lowest = std::min(lowest, index_[to]);
      }
    }
    if (lowest == index) Close(unit);
    return lowest;
  }
  void Close(const std::string& unit) {
    const auto first = std::ranges::find(open_, unit);
    std::vector<std::string> group(first, open_.end());
    open_.erase(first, open_.end());
    std::ranges::sort(group);
    if (group.size() > 1) found_.push_back(group);
  }

  const std::map<std::string, std::set<std::string>>& edges_;
  std::map<std::string, int> index_;
  std::vector<std::string> open_;
  std::vector<std::vector<std::string>> found_;
};

}  // namespace

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

void CheckRooms(const Tree& tree, Faults& faults) {
  const auto place = [](const std::string& room) { return std::ranges::find(kRooms, room); };
  std::set<std::string> unknown;
  for (const auto& [path, file] : tree) {
    if (!IsOfHouse(path)) continue;
    const std::string room = RoomOf(path);
    if (place(room) == kRooms.end() && unknown.insert(room).second) {
      faults.push_back(StrCat(path, ": the room ", room, " is not in the order of rooms"));
    }
    for (const Include& include : file.includes) {
      if (!tree.contains(include.path) || !IsOfHouse(include.path)) continue;
      const std::string other = RoomOf(include.path);
      if (place(other) <= place(room) || unknown.contains(room)) continue;
      faults.push_back(StrCat(path, ":", include.line, ": ", room, " may not see ", other,
                              ", which comes after it in the order of rooms"));
    }
  }
}

void CheckCycles(const Tree& tree, Faults& faults) {
  std::map<std::string, std::set<std::string>> edges;
  for (const auto& [path, file] : tree) {
    for (const Include& include : file.includes) {
      const std::string from = UnitOf(path), to = UnitOf(include.path);
      if (tree.contains(include.path) && from != to) edges[from].insert(to);
    }
  }
  const Cycles cycles(edges);
  for (const std::vector<std::string>& group : cycles.found()) {
    std::string names;
    for (const std::string& unit : group) names += StrCat(names.empty() ? "" : ", ", unit);
    faults.push_back(StrCat("these include each other: ", names));
  }
}

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

}  // namespace prm
