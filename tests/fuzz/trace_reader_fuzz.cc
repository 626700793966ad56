// Any bytes as a compressed file or as trace and score lines: read, or refused with prm::Error;
// what was accepted must survive being written and read again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "data/io/compression.h"
#include "data/records/score_lines.h"
#include "data/records/trace_reader.h"
#include "tests/fuzz/refusal.h"

namespace {

constexpr size_t kMaxDecompressedBytes = 1 << 20;

class MemorySource : public prm::ByteSource {
 public:
  explicit MemorySource(std::string_view bytes) : bytes_(bytes) {}
  size_t Read(char* out, size_t size) override {
    const size_t count = bytes_.copy(out, size);
    bytes_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view bytes_;
};

// What could be read before the end or the first damage.
std::string Unpacked(std::string_view bytes) {
  std::string text;
  MayRefuse([&] {
    const auto source = prm::Decompress(prm::DetectCompression(bytes),
                                        std::make_unique<MemorySource>(bytes), "fuzz");
    char buffer[4096];
    while (text.size() < kMaxDecompressedBytes) {
      const size_t count = source->Read(buffer, sizeof(buffer));
      if (count == 0) break;
      text.append(buffer, count);
    }
  });
  return text;
}

void RequireEqual(const std::string& first, const std::string& again) {
  if (first == again) return;
  std::cerr << "written: " << first << "\nread and written again: " << again << "\n";
  std::abort();
}

template <class Parse, class Format>
void RoundTrip(std::string_view line, Parse parse, Format format) {
  std::string written;
  MayRefuse([&] { written = format(parse(line, "fuzz:1")); });
  if (!written.empty()) RequireEqual(written, format(parse(written, "written")));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text = Unpacked({reinterpret_cast<const char*>(data), size});
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    RoundTrip(line, prm::ParseTrace, prm::TraceToJson);
    RoundTrip(line, prm::ParseScoreLine, prm::ScoreLineToJson);
    begin = end + 1;
  }
  return 0;
}
