#include "model/decoder/buffer_pool.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <malloc.h>
#include <sys/mman.h>

#include <bit>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace prm {
namespace {

constexpr size_t kSmallest = size_t{64} << 10;
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kSlab = size_t{64} << 20;  // buffers of up to a quarter of it are cut from a slab
// Above kMallocMaps malloc maps a block separately; above kMallocTrims it returns the end of its
// heap. At its default thresholds, small buffers are returned and cleared again on every pass.
constexpr int kMallocMaps = 8 << 20, kMallocTrims = 32 << 20;

// Rounds up to a multiple of an eighth of the power of two below. At most 1/8 is wasted, and
// batches of similar size share buffers.
size_t SizeClass(size_t bytes) {
  const size_t grain = std::bit_floor(bytes) / 8;
  return (bytes + grain - 1) / grain * grain;
}

class BufferPool : public c10::Allocator {
 public:
  explicit BufferPool(c10::Allocator* small) : small_(small) {}

  c10::DataPtr allocate(size_t bytes) override {
    if (bytes < kSmallest) return small_->allocate(bytes);
    void* data = Take(SizeClass(bytes));
    return {data, data, raw_deleter(), c10::Device(c10::kCPU)};
  }
  // Also called for buffers of `small_` by raw_deallocate.
  c10::DeleterFnPtr raw_deleter() const override { return &Release; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    std::memcpy(to, from, bytes);
  }

 private:
  void* Take(size_t bytes) {
    const std::lock_guard lock(mutex_);
    // Accepts a larger buffer: touching fresh memory costs more than the waste, and a run would
    // otherwise keep a set of buffers for every batch size.
    const auto free = free_.lower_bound(bytes);
    if (free != free_.end() && free->first <= 2 * bytes) {
      void* data = free->second;
      free_.erase(free);
      return data;
    }
    void* data = bytes <= kSlab / 4 ? Cut(bytes) : Map(bytes);
    class_of_.emplace(data, bytes);
    return data;
  }

  // Small buffers share huge pages. Mapped separately they would get 4 KiB pages, with one page
  // fault each.
  void* Cut(size_t bytes) {
    if (size_t(slab_end_ - slab_) < bytes) {
      slab_ = static_cast<std::byte*>(Map(kSlab));
      slab_end_ = slab_ + kSlab;
    }
    return std::exchange(slab_, slab_ + bytes);
  }

  // The result starts at a huge page.
  static void* Map(size_t bytes) {
    const size_t mapped = bytes + kHugePage;
    void* data = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    TORCH_CHECK(data != MAP_FAILED, "cannot allocate memory: ", bytes, " bytes");
    size_t space = mapped;
    std::align(kHugePage, bytes, data, space);
    madvise(data, bytes, MADV_HUGEPAGE);
    return data;
  }

  void Return(void* data) {
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = class_of_.find(data); found != class_of_.end()) {
        free_.emplace(found->second, data);
        return;
      }
    }
    small_->raw_deallocate(data);
  }
  static void Release(void* data);

  c10::Allocator* small_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::byte *slab_ = nullptr, *slab_end_ = nullptr;  // rest of the last slab
  std::multimap<size_t, void*> free_;                // by size class
  std::unordered_map<void*, size_t> class_of_;       // every buffer of this pool
};

// Never destroyed: tensors of static lifetime may outlive main.
BufferPool* Pool() {
  static BufferPool* const pool = new BufferPool(c10::GetCPUAllocator());
  return pool;
}

void BufferPool::Release(void* data) { Pool()->Return(data); }

}  // namespace

void InstallBufferPool() {
  c10::SetCPUAllocator(Pool(), /*priority=*/100);
  mallopt(M_MMAP_THRESHOLD, kMallocMaps);
  mallopt(M_TRIM_THRESHOLD, kMallocTrims);
}

}  // namespace prm
