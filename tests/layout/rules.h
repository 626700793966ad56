// The rules of the house. Each adds its faults as "path:line: what".
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "tests/layout/tree.h"

namespace prm {

using Faults = std::vector<std::string>;

// --- includes ------------------------------------------------------------------------------------

// A library only where it belongs.
void CheckLibraries(const Tree& tree, Faults& faults);
// train/ and serve/ do not know each other, nothing knows the tests.
void CheckDirections(const Tree& tree, Faults& faults);
// A room includes only itself and the rooms before it, in one order for the whole house.
void CheckRooms(const Tree& tree, Faults& faults);
// No file includes itself by way of others; a header and its source count as one.
void CheckCycles(const Tree& tree, Faults& faults);
// Libraries that cannot stand in one file. `torch_free` names the files of model/ that must do
// without LibTorch, from there and without ending ("files/gguf").
void CheckClashes(const Tree& tree, const std::set<std::string>& torch_free, Faults& faults);
// The names that cmake/TorchFree.cmake lists in set(PRM_MODEL_TORCH_FREE ...).
std::set<std::string> TorchFreeNames(const std::filesystem::path& root);

// --- size and names ------------------------------------------------------------------------------

inline constexpr size_t kMaxLines = 400;
inline constexpr size_t kMaxUnits = 16;

// Two classes of one name in one program are undefined behaviour, and no tool says so. Each test
// and bench is a program of its own.
void CheckNames(const Tree& tree, Faults& faults);
// No file above kMaxLines but those of a list that may only shrink.
void CheckFileSizes(const Tree& tree, Faults& faults);
// No room above kMaxUnits, a header and its source counted once.
void CheckRoomSizes(const Tree& tree, Faults& faults);
// Every room says what lives there and what does not.
void CheckReadmes(const std::filesystem::path& root, const Tree& tree, Faults& faults);
// Tests of a room stand in a folder of its name.
void CheckTests(const Tree& tree, Faults& faults);

Faults CheckHouse(const std::filesystem::path& root);

}  // namespace prm
