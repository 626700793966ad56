// Keeps large CPU tensor buffers for reuse, so that every batch touches the same pages.
#pragma once

namespace prm {

// Installs the pool as LibTorch's CPU allocator for the rest of the process; a second call does
// nothing. Without it every large buffer is mapped, faulted in page by page and unmapped again: a
// tenth of a training step. Buffers of at least 64 KiB are rounded up to an eighth of a power of
// two, placed in huge pages if available, and kept when freed. Smaller ones use LibTorch's own
// allocator, and malloc keeps up to 32 MiB of freed memory. Any thread.
void InstallBufferPool();

}  // namespace prm
