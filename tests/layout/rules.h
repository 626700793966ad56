// The layout rules of the project. Each check adds its faults as "path:line: what".
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "tests/layout/tree.h"

namespace prm {

using Faults = std::vector<std::string>;

// --- includes ------------------------------------------------------------------------------------

// A library is included only in its rooms.
void CheckLibraries(const Tree& tree, Faults& faults);
// train/ and serve/ do not include each other; nothing includes the tests.
void CheckDirections(const Tree& tree, Faults& faults);
// A room includes only itself and earlier rooms, in one order for the whole project.
void CheckRooms(const Tree& tree, Faults& faults);
// No include cycles; a header and its source count as one unit.
void CheckCycles(const Tree& tree, Faults& faults);
// No file includes libraries that clash. `torch_free` names the files of model/ that must not
// include LibTorch, relative to model/ and without extension ("files/gguf").
void CheckClashes(const Tree& tree, const std::set<std::string>& torch_free, Faults& faults);
// Returns the names that cmake/TorchFree.cmake lists in set(PRM_MODEL_TORCH_FREE ...).
std::set<std::string> TorchFreeNames(const std::filesystem::path& root);

// --- size and names ------------------------------------------------------------------------------

inline constexpr size_t kMaxLines = 400;
inline constexpr size_t kMaxUnits = 16;

// Class names are unique per program: duplicates are undefined behaviour that no tool reports. Each
// test and bench is a separate program.
void CheckNames(const Tree& tree, Faults& faults);
// No file exceeds kMaxLines, except those of a list that may only shrink.
void CheckFileSizes(const Tree& tree, Faults& faults);
// No room exceeds kMaxUnits; a header and its source count as one unit.
void CheckRoomSizes(const Tree& tree, Faults& faults);
// Every room has a README that describes its content and what is elsewhere.
void CheckReadmes(const std::filesystem::path& root, const Tree& tree, Faults& faults);
// Tests of a room are in a folder of the same name.
void CheckTests(const Tree& tree, Faults& faults);

Faults CheckHouse(const std::filesystem::path& root);

}  // namespace prm
