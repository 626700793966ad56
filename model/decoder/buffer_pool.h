// Keeps large CPU tensor buffers for reuse, so that batch after batch touches the same pages.
#pragma once

namespace prm {

// Installs the pool as LibTorch's CPU allocator for the rest of the process; a second call does
// nothing. Without it every large buffer is mapped, faulted in page by page and unmapped again: a
// tenth of a training step. Buffers of at least 64 KiB are rounded up to an eighth of a power of
// two, lie in huge pages where the system has them, and are kept when freed; smaller ones go to
// LibTorch's own allocator, and malloc is told to keep what is freed, too, up to 32 MiB. Any
// thread.
void InstallBufferPool();

}  // namespace prm
