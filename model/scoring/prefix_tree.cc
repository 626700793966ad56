#include "model/scoring/prefix_tree.h"

#include <algorithm>
#include <iterator>
#include <numeric>

namespace prm {
namespace {

size_t EqualTokens(std::span<const TokenId> a, std::span<const TokenId> b) {
  const size_t count = std::min(a.size(), b.size());
  return size_t(std::mismatch(a.begin(), a.begin() + count, b.begin()).first - a.begin());
}

}  // namespace

bool PrefixTree::ByTokens::operator()(const Node* a, const Node* b) const {
  return std::ranges::lexicographical_compare(a->tokens, b->tokens);
}
bool PrefixTree::ByTokens::operator()(const Node* a, std::span<const TokenId> b) const {
  return std::ranges::lexicographical_compare(a->tokens, b);
}
bool PrefixTree::ByTokens::operator()(std::span<const TokenId> a, const Node* b) const {
  return std::ranges::lexicographical_compare(a, b->tokens);
}

std::vector<BlockId> PrefixTree::Path::blocks() const {
  std::vector<BlockId> blocks;
  for (const Node* node : nodes_) blocks.push_back(node->block);
  return blocks;
}

std::optional<BlockCopy> PrefixTree::Path::copy() const {
  if (source_ == nullptr) return std::nullopt;
  return BlockCopy{source_->block, nodes_[size_t(reused_ / kBlockTokens)]->block};
}

PrefixTree::PrefixTree(int64_t blocks) : total_(blocks), free_(size_t(blocks)) {
  std::iota(free_.rbegin(), free_.rend(), BlockId{0});
}

PrefixTree::~PrefixTree() {
  std::vector<Node*> nodes(root_.children.begin(), root_.children.end());
  while (!nodes.empty()) {
    Node* node = nodes.back();
    nodes.pop_back();
    nodes.insert(nodes.end(), node->children.begin(), node->children.end());
    delete node;
  }
}

// Children are ordered by tokens, so the one sharing most with `ids` is next to its place.
PrefixTree::Found PrefixTree::BestChild(const Node& node, std::span<const TokenId> ids) {
  Found best;
  const auto consider = [&](Node* child) {
    const size_t equal = EqualTokens(child->tokens, ids);
    if (equal > best.equal) best = {child, equal};
  };
  const auto next = node.children.lower_bound(ids);
  if (next != node.children.end()) consider(*next);
  if (next != node.children.begin()) consider(*std::prev(next));
  return best;
}

std::optional<PrefixTree::Path> PrefixTree::Acquire(std::span<const TokenId> ids) {
  const std::lock_guard lock(mutex_);
  Path path;
  const Node* node = &root_;
  size_t done = 0;
  while (done < ids.size()) {
    const Found found = BestChild(*node, ids.subspan(done));
    if (found.node == nullptr) break;
    done += found.equal;
    const bool all = found.equal == found.node->tokens.size();
    if (!all && done < ids.size()) {
      path.source_ = found.node;
      break;
    }
    path.nodes_.push_back(found.node);
    node = found.node;
    if (found.equal < size_t(kBlockTokens)) break;
  }
  path.reused_ = int64_t(done);
  if (!path.nodes_.empty()) HoldLocked(path.nodes_.back());
  if (path.source_ != nullptr) HoldLocked(path.source_);
  if (done == ids.size() || ExtendLocked(&path, ids)) return path;
  if (!path.nodes_.empty()) LetGoLocked(path.nodes_.back());
  if (path.source_ != nullptr) LetGoLocked(path.source_);
  return std::nullopt;
}

// Adds the tokens that are not kept: to the path's last node, which is held, and in nodes after it.
// Returns false if there is no room; then nothing changed except evictions.
bool PrefixTree::ExtendLocked(Path* path, std::span<const TokenId> ids) {
  const size_t done = size_t(path->reused_);
  Node* const held = path->nodes_.empty() ? nullptr : path->nodes_.back();
  const size_t open = held ? size_t(kBlockTokens) - held->tokens.size() : 0;
  const std::span<const TokenId> in_place = ids.subspan(done, std::min(open, ids.size() - done));
  // A copy starts where its source block starts.
  const size_t begin = path->source_ ? done - done % kBlockTokens : done + in_place.size();
  const std::vector<Node*> made = NewNodesLocked(ids.subspan(begin));
  if (made.empty() && begin < ids.size()) return false;
  if (!in_place.empty()) {
    if (held->computed == held->tokens.size()) pending_.push_back(held);
    held->tokens.insert(held->tokens.end(), in_place.begin(), in_place.end());
  }
  if (made.empty()) return true;
  if (path->source_) {
    std::ranges::copy_if(path->source_->scores, std::back_inserter(made[0]->scores),
                         [&](const auto& score) { return score.first < int(done - begin); });
  }
  Node* parent = held ? held : &root_;
  for (Node* node : made) {
    node->parent = parent;
    parent->children.insert(node);
    parent = node;
  }
  pending_.insert(pending_.end(), made.begin(), made.end());
  path->nodes_.insert(path->nodes_.end(), made.begin(), made.end());
  HoldLocked(made.back());
  if (held) LetGoLocked(held);
  return true;
}

// Makes nodes of `ids`, all full except the last, not yet in the tree; empty if blocks run out.
std::vector<PrefixTree::Node*> PrefixTree::NewNodesLocked(std::span<const TokenId> ids) {
  const size_t count = (ids.size() + kBlockTokens - 1) / kBlockTokens;
  while (free_.size() < count) {
    if (!EvictOneLocked()) return {};
  }
  std::vector<Node*> nodes;
  for (; !ids.empty(); ids = ids.subspan(nodes.back()->tokens.size())) {
    const auto tokens = ids.first(std::min(ids.size(), size_t(kBlockTokens)));
    Node* node = new Node;
    node->block = free_.back();
    free_.pop_back();
    node->tokens.assign(tokens.begin(), tokens.end());
    nodes.push_back(node);
  }
  return nodes;
}

bool PrefixTree::EvictOneLocked() {
  if (evictable_.empty()) return false;
  RemoveLocked(evictable_.begin()->second);
  return true;
}

void PrefixTree::RemoveLocked(Node* leaf) {
  evictable_.erase({leaf->last_used, leaf});
  Node* const parent = leaf->parent;
  parent->children.erase(leaf);
  free_.push_back(leaf->block);
  if (parent != &root_ && parent->children.empty() && parent->holders == 0) {
    parent->last_used = std::max(parent->last_used, leaf->last_used);
    evictable_.insert({parent->last_used, parent});
  }
  delete leaf;
}

void PrefixTree::HoldLocked(Node* node) {
  if (node->holders++ == 0) evictable_.erase({node->last_used, node});
}

void PrefixTree::LetGoLocked(Node* node) {
  node->last_used = ++clock_;
  if (--node->holders == 0 && node->children.empty()) evictable_.insert({node->last_used, node});
}

void PrefixTree::LetGoLocked(std::span<const Path> batch) {
  for (const Path& path : batch) {
    if (path.source_) LetGoLocked(path.source_);
    LetGoLocked(path.nodes_.back());
  }
}

void PrefixTree::Commit(std::span<const Path> batch) {
  const std::lock_guard lock(mutex_);
  for (Node* node : pending_) node->computed = node->tokens.size();
  pending_.clear();
  LetGoLocked(batch);
}

void PrefixTree::Abort(std::span<const Path> batch) {
  const std::lock_guard lock(mutex_);
  LetGoLocked(batch);
  // Children first. A sibling with the same tokens as a shortened block is new and removed, too.
  for (; !pending_.empty(); pending_.pop_back()) {
    Node* const node = pending_.back();
    if (node->computed == 0) {
      RemoveLocked(node);
      continue;
    }
    node->tokens.resize(node->computed);
    std::erase_if(node->scores,
                  [&](const auto& score) { return score.first >= int(node->computed); });
  }
}

void PrefixTree::Forget(std::span<const TokenId> ids) {
  const std::lock_guard lock(mutex_);
  Node* node = &root_;
  size_t equal = kBlockTokens;
  for (size_t done = 0; equal == kBlockTokens && done < ids.size(); done += equal) {
    const Found found = BestChild(*node, ids.subspan(done));
    if (found.node == nullptr) break;
    node = found.node;
    equal = found.equal;
  }
  while (node != &root_ && node->children.empty() && node->holders == 0) {
    Node* const parent = node->parent;
    RemoveLocked(node);
    node = parent;
  }
}

int64_t PrefixTree::Match(std::span<const TokenId> ids) const {
  const std::lock_guard lock(mutex_);
  const Node* node = &root_;
  size_t done = 0;
  for (size_t equal = kBlockTokens; equal == kBlockTokens && done < ids.size(); done += equal) {
    const Found found = BestChild(*node, ids.subspan(done));
    node = found.node;
    equal = found.equal;
  }
  return int64_t(done);
}

std::optional<StepScore> PrefixTree::ScoreAt(const Path& path, int64_t token) const {
  const std::lock_guard lock(mutex_);
  const auto& scores = path.nodes_[size_t(token / kBlockTokens)]->scores;
  const int slot = int(token % kBlockTokens);
  const auto found = std::ranges::lower_bound(scores, slot, {}, &Node::SlotScore::first);
  if (found == scores.end() || found->first != slot) return std::nullopt;
  return found->second;
}

void PrefixTree::KeepScore(const Path& path, int64_t token, const StepScore& score) {
  const std::lock_guard lock(mutex_);
  auto& scores = path.nodes_[size_t(token / kBlockTokens)]->scores;
  const int slot = int(token % kBlockTokens);
  const auto place = std::ranges::lower_bound(scores, slot, {}, &Node::SlotScore::first);
  if (place == scores.end() || place->first != slot) scores.insert(place, {slot, score});
}

int64_t PrefixTree::free_blocks() const {
  const std::lock_guard lock(mutex_);
  return int64_t(free_.size());
}

}  // namespace prm
