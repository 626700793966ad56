#include "model/files/gguf.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <set>
#include <type_traits>
#include <utility>

#include "data/error.h"

namespace prm {
namespace {

static_assert(std::endian::native == std::endian::little, "only little-endian files are read");

constexpr uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr int64_t kDefaultAlignment = 32;
constexpr int64_t kMaxAlignment = 1 << 20;
constexpr uint32_t kMaxDimensions = 4;
// Limits above those of published models (vocabularies of 2^18 tokens, mixtures of experts with
// 2^17 tensors). They bound memory use whatever the file's size.
constexpr uint64_t kMaxKeys = 1 << 16;
constexpr uint64_t kMaxTensors = 1 << 20;
constexpr uint64_t kMaxArrayLength = 1 << 24;
constexpr uint64_t kMaxStringBytes = 1 << 26;
constexpr uint64_t kMaxHeaderBytes = 1 << 28;
// The smallest encodings: empty key, type, one byte; empty name, no dimension, type, offset.
constexpr uint64_t kMinPairBytes = 8 + 4 + 1;
constexpr uint64_t kMinTensorBytes = 8 + 4 + 4 + 8;

enum ValueType : uint32_t {
  kUint8,
  kInt8,
  kUint16,
  kInt16,
  kUint32,
  kInt32,
  kFloat32,
  kBool,
  kString,
  kArray,
  kUint64,
  kInt64,
  kFloat64,
};

// Names of ggml_type; those with a DType can be read.
struct TensorType {
  uint32_t id;
  std::string_view name;
  std::optional<DType> dtype;
};
constexpr std::array kTensorTypes = {
    TensorType{0, "F32", DType::kFloat32},
    TensorType{1, "F16", DType::kFloat16},
    TensorType{2, "Q4_0", DType::kQ4_0},
    TensorType{3, "Q4_1", DType::kQ4_1},
    TensorType{6, "Q5_0", {}},
    TensorType{7, "Q5_1", {}},
    TensorType{8, "Q8_0", DType::kQ8_0},
    TensorType{9, "Q8_1", {}},
    TensorType{10, "Q2_K", {}},
    TensorType{11, "Q3_K", {}},
    TensorType{12, "Q4_K", {}},
    TensorType{13, "Q5_K", {}},
    TensorType{14, "Q6_K", {}},
    TensorType{15, "Q8_K", {}},
    TensorType{16, "IQ2_XXS", {}},
    TensorType{17, "IQ2_XS", {}},
    TensorType{18, "IQ3_XXS", {}},
    TensorType{19, "IQ1_S", {}},
    TensorType{20, "IQ4_NL", {}},
    TensorType{21, "IQ3_S", {}},
    TensorType{22, "IQ2_S", {}},
    TensorType{23, "IQ4_XS", {}},
    TensorType{24, "I8", {}},
    TensorType{25, "I16", {}},
    TensorType{26, "I32", {}},
    TensorType{27, "I64", DType::kInt64},
    TensorType{28, "F64", {}},
    TensorType{29, "IQ1_M", {}},
    TensorType{30, "BF16", DType::kBFloat16},
    TensorType{34, "TQ1_0", {}},
    TensorType{35, "TQ2_0", {}},
    TensorType{39, "MXFP4", {}},
};

// Reads little-endian values one after another, never past the end.
class Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, std::string_view where) : bytes_(bytes), where_(where) {}

  uint64_t position() const { return position_; }
  uint64_t remaining() const { return bytes_.size() - position_; }

  [[noreturn]] void Fail(const std::string& what) const {
    throw Error(ErrorCode::kDataLoss, StrCat(where_, ": byte ", position_, ": ", what));
  }

  template <class T>
  T Read(std::string_view what) {
    if (remaining() < sizeof(T)) {
      Fail(StrCat("the file ends inside ", what, "; it is cut off"));
    }
    T value;
    std::memcpy(&value, bytes_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return value;
  }

  // Reads a count of items that take at least `min_bytes` each.
  uint64_t Count(std::string_view what, uint64_t min_bytes, uint64_t max) {
    const uint64_t count = Read<uint64_t>(what);
    if (count <= max && count <= remaining() / min_bytes) return count;
    position_ -= sizeof(count);
    if (count <= max || count > remaining() / min_bytes) {
      Fail(StrCat(what, " is ", count, ", more than the ", remaining(), " bytes left can hold"));
    }
    Fail(StrCat(what, " is ", count, "; expected at most ", max));
  }

  std::string String(std::string_view what) {
    if (position_ > kMaxHeaderBytes) {
      Fail(StrCat("more than ", kMaxHeaderBytes, " bytes before the tensors' data"));
    }
    const uint64_t length = Count(what, 1, kMaxStringBytes);
    std::string text(reinterpret_cast<const char*>(bytes_.data()) + position_, length);
    position_ += length;
    return text;
  }

 private:
  std::span<const std::byte> bytes_;
  std::string_view where_;
  uint64_t position_ = 0;
};

// Minimum size in bytes of a value of `type`; 0 for arrays and unknown types.
uint64_t MinValueBytes(uint32_t type) {
  constexpr std::array<uint8_t, 13> kSizes = {1, 1, 2, 2, 4, 4, 4, 1, 8, 0, 8, 8, 8};
  return type < kSizes.size() ? kSizes[type] : 0;
}

int64_t ReadUint64(Cursor* cursor) {
  const uint64_t value = cursor->Read<uint64_t>("a value");
  if (value > uint64_t{INT64_MAX}) cursor->Fail(StrCat("value ", value, " is not below 2^63"));
  return static_cast<int64_t>(value);
}

bool ReadBool(Cursor* cursor) {
  const uint8_t value = cursor->Read<uint8_t>("a boolean");
  if (value > 1) cursor->Fail(StrCat("boolean is ", int{value}, "; expected 0 or 1"));
  return value == 1;
}

template <class Element, class Read>
GgufValue ReadElements(uint64_t count, bool array, Read read) {
  if (!array) return GgufValue(Element(read()));
  std::vector<Element> values;
  values.reserve(count);
  for (uint64_t i = 0; i < count; ++i) values.push_back(Element(read()));
  return GgufValue(std::move(values));
}

GgufValue ReadValues(Cursor* cursor, uint32_t type, uint64_t count, bool array) {
  const auto number = [&]<class Element, class Stored>() {
    return ReadElements<Element>(count, array, [&] { return cursor->Read<Stored>("a value"); });
  };
  switch (type) {
    case kUint8:
      return number.template operator()<int64_t, uint8_t>();
    case kInt8:
      return number.template operator()<int64_t, int8_t>();
    case kUint16:
      return number.template operator()<int64_t, uint16_t>();
    case kInt16:
      return number.template operator()<int64_t, int16_t>();
    case kUint32:
      return number.template operator()<int64_t, uint32_t>();
    case kInt32:
      return number.template operator()<int64_t, int32_t>();
    case kInt64:
      return number.template operator()<int64_t, int64_t>();
    case kFloat32:
      return number.template operator()<double, float>();
    case kFloat64:
      return number.template operator()<double, double>();
    case kUint64:
      return ReadElements<int64_t>(count, array, [&] { return ReadUint64(cursor); });
    case kBool:
      return ReadElements<bool>(count, array, [&] { return ReadBool(cursor); });
    default:
      return ReadElements<std::string>(count, array, [&] { return cursor->String("a string"); });
  }
}

GgufValue ReadValue(Cursor* cursor, const std::string& key) {
  uint32_t type = cursor->Read<uint32_t>("a value type");
  const bool array = type == kArray;
  if (array) type = cursor->Read<uint32_t>("an array's element type");
  const uint64_t min_bytes = MinValueBytes(type);
  if (min_bytes == 0) {
    cursor->Fail(StrCat("key '", key, "' has value type ", type, array ? " in an array" : "",
                        ", which is not supported"));
  }
  const uint64_t count = array ? cursor->Count("an array's length", min_bytes, kMaxArrayLength) : 1;
  return ReadValues(cursor, type, count, array);
}

struct TensorEntry {
  TensorView view;
  uint64_t offset = 0;
};

DType ReadTensorType(Cursor* cursor, const std::string& name, std::string_view where) {
  const uint32_t id = cursor->Read<uint32_t>("a tensor's type");
  const auto* found = std::ranges::find(kTensorTypes, id, &TensorType::id);
  if (found != kTensorTypes.end() && found->dtype) return *found->dtype;
  const std::string type =
      found == kTensorTypes.end() ? StrCat("type ", id) : std::string(found->name);
  throw Error(ErrorCode::kUnimplemented,
              StrCat(where, ": tensor ", name, " is stored as ", type,
                     ", which is not supported; expected F32, F16, BF16, Q4_0, Q4_1 or Q8_0"));
}

TensorEntry ReadTensorEntry(Cursor* cursor, std::string_view where) {
  TensorEntry entry;
  TensorView& view = entry.view;
  view.name = cursor->String("a tensor's name");
  const uint32_t dimensions = cursor->Read<uint32_t>("a tensor's rank");
  if (dimensions == 0 || dimensions > kMaxDimensions) {
    cursor->Fail(StrCat("tensor ", view.name, " has ", dimensions, " dimensions; expected 1 to ",
                        kMaxDimensions));
  }
  for (uint32_t i = 0; i < dimensions; ++i) view.shape.push_back(ReadUint64(cursor));
  std::ranges::reverse(view.shape);  // stored innermost first
  view.dtype = ReadTensorType(cursor, view.name, where);
  const std::optional<int64_t> bytes = StorageBytes(view.dtype, view.shape);
  if (!bytes || *bytes == 0) {
    cursor->Fail(StrCat("tensor ", view.name, " has shape ", ShapeString(view.shape),
                        ", impossible for ", DTypeName(view.dtype)));
  }
  view.bytes = static_cast<size_t>(*bytes);
  entry.offset = cursor->Read<uint64_t>("a tensor's offset");
  return entry;
}

void CheckVersion(uint32_t version, std::string_view where) {
  if (version == 2 || version == 3) return;
  const bool swapped = version == 0x02000000u || version == 0x03000000u;
  throw Error(ErrorCode::kUnimplemented,
              StrCat(where, ": GGUF version ", version, swapped ? " (big-endian)" : "",
                     " is not supported; expected 2 or 3, little-endian"));
}

uint64_t Alignment(const GgufContents& contents, std::string_view where) {
  const auto found = contents.metadata.find("general.alignment");
  if (found == contents.metadata.end()) return kDefaultAlignment;
  const int64_t* value = std::get_if<int64_t>(&found->second);
  const bool good = value != nullptr && *value > 0 && *value <= kMaxAlignment &&
                    std::has_single_bit(static_cast<uint64_t>(*value));
  if (!good) {
    throw Error(ErrorCode::kDataLoss,
                StrCat(where, ": general.alignment is not a power of two up to ", kMaxAlignment));
  }
  return static_cast<uint64_t>(*value);
}

// Points each view at its bytes: aligned, inside the file, none overlapping another.
void PlaceTensors(std::vector<TensorEntry>* entries, std::span<const std::byte> bytes,
                  uint64_t header_end, uint64_t alignment, std::string_view where) {
  const uint64_t start = (header_end + alignment - 1) / alignment * alignment;
  const uint64_t available = start <= bytes.size() ? bytes.size() - start : 0;
  std::ranges::sort(*entries, {}, &TensorEntry::offset);
  uint64_t free_from = 0;
  for (TensorEntry& entry : *entries) {
    const auto fail = [&](const std::string& what) {
      throw Error(ErrorCode::kDataLoss, StrCat(where, ": tensor ", entry.view.name, " at offset ",
                                               entry.offset, " of the data ", what));
    };
    if (entry.offset > available || entry.view.bytes > available - entry.offset) {
      fail(StrCat("takes ", entry.view.bytes, " bytes, but the file has ", available,
                  " bytes of data; it is cut off or damaged"));
    }
    if (entry.offset % alignment != 0) fail(StrCat("is not aligned to ", alignment, " bytes"));
    if (entry.offset < free_from) fail("overlaps another tensor");
    free_from = entry.offset + entry.view.bytes;
    entry.view.data = bytes.data() + start + entry.offset;
  }
}

}  // namespace

GgufContents ParseGguf(std::span<const std::byte> bytes, std::string_view where) {
  Cursor cursor(bytes, where);
  if (cursor.Read<uint32_t>("the magic number") != kMagic) {
    throw Error(ErrorCode::kDataLoss, StrCat(where, ": does not begin with GGUF"));
  }
  GgufContents contents;
  contents.version = cursor.Read<uint32_t>("the version");
  CheckVersion(contents.version, where);
  const uint64_t tensors = cursor.Count("the number of tensors", kMinTensorBytes, kMaxTensors);
  const uint64_t pairs = cursor.Count("the number of metadata keys", kMinPairBytes, kMaxKeys);
  for (uint64_t i = 0; i < pairs; ++i) {
    std::string key = cursor.String("a metadata key");
    GgufValue value = ReadValue(&cursor, key);
    if (!contents.metadata.emplace(key, std::move(value)).second) {
      cursor.Fail(StrCat("metadata key '", key, "' appears twice"));
    }
  }
  std::vector<TensorEntry> entries;
  std::set<std::string> names;
  for (uint64_t i = 0; i < tensors; ++i) {
    entries.push_back(ReadTensorEntry(&cursor, where));
    if (!names.insert(entries.back().view.name).second) {
      cursor.Fail(StrCat("tensor ", entries.back().view.name, " is listed twice"));
    }
  }
  PlaceTensors(&entries, bytes, cursor.position(), Alignment(contents, where), where);
  for (TensorEntry& entry : entries) contents.tensors.push_back(std::move(entry.view));
  return contents;
}

}  // namespace prm
