#include "models/echo_dit.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "base/error.h"

namespace echo {
namespace {

// cos(t f) || sin(t f), f_i = 1000 exp(-ln(10000) i / half), float32 throughout as published.
std::vector<float> timestep_embedding(std::span<const float> t, int64_t size) {
  const int64_t half = size / 2;
  std::vector<float> result(t.size() * static_cast<size_t>(size));
  const float rate = -std::log(10000.0f);
  for (int64_t i = 0; i < half; ++i) {
    const float frequency =
        1000.0f * std::exp(rate * static_cast<float>(i) / static_cast<float>(half));
    for (size_t n = 0; n < t.size(); ++n) {
      float* row = result.data() + n * static_cast<size_t>(size);
      row[i] = std::cos(t[n] * frequency);
      row[half + i] = std::sin(t[n] * frequency);
    }
  }
  return result;
}

// (T, 80) -> (T / patch, patch * 80): frames of a patch side by side.
Tensor patches(const Tensor& latent, int64_t patch) {
  Tensor result =
      empty(latent.backend(), latent.rows() / patch, latent.cols() * patch, latent.dtype());
  copy(latent, result.split_rows(patch));
  return result;
}

void show(const Probe& probe, const std::string& stage, const Tensor& value) {
  if (probe) probe(stage, value);
}

}  // namespace

size_t KeyValueCache::bytes() const {
  size_t total = 0;
  for (const KeyValueSection& layer : layers) {
    total += static_cast<size_t>(layer.k.size() + layer.v.size()) * dtype_size(layer.k.dtype());
  }
  return total;
}

JointAttention::JointAttention(const LayerContext& context, const Weights& w)
    : self(context, w),
      wk_wv_text(context, w, {"wk_text", "wv_text"}),
      wk_wv_speaker(context, w, {"wk_speaker", "wv_speaker"}) {}

KeyValueSection JointAttention::condition(const LinearGroup& wk_wv, const Tensor& state,
                                          const Tensor* rotary, int64_t step) const {
  const std::vector<Tensor> projected = wk_wv(state, self.dtype());
  KeyValueSection section{projected[0], projected[1]};
  head_norm_rotary(section.k, self.k_norm, kNormEps, rotary ? *rotary : Tensor(), self.heads(),
                   rotary ? self.heads() / 2 : 0, {{section.k.rows(), 0}}, step);
  return section;
}

Tensor JointAttention::operator()(const Tensor& y, const Tensor& rotary, const Sequences& sequences,
                                  std::span<const Sections> sections) const {
  const int64_t heads = self.heads();
  const auto [q, k, v, gate] = self(y);
  // Only the first half of the heads knows positions; no shape check would notice another choice.
  head_norm_rotary(q, self.q_norm, kNormEps, rotary, heads, heads / 2, sequences);
  head_norm_rotary(k, self.k_norm, kNormEps, rotary, heads, heads / 2, sequences);
  const Tensor mixed = attention(q, k, v, {heads, false, 0}, sequences, sections);
  sigmoid_mul(mixed, gate);
  return self.wo(mixed, DType::kFloat32);
}

LowRankAdaLn::LowRankAdaLn(const LayerContext& context, const Weights& w)
    : shift_down(context, w["shift_down"]),
      shift_up(context, w["shift_up"]),
      scale_down(context, w["scale_down"]),
      scale_up(context, w["scale_up"]),
      gate_down(context, w["gate_down"]),
      gate_up(context, w["gate_up"]) {}

void LowRankAdaLn::operator()(const Tensor& c, const Tensor& out) const {
  const std::vector<Tensor> inputs = c.split_columns(3), outputs = out.split_columns(3);
  const Linear* down[] = {&shift_down, &scale_down, &gate_down};
  const Linear* up[] = {&shift_up, &scale_up, &gate_up};
  for (size_t i = 0; i < 3; ++i) {
    const DType dtype = down[i]->dtype();
    const Tensor refined = (*up[i])((*down[i])(silu(inputs[i], dtype), dtype), DType::kFloat32);
    add(inputs[i], refined);
    copy(i == 2 ? tanh(refined) : refined, outputs[i]);
  }
}

DitBlock::DitBlock(const LayerContext& context, const Weights& w)
    : attention(context, w["attention"]),
      mlp(context, w["mlp"]),
      attention_adaln(context.wide(), w["attention_adaln"]),
      mlp_adaln(context.wide(), w["mlp_adaln"]),
      precision(context.precision) {}

void DitBlock::operator()(const Tensor& h, std::span<const Tensor> table, const Tensor& rotary,
                          const Sequences& sequences, std::span<const Sections> sections,
                          const std::string& stage, const Probe& probe) const {
  Tensor y = modulate(h, table[0], table[1], kNormEps, sequences, precision);
  show(probe, stage + "attention_adaln.x_norm", y);
  show(probe, stage + "attention_adaln.gate", table[2]);
  const Tensor attended = attention(y, rotary, sequences, sections);
  show(probe, stage + "attention", attended);
  add_gated(attended, table[2], sequences, h);

  y = modulate(h, table[3], table[4], kNormEps, sequences, precision);
  show(probe, stage + "mlp_adaln.x_norm", y);
  show(probe, stage + "mlp_adaln.gate", table[5]);
  const Tensor hidden = mlp(y);
  show(probe, stage + "mlp", hidden);
  add_gated(hidden, table[5], sequences, h);
  show(probe, stage + "out", h);
}

LatentPrefix::LatentPrefix(const LayerContext& context, const Weights& w, int64_t quantized_blocks)
    : encoder(context, w["latent_encoder"], kMaxLatentFrames, true),
      in_proj(context.wide(), w["latent_encoder"]["in_proj"]),
      norm(load_vector(context, w.tensor("latent_norm.weight"))) {
  for (int64_t i = 0; i < w["blocks"].count(); ++i) {
    const LayerContext own = i < quantized_blocks ? context : context.wide();
    const Weights attention = w["blocks"][i]["attention"];
    wk_wv.emplace_back(own, attention,
                       std::initializer_list<std::string_view>{"wk_latent", "wv_latent"});
  }
}

EchoDit::EchoDit(const LayerContext& context, const Weights& w, bool blockwise, int64_t wide_blocks)
    : context_(context),
      backend_(context.backend),
      precision_(context.precision),
      text_embedding_(load_matrix(context, w.tensor("text_encoder.text_embedding.weight"))),
      text_encoder_(context, w["text_encoder"], kMaxTextRows, false),
      speaker_encoder_(context, w["speaker_encoder"], kMaxSpeakerFrames, true),
      speaker_in_proj_(context.wide(), w["speaker_encoder"]["in_proj"]),
      text_norm_(load_vector(context, w.tensor("text_norm.weight"))),
      speaker_norm_(load_vector(context, w.tensor("speaker_norm.weight"))),
      cond_module_0_(context.wide(), w["cond_module"][0]),
      cond_module_2_(context.wide(), w["cond_module"][2]),
      cond_module_4_(context.wide(), w["cond_module"][4]),
      in_proj_(context.wide(), w["in_proj"]),
      out_norm_(load_vector(context, w.tensor("out_norm.weight"))),
      out_proj_(context.wide(), w["out_proj"]) {
  patch_ = speaker_in_proj_.in() / latent_size();
  const int64_t layers = w["blocks"].count();
  quantized_blocks_ = layers - wide_blocks;
  for (int64_t i = 0; i < layers; ++i) {
    blocks_.emplace_back(i < quantized_blocks_ ? context : context.wide(), w["blocks"][i]);
  }
  if (blockwise) blockwise_ = w;
  rotary_ = rotary_table(backend_, kMaxLatentFrames, blocks_.at(0).attention.self.head_dim(),
                         kRotaryTheta, false);
}

KeyValueCache EchoDit::encode_text(std::span<const int32_t> ids, const Probe& probe) const {
  const int64_t count = static_cast<int64_t>(ids.size());
  if (count < 1 || count > kMaxTextRows) {
    throw_invalid("text: " + std::to_string(count) + " tokens found, 1 to " +
                  std::to_string(kMaxTextRows) + " expected");
  }
  const Tensor x = gather_rows(text_embedding_, from_host(backend_, ids));
  show(probe, "embedding", x);
  text_encoder_(x, probe);
  const Tensor state = rms_norm(x, text_norm_, kNormEps, precision_);
  show(probe, "state", state);
  KeyValueCache cache;
  for (const DitBlock& block : blocks_) {
    const JointAttention& attention = block.attention;
    cache.layers.push_back(attention.condition(attention.wk_wv_text, state, nullptr, 1));
  }
  return cache;
}

KeyValueCache EchoDit::patches_to_cache(const Tensor& latent, int64_t rows, const Linear& in_proj,
                                        const Encoder& encoder, const Tensor& norm,
                                        const LatentPrefix* prefix, const Probe& probe) const {
  if (latent.cols() != latent_size() || latent.rows() % patch_ != 0) {
    throw_internal("latents: (" + std::to_string(latent.rows()) + ", " +
                   std::to_string(latent.cols()) + ") found, a multiple of " +
                   std::to_string(patch_) + " frames of " + std::to_string(latent_size()) +
                   " expected");
  }
  const Tensor x = in_proj(patches(latent, patch_), DType::kFloat32);
  show(probe, "in_proj", x);
  scale(x, 1.0f / 6.0f);
  encoder(x, probe);
  const Tensor state = rms_norm(x, norm, kNormEps, precision_);
  show(probe, "state", state);
  // The encoder is causal: rows that nobody sees change nothing before them.
  const Tensor visible = state.row_range(0, rows);
  KeyValueCache cache;
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const JointAttention& a = blocks_[i].attention;
    cache.layers.push_back(prefix ? a.condition(prefix->wk_wv[i], visible, &rotary_, patch_)
                                  : a.condition(a.wk_wv_speaker, visible, nullptr, 1));
  }
  return cache;
}

KeyValueCache EchoDit::encode_speaker(const Tensor& latent, int64_t valid_frames,
                                      const Probe& probe) const {
  if (latent.rows() > kMaxSpeakerFrames) {
    throw_invalid("voice: " + std::to_string(latent.rows()) + " frames found, at most " +
                  std::to_string(kMaxSpeakerFrames) + " expected");
  }
  const int64_t rows = (std::min(valid_frames, latent.rows()) + patch_ - 1) / patch_;
  return patches_to_cache(latent, rows, speaker_in_proj_, speaker_encoder_, speaker_norm_, nullptr,
                          probe);
}

std::unique_ptr<LatentPrefix> EchoDit::read_latent_prefix() const {
  if (!blockwise_) throw_internal("the model was loaded without its blockwise tensors");
  return std::make_unique<LatentPrefix>(context_, *blockwise_, quantized_blocks_);
}

Tensor EchoDit::modulation(std::span<const float> t, const Probe& probe) const {
  const int64_t steps = static_cast<int64_t>(t.size());
  const Tensor embedding =
      from_host(backend_, timestep_embedding(t, cond_module_0_.in()), steps, cond_module_0_.in());
  show(probe, "embedding", embedding);
  Tensor c = cond_module_0_(embedding, DType::kFloat32);
  c = cond_module_2_(silu(c, precision_), DType::kFloat32);
  c = cond_module_4_(silu(c, precision_), DType::kFloat32);
  show(probe, "cond_embed", c);
  Tensor table = empty(backend_, steps, layers() * 2 * c.cols(), DType::kFloat32);
  for (int64_t i = 0; i < layers(); ++i) {
    const DitBlock& block = blocks_[static_cast<size_t>(i)];
    block.attention_adaln(c, table.column_range(2 * i * c.cols(), c.cols()));
    block.mlp_adaln(c, table.column_range((2 * i + 1) * c.cols(), c.cols()));
  }
  return table;
}

Sections EchoDit::sections_of(const DitSequence& sequence, int64_t layer) const {
  const size_t index = static_cast<size_t>(layer);
  Sections sections;
  if (sequence.latent) {
    // Patch j is visible when it begins before the block: j * patch < start_pos.
    KeyValueSection section = sequence.latent->layers[index];
    const int64_t rows = std::min(section.k.rows(), (sequence.start_pos + patch_ - 1) / patch_);
    section.k = section.k.row_range(0, rows);
    section.v = section.v.row_range(0, rows);
    sections.push_back(section);
  }
  if (sequence.text) sections.push_back(sequence.text->layers[index]);
  if (sequence.speaker) {
    sections.push_back(sequence.speaker->layers[index]);
    if (layer < sequence.speaker_scaled_layers) sections.back().scale = sequence.speaker_scale;
  }
  return sections;
}

WorkKey EchoDit::key_of(std::span<const DitSequence> sequences) const {
  WorkKey key;
  for (const DitSequence& sequence : sequences) {
    for (const int64_t part : {sequence.rows, sequence.start_pos, sequence.speaker_scaled_layers}) {
      key.push_back(static_cast<uint64_t>(part));
    }
    uint32_t scale;
    std::memcpy(&scale, &sequence.speaker_scale, sizeof scale);
    key.push_back(scale);
    for (const KeyValueCache* cache : {sequence.latent, sequence.text, sequence.speaker}) {
      key.push_back(cache ? static_cast<uint64_t>(cache->rows()) : ~uint64_t{0});
      if (!cache) continue;
      for (const KeyValueSection& layer : cache->layers) {
        key.push_back(reinterpret_cast<uintptr_t>(layer.k.data()));
        key.push_back(reinterpret_cast<uintptr_t>(layer.v.data()));
      }
    }
  }
  return key;
}

Tensor EchoDit::compute(const Tensor& x, const Tensor& modulation,
                        std::span<const DitSequence> sequences, const Probe& probe) const {
  Sequences rows;
  for (const DitSequence& sequence : sequences) rows.push_back({sequence.rows, sequence.start_pos});
  const std::vector<Tensor> tables = modulation.split_columns(layers() * 6);
  std::vector<Sections> sections(sequences.size());

  const Tensor h = in_proj_(x, DType::kFloat32);
  show(probe, "in_proj", h);
  for (int64_t i = 0; i < layers(); ++i) {
    for (size_t sequence = 0; sequence < sequences.size(); ++sequence) {
      sections[sequence] = sections_of(sequences[sequence], i);
    }
    const size_t layer = static_cast<size_t>(i);
    const std::string stage = probe ? "block" + std::to_string(i) + "." : std::string();
    blocks_[layer](h, std::span(tables).subspan(layer * 6, 6), rotary_, rows, sections, stage,
                   probe);
  }
  const Tensor y = rms_norm(h, out_norm_, kNormEps, precision_);
  show(probe, "out_norm", y);
  return out_proj_(y, DType::kFloat32);
}

DitSession::DitSession(const EchoDit& dit)
    : dit_(dit), steps_(dit.backend().make_repeated_work()) {}

KeyValueCache DitSession::encode_latent_prefix(const Tensor& latent, const Probe& probe) {
  if (!prefix_) prefix_ = dit_.read_latent_prefix();
  return dit_.patches_to_cache(latent, latent.rows() / dit_.patch(), prefix_->in_proj,
                               prefix_->encoder, prefix_->norm, prefix_.get(), probe);
}

Tensor DitSession::forward(const Tensor& x, const Tensor& modulation,
                           std::span<const DitSequence> sequences, const Probe& probe) {
  for (const DitSequence& sequence : sequences) {
    if (sequence.start_pos + sequence.rows > kMaxLatentFrames) {
      throw_invalid("frames: " + std::to_string(sequence.start_pos + sequence.rows) +
                    " found, at most " + std::to_string(kMaxLatentFrames) + " expected");
    }
  }
  if (probe) return dit_.compute(x, modulation, sequences, probe);
  const Tensor inputs[] = {x, modulation};
  return steps_->run(dit_.key_of(sequences), inputs, [&](std::span<const Tensor> current) {
    return dit_.compute(current[0], current[1], sequences, {});
  });
}

}  // namespace echo
