#include "parity/conditioning_parity.h"

#include <algorithm>
#include <charconv>

#include "checkpoint/echo_dit_layout.h"
#include "parity/recorded_inputs.h"
#include "text/normalize.h"
#include "text/tokens.h"

namespace echo::parity {
namespace {

using nlohmann::json;

constexpr const char* kConditioningGroup = "conditioning/";
constexpr const char* kTokenRow = "text: tokens";

// "12" of "text12"; nothing for other names.
std::optional<size_t> text_index(std::string_view name) {
  size_t index = 0;
  name.remove_prefix(std::min(name.size(), std::string_view("text").size()));
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  if (error != std::errc() || end != name.data() + name.size()) return {};
  return index;
}

// The encoder's state has the recorded text's valid rows; a padded recording has more, which mean
// nothing. Its floor is of all its rows.
void check_padded_text(const Comparison& run, const std::string& prefix, const EchoDit& dit) {
  std::vector<int32_t> ids = token_ids(run.set, prefix + "ids");
  const auto rows = static_cast<size_t>(valid_frames(run.set, prefix + "mask"));
  ids.resize(std::min(ids.size(), rows));
  dit.encode_text(ids, [&](const std::string& stage, const Tensor& value) {
    const std::string name = prefix + stage;
    if (!run.set.has(name)) return;
    const std::vector<float> state = value.to_host();
    std::vector<float> recorded = run.set.floats(name);
    recorded.resize(std::min(recorded.size(), state.size()));
    GoldenDifference difference =
        run.bfloat16() ? run.set.compare_bfloat16(name, {}) : run.set.compare(name, {});
    difference.rel_l2 = relative_l2(state, recorded);
    run.report.add(run.row("text encoder"), name, difference);
  });
}

void check_text(const Comparison& run, const std::string& name, const EchoDit& dit) {
  const std::string prefix = kConditioningGroup + name + ".";
  if (run.set.has(prefix + "mask")) {
    check_padded_text(run, prefix, dit);
    return;
  }
  const std::vector<int32_t> ids = token_ids(run.set, prefix + "ids");
  const auto index = text_index(name);
  if (index && !run.bfloat16()) {
    const json& text = run.set.manifest().at("texts").at(*index);
    run.report.add(kTokenRow, prefix + "ids",
                   tokenize(normalize_text(text.get<std::string>())) == ids);
  }
  const KeyValueCache cache = dit.encode_text(ids, run.probe("text encoder", prefix));
  run.compare_cache("text keys and values", prefix, cache);
}

}  // namespace

void check_sizes(const json& config, const Weights& checkpoint, Report& report) {
  const EchoDitConfig found = infer_echo_dit_config(checkpoint);
  const std::pair<const char*, int64_t> sizes[] = {
      {"latent_size", found.latent_size},
      {"model_size", found.model_size},
      {"num_layers", found.num_layers},
      {"num_heads", found.num_heads},
      {"intermediate_size", found.intermediate_size},
      {"text_vocab_size", found.text_vocab_size},
      {"text_model_size", found.text.model_size},
      {"text_num_layers", found.text.num_layers},
      {"text_num_heads", found.text.num_heads},
      {"text_intermediate_size", found.text.intermediate_size},
      {"speaker_patch_size", found.speaker_patch_size},
      {"speaker_model_size", found.speaker.model_size},
      {"speaker_num_layers", found.speaker.num_layers},
      {"speaker_num_heads", found.speaker.num_heads},
      {"speaker_intermediate_size", found.speaker.intermediate_size},
      {"timestep_embed_size", found.timestep_embed_size},
      {"adaln_rank", found.adaln_rank}};
  for (const auto& [name, size] : sizes) {
    report.add("sizes of the transformer", name, config.at(name) == size);
  }
}

void check_conditioning(const Comparison& run, const EchoDit& dit) {
  DitSession session(dit);
  for (const std::string& name : cases_of(run.set, "conditioning", "", ".ids")) {
    run.attempt("text encoder", kConditioningGroup + name, [&] { check_text(run, name, dit); });
  }
  for (const std::string& name : cases_of(run.set, "conditioning", "speaker_", ".latent")) {
    const std::string prefix = kConditioningGroup + ("speaker_" + name) + ".";
    run.attempt("speaker encoder", prefix + "latent", [&] {
      const Tensor latent = latent_of(run.set, prefix + "latent", dit.backend());
      // All rows, masked ones too: they were recorded.
      const KeyValueCache cache =
          dit.encode_speaker(latent, latent.rows(), run.probe("speaker encoder", prefix));
      run.compare_cache("speaker keys and values", prefix, cache);
    });
  }
  for (const std::string& name : cases_of(run.set, "conditioning", "latent", ".latent")) {
    const std::string prefix = kConditioningGroup + ("latent" + name) + ".";
    run.attempt("latent encoder", prefix + "latent", [&] {
      const KeyValueCache cache =
          session.encode_latent_prefix(latent_of(run.set, prefix + "latent", dit.backend()),
                                       run.probe("latent encoder", prefix));
      run.compare_cache("latent keys and values", prefix, cache);
    });
  }
}

void check_timestep(const Comparison& run, const EchoDit& dit) {
  const std::string prefix = kConditioningGroup + std::string("timestep.");
  run.attempt("timestep", prefix + "t", [&] {
    dit.modulation(finite_floats(run.set, prefix + "t"), run.probe("timestep", prefix));
  });
}

std::shared_ptr<const KeyValueCache> speaker_cache(const GoldenSet& set, const std::string& prefix,
                                                   const EchoDit& dit) {
  const int64_t valid = valid_frames(set, prefix + "mask");
  if (valid == 0) return nullptr;
  return std::make_shared<KeyValueCache>(
      dit.encode_speaker(latent_of(set, prefix + "latent", dit.backend()), valid));
}

}  // namespace echo::parity
