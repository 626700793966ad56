// The source files on disk, with the includes and the types of each.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace prm {

struct Include {
  size_t line = 0;
  std::string path;
};

struct SourceFile {
  std::vector<Include> includes;
  // Classes and enumerations that it defines in namespace prm (visible to the linker), by name,
  // with the line.
  std::vector<std::pair<std::string, size_t>> types;
  size_t lines = 0;
};

// By path from the root: "data/trace.h".
using Tree = std::map<std::string, SourceFile>;

// The top-level folders.
extern const std::vector<std::string> kFolders;

// "data" of "data/text/utf8.h"; "" of "prm.cc".
std::string FolderOf(std::string_view path);
// "data/text/utf8" of its header and its source.
std::string UnitOf(const std::string& path);
// "data/text" of "data/text/utf8.h". Commands (commands.h, *_command.cc, *_flags.h) may include
// more than the room they are in: "data's commands".
std::string RoomOf(const std::string& path);

Tree ReadTree(const std::filesystem::path& root);

}  // namespace prm
