// Parallel loops of the CPU bodies, on LibTorch's number of threads.
#pragma once

#include <ATen/Parallel.h>

#include <algorithm>

#include "model/kernels/cpu/thread_team.h"

namespace prm::ops {

// Calls body(i) for each i in [0, items). Threads take items in order as they become free: traces
// differ too much in length for equal shares.
template <class Body>
void ForEachItem(int64_t items, Body&& body) {
  const auto call = [](void* context, int64_t item) {
    (*static_cast<std::remove_reference_t<Body>*>(context))(item);
  };
  ThreadTeam::OfThisThread().ForEach(items, at::get_num_threads(), call,
                                     const_cast<void*>(static_cast<const void*>(&body)));
}

// Calls body(begin, end) over [0, count) in blocks of at most `block`.
template <class Body>
void ForEachBlock(int64_t count, int64_t block, Body&& body) {
  ForEachItem((count + block - 1) / block,
              [&](int64_t i) { body(i * block, std::min(count, (i + 1) * block)); });
}

}  // namespace prm::ops
