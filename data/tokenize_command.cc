#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "data/commands.h"
#include "data/error.h"
#include "data/text_io.h"
#include "data/tokenizer.h"

namespace prm {
namespace {

struct TokenizeOptions {
  std::string tokenizer;
  std::string special = "text";
  std::string in = "-";
  std::string out = "-";
};

std::string TextOfLine(std::string_view line, const std::string& where) {
  nlohmann::json row;
  try {
    row = nlohmann::json::parse(line);
  } catch (const nlohmann::json::parse_error& error) {
    throw Error(ErrorCode::kInvalidArgument, StrCat(where, ": ", error.what()));
  }
  const auto text = row.is_object() ? row.find("text") : row.end();
  if (text == row.end() || !text->is_string()) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat(where, ": expected an object with a string \"text\""));
  }
  return text->get<std::string>();
}

void Tokenize(const TokenizeOptions& options) {
  const std::shared_ptr<const Tokenizer> tokenizer = LoadTokenizer(options.tokenizer);
  const SpecialTokens special =
      options.special == "parse" ? SpecialTokens::kParse : SpecialTokens::kText;
  LineReader reader(options.in);
  OutputFile out(options.out);
  std::string_view line;
  std::vector<TokenId> ids;
  while (reader.Next(&line)) {
    const std::string where = StrCat(reader.name(), ":", reader.line_number());
    ids.clear();
    try {
      tokenizer->Encode(TextOfLine(line, where), special, &ids);
    } catch (const Error& error) {
      const std::string what = error.what();
      throw Error(error.code(), what.starts_with(where) ? what : StrCat(where, ": ", what));
    }
    out.Write(nlohmann::json{{"ids", ids}}.dump() + "\n");
  }
  out.Commit();
}

}  // namespace

void AddTokenizeCommand(CLI::App& app) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App* verb = app.add_subcommand("tokenize", "Turns JSON lines {\"text\"} into {\"ids\"}");
  verb->add_option("--tokenizer", options->tokenizer,
                   "Tokenizer file or folder: tokenizer.json, vocab.json with merges.txt, "
                   "a tiktoken rank file, a SentencePiece tokenizer.model")
      ->required();
  verb->add_option("--special", options->special,
                   "What special-token strings in the text become: text or parse")
      ->check(CLI::IsMember({"text", "parse"}))
      ->capture_default_str();
  verb->add_option("--in", options->in, "JSON lines, - for standard input")->capture_default_str();
  verb->add_option("--out", options->out, "JSON lines, - for standard output")
      ->capture_default_str();
  verb->callback([options] { Tokenize(*options); });
}

}  // namespace prm
