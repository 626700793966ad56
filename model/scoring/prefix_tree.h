// Which keys and values are kept, and in which blocks: a tree over token ids. Contains no tensors.
//
// A node is one block of up to kBlockTokens tokens. Only full blocks have children, and no node's
// tokens are a prefix of a sibling's. A trace that diverges in the middle of a block gets a copy of
// it, so every path is full blocks plus a last one.
// Source: Kwon et al. 2023, "PagedAttention", sections 4.1 and 4.3 (blocks, copy on write); Zheng
// et al. 2024, "SGLang", section 3 (a tree of prefixes, least recently used leaves evicted first).
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "data/scores.h"
#include "data/tokenizers/tokenizer.h"

namespace prm {

using BlockId = int32_t;
inline constexpr int kBlockTokens = 64;

struct BlockCopy {
  BlockId from = 0, to = 0;
  friend bool operator==(const BlockCopy&, const BlockCopy&) = default;
};

// Any thread, but one batch of paths at a time: acquire, compute, then commit or abort.
class PrefixTree {
 private:
  struct Node;

 public:
  // The blocks of one trace, held until Commit or Abort.
  class Path {
   public:
    // [ceil(T / kBlockTokens)]: token t is in blocks()[t / kBlockTokens], slot t % kBlockTokens.
    std::vector<BlockId> blocks() const;
    // Tokens before this index are kept, or belong to a path acquired earlier in the batch.
    int64_t reused() const { return reused_; }
    // A copy to make before this path's new tokens are written, after those of earlier paths.
    std::optional<BlockCopy> copy() const;

   private:
    friend class PrefixTree;
    std::vector<Node*> nodes_;
    Node* source_ = nullptr;  // the copy's source; also held
    int64_t reused_ = 0;
  };

  explicit PrefixTree(int64_t blocks);
  ~PrefixTree();
  PrefixTree(const PrefixTree&) = delete;
  PrefixTree& operator=(const PrefixTree&) = delete;

  // Allocates blocks for a trace. Evicts blocks that no path holds, least recently used leaves
  // first. Returns nullopt if there is not enough room. `ids` must not be empty.
  std::optional<Path> Acquire(std::span<const TokenId> ids);
  // Ends the batch: the new tokens of its paths are computed, and its paths hold nothing any more.
  void Commit(std::span<const Path> batch);
  // Ends the batch: its new tokens were not computed and are forgotten.
  void Abort(std::span<const Path> batch);

  // Forgets a trace. Blocks that other traces continue from stay. Call between batches.
  void Forget(std::span<const TokenId> ids);

  // Number of leading tokens that are kept.
  int64_t Match(std::span<const TokenId> ids) const;
  // The kept score of a token of the path.
  std::optional<StepScore> ScoreAt(const Path& path, int64_t token) const;
  void KeepScore(const Path& path, int64_t token, const StepScore& score);

  int64_t blocks() const { return total_; }
  int64_t free_blocks() const;
  // Length of the longest trace that fits if nothing else is held.
  int64_t max_tokens() const { return total_ * kBlockTokens; }

 private:
  struct ByTokens {
    using is_transparent = void;
    bool operator()(const Node* a, const Node* b) const;
    bool operator()(const Node* a, std::span<const TokenId> b) const;
    bool operator()(std::span<const TokenId> a, const Node* b) const;
  };
  using Children = std::set<Node*, ByTokens>;
  struct Node {
    Node* parent = nullptr;
    BlockId block = 0;
    std::vector<TokenId> tokens;  // [1 .. kBlockTokens]
    size_t computed = 0;          // how many of the tokens
    Children children;
    using SlotScore = std::pair<int, StepScore>;
    std::vector<SlotScore> scores;  // by slot, ascending
    int holders = 0;                // paths that end here or copy from here
    uint64_t last_used = 0;         // if it has no children
  };
  struct Found {
    Node* node = nullptr;
    size_t equal = 0;  // number of equal leading tokens
  };

  static Found BestChild(const Node& node, std::span<const TokenId> ids);
  bool ExtendLocked(Path* path, std::span<const TokenId> ids);
  std::vector<Node*> NewNodesLocked(std::span<const TokenId> ids);
  bool EvictOneLocked();
  void RemoveLocked(Node* leaf);
  void HoldLocked(Node* node);
  void LetGoLocked(Node* node);
  void LetGoLocked(std::span<const Path> batch);

  const int64_t total_;
  mutable std::mutex mutex_;
  // Guarded by mutex_:
  Node root_;
  std::vector<BlockId> free_;
  std::set<std::pair<uint64_t, Node*>> evictable_;  // no children, no holders
  std::vector<Node*> pending_;                      // nodes with uncomputed tokens, parents first
  uint64_t clock_ = 0;
};

}  // namespace prm
