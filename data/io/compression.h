// Gzip and xz as byte streams, for data/io/text_io.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace prm {

enum class Compression { kNone, kGzip, kXz };

// Detects by the leading bytes; pass at least 6, fewer only if the stream is shorter.
Compression DetectCompression(std::string_view head);
// By the file name's ending: .gz, .xz; anything else is kNone.
Compression CompressionOfName(std::string_view name);

// A stream of bytes; used by one thread at a time.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Reads up to `size` > 0 bytes; returns 0 only at the end. Throws Error.
  virtual size_t Read(char* out, size_t size) = 0;
};

// Decompresses `input`. Consecutive members are joined, as the gzip and xz programs do. Throws
// Error(kDataLoss) naming `name` for corrupt or truncated data, bytes after the last member, and xz
// streams that need more than 128 MiB of memory (xz -9 needs 65).
std::unique_ptr<ByteSource> Decompress(Compression compression, std::unique_ptr<ByteSource> input,
                                       const std::string& name);

// Compresses to a string piece by piece; used by one thread at a time.
class Compressor {
 public:
  virtual ~Compressor() = default;
  // Appends the available output to `*out`; with `finish` (once, at the end) all the rest.
  virtual void Add(std::string_view bytes, bool finish, std::string* out) = 0;
};

std::unique_ptr<Compressor> NewCompressor(Compression compression);

}  // namespace prm
