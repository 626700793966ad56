// math-aps: {"question": text, "final_answer": text, .., "reasoning_steps": ..}. reasoning_steps is
// either flat, [{"solution_prefix": text, "mc_value": number}], each prefix starting with the
// question, or a tree, {"text": the question, "mc_value": number, "children": [{"text": step,
// "mc_value", "children"}]}. Both describe a tree of steps; each path to a leaf becomes a trace
// whose soft values are the Monte-Carlo values of its steps. meta.root_value is the question's own
// value. Flat prefixes that differ only in trailing space are one step with the mean of their
// values, which meta.repeated keeps by step. Source: OmegaPRM, arXiv 2406.06592; openr,
// data/math_aps.
#include <algorithm>
#include <map>
#include <numeric>

#include "data/error.h"
#include "data/formats/readers.h"
#include "data/formats/row_fields.h"
#include "data/io/json_text.h"
#include "data/text/ascii.h"

namespace prm {
namespace {

constexpr std::string_view kSpace = " \t\n\v\f\r";

// A step and its predecessors.
struct Node {
  std::string text;
  std::vector<float> values;  // one, or several for a repeated prefix; none: not stated
  int parent = -1;            // index of an earlier node; -1: the question
  bool has_children = false;

  std::optional<float> Mean() const {
    if (values.empty()) return std::nullopt;
    return std::accumulate(values.begin(), values.end(), 0.0f) / float(values.size());
  }
};

struct StepTree {
  std::vector<float> root_values;
  std::vector<Node> nodes;
};

void AddValue(const JsonMember& member, std::vector<float>* values) {
  if (member.has_value()) values->push_back(ReadShare(member.field));
}

// --- flat ---------------------------------------------------------------------------------------

bool Continues(std::string_view text, std::string_view prefix) {
  return text.size() > prefix.size() && text.starts_with(prefix) &&
         kSpace.find(text[prefix.size()]) != kSpace.npos;
}

StepTree ReadFlat(const JsonField& field, const std::string& question) {
  StepTree tree;
  const std::string root(question.substr(0, question.find_last_not_of(kSpace) + 1));
  std::map<std::string, std::vector<float>> prefixes;  // a prefix sorts before its continuations
  size_t index = 0;
  for (const JsonElement item : ReadArray(field)) {
    const JsonField entry = field.Item(index++, item);
    const RowFields fields(entry, {"solution_prefix", "mc_value"});
    std::string prefix = fields.Text("solution_prefix");
    prefix.erase(prefix.find_last_not_of(kSpace) + 1);
    if (prefix != root && !Continues(prefix, root)) {
      RefuseValue(fields.Need("solution_prefix"), "a prefix that starts with the question");
    }
    AddValue(fields.Get("mc_value"), prefix == root ? &tree.root_values : &prefixes[prefix]);
  }
  std::vector<std::pair<std::string_view, int>> open = {{root, -1}};
  for (const auto& [prefix, values] : prefixes) {
    // Entries left on the stack that are not a parent here may be one of a later prefix.
    while (!prefix.starts_with(open.back().first)) open.pop_back();
    const auto parent = std::find_if(open.rbegin(), open.rend(), [&prefix = prefix](const auto& p) {
      return Continues(prefix, p.first);
    });
    if (parent->second >= 0) tree.nodes[size_t(parent->second)].has_children = true;
    tree.nodes.push_back(
        {std::string(TrimSpace(std::string_view(prefix).substr(parent->first.size()))), values,
         parent->second, false});
    open.emplace_back(prefix, int(tree.nodes.size()) - 1);
  }
  return tree;
}

// --- tree ---------------------------------------------------------------------------------------

void AddChildren(const RowFields& parent_fields, int parent, StepTree* tree) {
  if (!parent_fields.Has("children")) return;
  const JsonField& children = parent_fields.Need("children");
  size_t index = 0;
  for (const JsonElement item : ReadArray(children)) {
    const JsonField child = children.Item(index++, item);
    const RowFields fields(child, {"text", "mc_value", "children"});
    if (parent >= 0) tree->nodes[size_t(parent)].has_children = true;
    Node node{std::string(TrimSpace(fields.Text("text"))), {}, parent, false};
    AddValue(fields.Get("mc_value"), &node.values);
    tree->nodes.push_back(std::move(node));
    // Recursion is no deeper than the JSON parser's.
    AddChildren(fields, int(tree->nodes.size()) - 1, tree);
  }
}

StepTree ReadTree(const JsonField& field, const std::string& question) {
  StepTree tree;
  const RowFields fields(field, {"text", "mc_value", "children"});
  const std::string text = fields.Text("text");
  if (TrimSpace(text) != TrimSpace(question)) RefuseValue(fields.Need("text"), "the question");
  AddValue(fields.Get("mc_value"), &tree.root_values);
  AddChildren(fields, -1, &tree);
  return tree;
}

// --- paths --------------------------------------------------------------------------------------

void AppendValues(const std::vector<float>& values, std::string* json) {
  char before = '[';
  for (const float value : values) {
    *json += before;
    AppendJsonNumber(value, json);
    before = ',';
  }
  *json += ']';
}

// Sets the steps from the first to `leaf`. Returns the repeated ones as {"step":[values]}, or "".
std::string SetPath(const StepTree& tree, int leaf, const JsonField& field, Trace* trace) {
  std::vector<int> path;
  for (int node = leaf; node >= 0; node = tree.nodes[size_t(node)].parent) path.push_back(node);
  std::reverse(path.begin(), path.end());
  std::string repeated;
  for (const int index : path) {
    const Node& node = tree.nodes[size_t(index)];
    if (node.text.empty()) RefuseField(field, "has a step without text");
    if (node.values.size() > 1) {
      repeated += StrCat(repeated.empty() ? "{\"" : ",\"", trace->steps.size(), "\":");
      AppendValues(node.values, &repeated);
    }
    trace->steps.push_back({node.text, std::nullopt, node.Mean()});
  }
  return repeated.empty() ? "" : repeated + "}";
}

}  // namespace

RowTraces ReadMathApsRow(const Row& row, const ReadOptions& options) {
  const RowFields fields(row.objects[0], {"question", "final_answer", "reasoning_steps"});
  const std::string question = fields.Text("question");
  const JsonField& steps = fields.Need("reasoning_steps");
  const StepTree tree =
      steps.value.is_object() ? ReadTree(steps, question) : ReadFlat(steps, question);
  const std::string id = NumberedId(row, options, "math-aps");
  std::string root_values;
  if (!tree.root_values.empty()) AppendValues(tree.root_values, &root_values);
  RowTraces result;
  TraceBudget budget;
  for (size_t i = 0; i < tree.nodes.size(); ++i) {
    if (tree.nodes[i].has_children) continue;
    Trace trace;
    trace.id = StrCat(id, "/", result.traces.size());
    trace.source = SourceName(options, "math-aps");
    trace.problem = question;
    if (fields.Has("final_answer")) {
      trace.reference_answer = ReadScalarText(fields.Need("final_answer"));
    }
    const std::string repeated = SetPath(tree, int(i), steps, &trace);
    MetaFields meta;
    if (!root_values.empty()) meta.AddJson("root_value", root_values);
    if (!repeated.empty()) meta.AddJson("repeated", repeated);
    fields.KeepOthers(&meta);
    trace.meta_json = meta.Take();
    budget.Take(trace, steps);
    result.traces.push_back(std::move(trace));
  }
  if (result.traces.empty()) RefuseField(steps, "expected at least one step, got none");
  return result;
}

}  // namespace prm
