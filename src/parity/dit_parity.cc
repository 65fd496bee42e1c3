#include "parity/dit_parity.h"

#include <charconv>
#include <utility>

#include "base/error.h"
#include "parity/conditioning_parity.h"
#include "parity/recorded_inputs.h"
#include "tensor/dtype.h"
#include "text/normalize.h"
#include "text/tokens.h"

namespace echo::parity {
namespace {

using nlohmann::json;

constexpr const char* kStageRow = "forward pass: stages";
constexpr const char* kVelocityRow = "forward pass: v";

// What one pass is conditioned on.
struct Pass {
  float t = 0;
  int64_t start_pos = 0;
  std::shared_ptr<const KeyValueCache> text, speaker, latent;
};

// The same (S, C) rows for every sequence.
Tensor stacked(const Tensor& x, int64_t sequences) {
  Tensor result = empty(x.backend(), x.rows() * sequences, x.cols(), x.dtype());
  for (int64_t sequence = 0; sequence < sequences; ++sequence) {
    copy(x, result.row_range(sequence * x.rows(), x.rows()));
  }
  return result;
}

// The recorded names of "block2.out" and its like: with the block's number, or for models of one
// layer without it; a block's result has the block's own name in some recordings.
std::vector<std::string> recorded_names(const std::string& stage) {
  const size_t point = stage.find('.');
  if (!stage.starts_with("block") || point == stage.npos) return {stage};
  const std::string part = stage.substr(point + 1);
  if (part == "out") return {stage, stage.substr(0, point), "block"};
  return {stage, part};
}

Probe stages_of(const Comparison& run, const std::string& prefix) {
  return [&run, prefix](const std::string& stage, const Tensor& value) {
    for (const std::string& name : recorded_names(stage)) {
      if (!run.set.has(prefix + name)) continue;
      run.compare(kStageRow, prefix + name, value);
      return;
    }
  };
}

// Sequences in the recorded order: all conditions, text masked, speaker masked; or the first of
// them.
void check_pass(const Comparison& run, DitSession& session, const std::string& prefix,
                const Tensor& x, const Pass& pass, int64_t count) {
  DitSequence sequence{x.rows(), pass.start_pos, pass.text.get(), pass.speaker.get(),
                       pass.latent.get()};
  std::vector<DitSequence> sequences(static_cast<size_t>(count), sequence);
  if (count > 1) sequences.at(1).text = nullptr;
  if (count > 2) sequences.at(2).speaker = nullptr;
  const Probe stages = stages_of(run, prefix);
  const Tensor modulation = session.dit().modulation(std::span(&pass.t, 1), stages);
  const Tensor v = session.forward(stacked(x, count), modulation, sequences, stages);
  run.compare(kVelocityRow, prefix + "v", v);
}

std::shared_ptr<const KeyValueCache> shared(KeyValueCache cache) {
  return std::make_shared<KeyValueCache>(std::move(cache));
}

// The number of recorded sequences, which are three at most.
int64_t sequences_of(const GoldenSet& set, const std::string& velocity) {
  const int64_t sequences = axis(set, velocity, 0);
  if (sequences < 1 || sequences > 3) {
    throw_corrupt(set.tensor(velocity).label() + ": found " + std::to_string(sequences) +
                  " sequences, expected 1 to 3");
  }
  return sequences;
}

float rounded(float t) { return bfloat16_to_float(float_to_bfloat16(t)); }

}  // namespace

void check_forward(const Comparison& run, const EchoDit& dit) {
  DitSession session(dit);
  const GoldenSet& set = run.set;
  for (const auto& item : set.manifest().at("dit_forward").items()) {
    const std::string prefix = "dit_forward/" + item.key() + ".";
    const json& entry = item.value();
    run.attempt(kVelocityRow, prefix + "v", [&] {
      const std::string text =
          "conditioning/text" + std::to_string(entry.at("text").get<int>()) + ".ids";
      Pass pass;
      pass.t = entry.at("t").get<float>();
      pass.start_pos = integer_of(entry, "start_pos", 0, kMaxLatentFrames);
      pass.text = shared(dit.encode_text(token_ids(set, text)));
      pass.speaker = speaker_cache(
          set, "conditioning/speaker_" + entry.at("speaker").get<std::string>() + ".", dit);
      if (entry.contains("prefix")) {
        const auto name = "dit_forward/" + entry.at("prefix").get<std::string>();
        pass.latent = shared(session.encode_latent_prefix(latent_of(set, name, dit.backend())));
      }
      check_pass(run, session, prefix, latent_of(set, prefix + "x", dit.backend()), pass,
                 sequences_of(set, prefix + "v"));
    });
  }
}

void check_real_slice(const Comparison& run, const EchoDit& dit) {
  DitSession session(dit);
  const GoldenSet& set = run.set;
  const std::string file = "real_slice/";
  Pass conditions;
  run.attempt("text encoder", file + "text.ids", [&] {
    const std::vector<int32_t> ids = token_ids(set, file + "text.ids");
    if (!run.bfloat16()) {
      const auto text = set.manifest().at("text").get<std::string>();
      run.report.add("text: tokens", file + "text.ids", tokenize(normalize_text(text)) == ids);
    }
    conditions.text = shared(dit.encode_text(ids, run.probe("text encoder", file + "text.")));
    run.compare_cache("text keys and values", file + "text.", *conditions.text);
  });
  run.attempt("speaker encoder", file + "speaker.latent", [&] {
    const Tensor voice = latent_of(set, file + "speaker.latent", dit.backend());
    // All rows, masked ones too: they were recorded.
    run.compare_cache(
        "speaker keys and values", file + "speaker.",
        dit.encode_speaker(voice, voice.rows(), run.probe("speaker encoder", file + "speaker.")));
    conditions.speaker = speaker_cache(set, file + "speaker.", dit);
  });
  run.attempt("latent encoder", file + "latent.prefix", [&] {
    conditions.latent =
        shared(session.encode_latent_prefix(latent_of(set, file + "latent.prefix", dit.backend()),
                                            run.probe("latent encoder", file + "latent.")));
    run.compare_cache("latent keys and values", file + "latent.", *conditions.latent);
  });
  const Comparison timed = run.bfloat16() ? run.variant("rounded t") : run;
  for (const char* name : {"fwd", "fwd_latent"}) {
    const std::string prefix = file + name + ".";
    timed.attempt(kVelocityRow, prefix + "v", [&] {
      const json& entry = set.manifest().at(name);
      Pass pass = conditions;
      pass.t = entry.at("t").get<float>();
      if (run.bfloat16()) pass.t = rounded(pass.t);
      pass.start_pos = integer_of(entry, "start_pos", 0, kMaxLatentFrames);
      if (!entry.contains("prefix")) pass.latent = nullptr;
      // The recordings share one input.
      check_pass(timed, session, prefix, latent_of(set, file + "fwd.x", dit.backend()), pass,
                 sequences_of(set, prefix + "v"));
    });
  }
}

void check_bf16_checkpoint(const Comparison& run, const EchoDit& dit) {
  DitSession session(dit);
  const GoldenSet& set = run.set;
  Pass conditions;
  run.attempt("text encoder", "outputs/f32.text.state", [&] {
    const auto text = set.manifest().at("texts").at(1).get<std::string>();
    conditions.text = shared(dit.encode_text(tokenize(normalize_text(text)),
                                             run.probe("text encoder", "outputs/f32.text.")));
  });
  run.attempt("speaker encoder", "outputs/f32.speaker.state", [&] {
    const Tensor voice = latent_of(set, "outputs/speaker.latent", dit.backend());
    conditions.speaker = shared(dit.encode_speaker(
        voice, voice.rows(), run.probe("speaker encoder", "outputs/f32.speaker.")));
  });
  for (const bool round : {false, true}) {
    // A bfloat16 run rounds the time, so only its like has a meaningful distance.
    if (run.bfloat16() && !round) continue;
    const Comparison of_kind = round ? run.variant("rounded t") : run;
    const std::string kind = round ? "f32_bf16t." : "f32.";
    for (const TensorView& tensor : set.file("outputs")->tensors()) {
      // "f32.fwd_t0.75.v"
      const std::string start = kind + "fwd_t";
      std::string_view digits = tensor.name;
      if (!digits.starts_with(start) || !digits.ends_with(".v")) continue;
      digits.remove_prefix(start.size());
      digits.remove_suffix(2);
      const std::string prefix = "outputs/" + start + std::string(digits) + ".";
      of_kind.attempt(kVelocityRow, prefix + "v", [&, digits] {
        Pass pass = conditions;
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), pass.t);
        if (error != std::errc() || end != digits.data() + digits.size()) {
          throw_corrupt(tensor.label() + ": expected a name with a time, such as " + start +
                        "0.75.v");
        }
        if (round) pass.t = rounded(pass.t);
        check_pass(of_kind, session, prefix, latent_of(set, "outputs/x", dit.backend()), pass,
                   sequences_of(set, prefix + "v"));
      });
    }
  }
}

}  // namespace echo::parity
