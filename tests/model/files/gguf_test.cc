#include "model/files/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "model/files/gguf_model.h"
#include "tests/model/tiny_files.h"

namespace prm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint32_t kF32 = 0, kF16 = 1, kQ4_0 = 2, kQ5_0 = 6, kQ8_0 = 8;

GgufContents Parse(const std::string& file) { return ParseGguf(AsBytes(file), "f.gguf"); }

std::string ParseError(const std::string& file, ErrorCode code = ErrorCode::kDataLoss) {
  const std::string message = MessageOf([&] { Parse(file); }, code);
  EXPECT_THAT(message, HasSubstr("f.gguf"));
  return message;
}

std::string Floats(size_t count) { return std::string(count * 4, '\1'); }

GgufBuilder LlamaKeys() {
  GgufBuilder file;
  file.Text("general.architecture", "llama")
      .Uint("llama.block_count", 2)
      .Uint("llama.context_length", 128)
      .Uint("llama.embedding_length", 12)
      .Uint("llama.feed_forward_length", 24)
      .Uint("llama.attention.head_count", 3)
      .Uint("llama.vocab_size", 5)
      .Float("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  return file;
}

std::string ConfigError(const GgufBuilder& file, ErrorCode code) {
  const GgufContents contents = Parse(file.Build());
  return MessageOf([&] { GgufConfig(contents, "f.gguf"); }, code);
}

TEST(GgufTest, ReadsEveryValueType) {
  GgufBuilder file;
  file.Key("u8", 0, LittleEndian(uint8_t{200}))
      .Key("i8", 1, LittleEndian(int8_t{-3}))
      .Key("u16", 2, LittleEndian(uint16_t{60000}))
      .Key("i16", 3, LittleEndian(int16_t{-300}))
      .Key("u32", 4, LittleEndian(uint32_t{4000000000}))
      .Key("i32", 5, LittleEndian(int32_t{-70000}))
      .Key("f32", 6, LittleEndian(0.5f))
      .Key("bool", 7, LittleEndian(uint8_t{1}))
      .Key("string", 8, GgufBuilder::String("text"))
      .Key("strings", 9, GgufBuilder::Strings({"a", "", "bc"}))
      .Key("ints", 9,
           LittleEndian(uint32_t{5}) + LittleEndian(uint64_t{2}) + LittleEndian(int32_t{-1}) +
               LittleEndian(int32_t{7}))
      .Key("u64", 10, LittleEndian(uint64_t{1} << 40))
      .Key("i64", 11, LittleEndian(std::numeric_limits<int64_t>::min()))
      .Key("f64", 12, LittleEndian(0.1));
  const auto metadata = Parse(file.Build()).metadata;
  EXPECT_EQ(metadata.size(), 14u);
  EXPECT_EQ(metadata.at("u8"), GgufValue(int64_t{200}));
  EXPECT_EQ(metadata.at("i8"), GgufValue(int64_t{-3}));
  EXPECT_EQ(metadata.at("u16"), GgufValue(int64_t{60000}));
  EXPECT_EQ(metadata.at("i16"), GgufValue(int64_t{-300}));
  EXPECT_EQ(metadata.at("u32"), GgufValue(int64_t{4000000000}));
  EXPECT_EQ(metadata.at("i32"), GgufValue(int64_t{-70000}));
  EXPECT_EQ(metadata.at("f32"), GgufValue(0.5));
  EXPECT_EQ(metadata.at("bool"), GgufValue(true));
  EXPECT_EQ(metadata.at("string"), GgufValue(std::string("text")));
  EXPECT_EQ(metadata.at("strings"), GgufValue(std::vector<std::string>{"a", "", "bc"}));
  EXPECT_EQ(metadata.at("ints"), GgufValue(std::vector<int64_t>{-1, 7}));
  EXPECT_EQ(metadata.at("u64"), GgufValue(int64_t{1} << 40));
  EXPECT_EQ(metadata.at("i64"), GgufValue(std::numeric_limits<int64_t>::min()));
  EXPECT_EQ(metadata.at("f64"), GgufValue(0.1));
}

TEST(GgufTest, GivesShapesOutermostFirstAndTheTensorsBytes) {
  GgufBuilder file;
  file.Tensor("a", {3, 2}, kF32, Floats(6)).Tensor("b", {32, 1}, kQ8_0, std::string(34, 'b'));
  const std::string image = file.Build();
  const GgufContents contents = Parse(image);
  ASSERT_EQ(contents.tensors.size(), 2u);
  EXPECT_THAT(contents.tensors[0].shape, ElementsAre(2, 3));
  EXPECT_EQ(contents.tensors[0].bytes, 24u);
  EXPECT_EQ(contents.tensors[1].name, "b");
  EXPECT_EQ(contents.tensors[1].dtype, DType::kQ8_0);
  EXPECT_THAT(contents.tensors[1].shape, ElementsAre(1, 32));
  const char* b = reinterpret_cast<const char*>(contents.tensors[1].data);
  EXPECT_EQ(b + 34, image.data() + image.size());
  EXPECT_EQ(std::string(b, contents.tensors[1].bytes), std::string(34, 'b'));
}

TEST(GgufTest, AlignmentOfTheFileIsHeld) {
  GgufBuilder file;
  file.Uint("general.alignment", 64).TensorEntry("a", {8}, kF32, 0);
  std::string image = file.Build();
  image.resize((image.size() + 63) / 64 * 64, '\0');
  const size_t start = image.size();
  image += Floats(8);
  EXPECT_EQ(Parse(image).tensors[0].data, AsBytes(image).data() + start);
  for (const uint32_t wrong : {0u, 24u, 1u << 30}) {
    GgufBuilder bad;
    bad.Uint("general.alignment", wrong);
    EXPECT_THAT(ParseError(bad.Build()), HasSubstr("general.alignment"));
  }
}

TEST(GgufTest, EveryTruncationIsRefused) {
  GgufBuilder file = LlamaKeys();
  file.Key("tokens", 9, GgufBuilder::Strings({"x", "yz"}));
  file.Tensor("a", {4}, kF32, Floats(4)).Tensor("b", {32}, kQ4_0, std::string(18, 'q'));
  const std::string image = file.Build();
  ASSERT_NO_THROW(Parse(image));
  for (size_t size = 0; size < image.size(); ++size) {
    EXPECT_THROW(Parse(image.substr(0, size)), Error) << size;
  }
}

TEST(GgufTest, AbsurdCountsAreRefusedBeforeAnythingIsAllocated) {
  constexpr uint64_t kHuge = uint64_t{1} << 60;
  GgufBuilder tensors;
  tensors.num_tensors = kHuge;
  EXPECT_THAT(ParseError(tensors.Build()), HasSubstr("number of tensors is 1152921504606846976"));
  GgufBuilder pairs;
  pairs.num_pairs = kHuge;
  EXPECT_THAT(ParseError(pairs.Build()), HasSubstr("number of metadata keys is 11529215046068469"));
  GgufBuilder text;
  text.Key("k", 8, LittleEndian(kHuge));
  EXPECT_THAT(ParseError(text.Build()), HasSubstr("a string is 1152921504606846976, more than"));
  // 8 bytes times 2^61 wraps around to 0.
  for (const uint64_t length : {kHuge, uint64_t{1} << 61, std::numeric_limits<uint64_t>::max()}) {
    GgufBuilder array;
    array.Key("k", 9, LittleEndian(uint32_t{8}) + LittleEndian(length));
    EXPECT_THAT(ParseError(array.Build()), HasSubstr("array's length is"));
  }
  GgufBuilder rank;
  rank.TensorEntry("a", std::vector<uint64_t>(200, 1), kF32, 0);
  EXPECT_THAT(ParseError(rank.Build()), HasSubstr("tensor a has 200 dimensions"));
}

// A count that fits the file may still be too much: a byte of an array takes eight in memory.
TEST(GgufTest, CountsAreBoundedWhateverTheFilesSize) {
  const std::string room(size_t{32} << 20, '\0');
  GgufBuilder array;
  array.Key("k", 9, LittleEndian(uint32_t{0}) + LittleEndian(uint64_t{1} << 25) + room);
  EXPECT_THAT(ParseError(array.Build()), HasSubstr("33554432; expected at most 16777216"));
  GgufBuilder keys;
  keys.num_pairs = 1'000'000;
  keys.pairs = room;
  EXPECT_THAT(ParseError(keys.Build()), HasSubstr("metadata keys is 1000000; expected at most"));
  GgufBuilder tensors;
  tensors.num_tensors = 1'200'000;
  tensors.entries = room;
  EXPECT_THAT(ParseError(tensors.Build()), HasSubstr("tensors is 1200000; expected at most"));
}

TEST(GgufTest, ShapesThatOverflowOrAreEmptyAreRefused) {
  for (const std::vector<uint64_t>& shape : {std::vector<uint64_t>{uint64_t{1} << 62, 2},
                                             {uint64_t{1} << 32, uint64_t{1} << 32},
                                             {uint64_t{1} << 61},
                                             {0},
                                             {4, 0}}) {
    GgufBuilder file;
    file.TensorEntry("a", shape, kF32, 0);
    EXPECT_THAT(ParseError(file.Build()), HasSubstr("tensor a has shape"));
  }
  GgufBuilder negative;
  negative.TensorEntry("a", {~uint64_t{0}}, kF32, 0);
  EXPECT_THAT(ParseError(negative.Build()), HasSubstr("is not below 2^63"));
  GgufBuilder ragged;
  ragged.TensorEntry("a", {33, 2}, kQ4_0, 0);
  EXPECT_THAT(ParseError(ragged.Build()), HasSubstr("impossible for Q4_0"));
}

TEST(GgufTest, LyingOffsetsAreRefused) {
  for (const uint64_t offset : {uint64_t{32}, uint64_t{1} << 40, ~uint64_t{0} - 31}) {
    GgufBuilder outside;
    outside.TensorEntry("a", {8}, kF32, offset);
    outside.data = Floats(8);
    EXPECT_THAT(ParseError(outside.Build()), HasSubstr("tensor a at offset"));
  }
  GgufBuilder crooked;
  crooked.TensorEntry("a", {8}, kF32, 4);
  crooked.data = Floats(16);
  EXPECT_THAT(ParseError(crooked.Build()), HasSubstr("not aligned to 32"));
  GgufBuilder overlap;
  overlap.TensorEntry("a", {16}, kF32, 0).TensorEntry("b", {8}, kF32, 32);
  overlap.data = Floats(16);
  EXPECT_THAT(ParseError(overlap.Build()), HasSubstr("tensor b at offset 32 of the data overlaps"));
}

TEST(GgufTest, DuplicatesAreRefused) {
  GgufBuilder keys;
  keys.Uint("k", 1).Uint("k", 1);
  EXPECT_THAT(ParseError(keys.Build()), HasSubstr("metadata key 'k' appears twice"));
  GgufBuilder tensors;
  tensors.Tensor("a", {8}, kF32, Floats(8)).Tensor("a", {8}, kF32, Floats(8));
  EXPECT_THAT(ParseError(tensors.Build()), HasSubstr("tensor a is listed twice"));
}

TEST(GgufTest, UnsupportedTensorTypesAreNamed) {
  GgufBuilder known;
  known.TensorEntry("blk.0.attn_q.weight", {32}, kQ5_0, 0);
  EXPECT_THAT(ParseError(known.Build(), ErrorCode::kUnimplemented),
              HasSubstr("tensor blk.0.attn_q.weight is stored as Q5_0, which is not supported; "
                        "expected F32, F16, BF16, Q4_0, Q4_1 or Q8_0"));
  GgufBuilder unknown;
  unknown.TensorEntry("a", {32}, 99, 0);
  EXPECT_THAT(ParseError(unknown.Build(), ErrorCode::kUnimplemented), HasSubstr("type 99"));
}

TEST(GgufTest, OtherFilesAndVersionsAreRefused) {
  EXPECT_THAT(ParseError("PK\3\4 something else"), HasSubstr("does not begin with GGUF"));
  EXPECT_THAT(ParseError(""), HasSubstr("cut off"));
  GgufBuilder file;
  file.version = 1;
  EXPECT_THAT(ParseError(file.Build(), ErrorCode::kUnimplemented), HasSubstr("version 1 "));
  file.version = 0x03000000;
  EXPECT_THAT(ParseError(file.Build(), ErrorCode::kUnimplemented), HasSubstr("big-endian"));
  file.version = 2;
  EXPECT_NO_THROW(Parse(file.Build()));
}

TEST(GgufTest, UnknownValueTypesAreRefused) {
  GgufBuilder file;
  file.Key("k", 13, "");
  EXPECT_THAT(ParseError(file.Build()), HasSubstr("key 'k' has value type 13"));
  GgufBuilder nested;
  nested.Key("k", 9, LittleEndian(uint32_t{9}) + LittleEndian(uint64_t{1}));
  EXPECT_THAT(ParseError(nested.Build()), HasSubstr("value type 9 in an array"));
  GgufBuilder boolean;
  boolean.Key("k", 7, "\2");
  EXPECT_THAT(ParseError(boolean.Build()), HasSubstr("boolean is 2"));
}

TEST(GgufConfigTest, ComesFromTheLlamaKeys) {
  GgufBuilder file = LlamaKeys();
  file.Uint("llama.attention.head_count_kv", 1)
      .Float("llama.rope.freq_base", 100000)
      .Uint("llama.rope.dimension_count", 4)
      .Uint("tokenizer.ggml.bos_token_id", 1)
      .Uint("tokenizer.ggml.eos_token_id", 2);
  const ModelConfig config = GgufConfig(Parse(file.Build()), "f.gguf");
  EXPECT_EQ(config.num_layers, 2);
  EXPECT_EQ(config.hidden_size, 12);
  EXPECT_EQ(config.intermediate_size, 24);
  EXPECT_EQ(config.num_heads, 3);
  EXPECT_EQ(config.num_kv_heads, 1);
  EXPECT_EQ(config.head_dim, 4);
  EXPECT_EQ(config.vocab_size, 5);
  EXPECT_EQ(config.max_position_embeddings, 128);
  EXPECT_FLOAT_EQ(config.rms_norm_eps, 1e-5f);
  EXPECT_EQ(config.rope_theta, 100000);
  EXPECT_EQ(config.bos_token_id, 1);
  EXPECT_EQ(config.eos_token_id, 2);
  EXPECT_TRUE(config.tie_word_embeddings);
  EXPECT_EQ(config.rotary_layout, RotaryLayout::kInterleaved);
  file.Tensor("output.weight", {12, 5}, kF16, std::string(120, '\0'));
  EXPECT_FALSE(GgufConfig(Parse(file.Build()), "f.gguf").tie_word_embeddings);
}

TEST(GgufConfigTest, WhatTheDecoderCannotDoIsRefusedByName) {
  GgufBuilder architecture;
  architecture.Text("general.architecture", "gemma2");
  EXPECT_THAT(ConfigError(architecture, ErrorCode::kUnimplemented),
              HasSubstr("general.architecture 'gemma2' is not supported; expected 'llama'"));
  EXPECT_THAT(ConfigError(GgufBuilder(), ErrorCode::kUnimplemented),
              HasSubstr("general.architecture ''"));
  GgufBuilder scaling = LlamaKeys();
  scaling.Text("llama.rope.scaling.type", "yarn");
  EXPECT_THAT(ConfigError(scaling, ErrorCode::kUnimplemented), HasSubstr("'yarn'"));
  GgufBuilder experts = LlamaKeys();
  experts.Uint("llama.expert_count", 8);
  EXPECT_THAT(ConfigError(experts, ErrorCode::kUnimplemented), HasSubstr("expert_count '8'"));
  GgufBuilder partial = LlamaKeys();
  partial.Uint("llama.rope.dimension_count", 2);
  EXPECT_THAT(ConfigError(partial, ErrorCode::kUnimplemented), HasSubstr("rope.dimension_count"));
}

TEST(GgufConfigTest, MissingMistypedAndImpossibleKeysAreNamed) {
  GgufBuilder missing;
  missing.Text("general.architecture", "llama");
  EXPECT_THAT(ConfigError(missing, ErrorCode::kInvalidArgument),
              HasSubstr("key 'llama.embedding_length' is missing"));
  GgufBuilder mistyped = LlamaKeys();
  mistyped.Text("llama.attention.head_count_kv", "three");
  EXPECT_THAT(ConfigError(mistyped, ErrorCode::kInvalidArgument),
              HasSubstr("'llama.attention.head_count_kv' has another type; expected an integer"));
  GgufBuilder uneven = LlamaKeys();
  uneven.Uint("llama.attention.head_count_kv", 2);
  EXPECT_THAT(ConfigError(uneven, ErrorCode::kInvalidArgument),
              HasSubstr("num_attention_heads 3 is not a multiple of num_key_value_heads 2"));
  GgufBuilder vocabulary = LlamaKeys();
  vocabulary.Key("tokenizer.ggml.tokens", 9, GgufBuilder::Strings({"a", "b"}));
  EXPECT_THAT(ConfigError(vocabulary, ErrorCode::kInvalidArgument),
              HasSubstr("is 5, but tokenizer.ggml.tokens has 2"));
}

TEST(GgufConfigTest, NotANumberIsRefused) {
  GgufBuilder file = LlamaKeys();
  file.Float("llama.rope.freq_base", std::numeric_limits<float>::quiet_NaN());
  EXPECT_THAT(ConfigError(file, ErrorCode::kInvalidArgument), HasSubstr("rope_theta is nan"));
}

TEST(GgufNamesTest, AreThoseOfHuggingFace) {
  EXPECT_EQ(HuggingFaceName("token_embd.weight"), "model.embed_tokens.weight");
  EXPECT_EQ(HuggingFaceName("output.weight"), "lm_head.weight");
  EXPECT_EQ(HuggingFaceName("blk.12.ffn_gate.weight"), "model.layers.12.mlp.gate_proj.weight");
  for (const char* name : {"rope_freqs.weight", "blk.x.ffn_gate.weight", "blk.1", "blk..a",
                           "blk.1.attn_norm.bias", "blk.12345678901.ffn_gate.weight", ""}) {
    EXPECT_EQ(HuggingFaceName(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace prm
