#include "parity/dit_parity.h"

#include <cmath>
#include <string>

#include "tensor/dtype.h"

namespace echo::parity {
namespace {

// Compares every stage that the set recorded under prefix + stage.
Probe recorded_stages(const GoldenSet& set, const std::string& row, const std::string& prefix,
                      bool bfloat16, Report& report) {
  return [&set, row, prefix, bfloat16, &report](const std::string& stage, const Tensor& value) {
    const std::string name = prefix + stage;
    if (!set.has(name)) return;
    std::vector<float> values = value.to_host();
    const size_t recorded = static_cast<size_t>(set.tensor(name).elements());
    // One row of modulation serves all lanes here; the recording repeats it for each. Other
    // recordings hold the first lane only.
    const size_t own = values.size();
    while (values.size() < recorded && recorded % own == 0) {
      values.insert(values.end(), values.begin(), values.begin() + static_cast<int64_t>(own));
    }
    if (values.size() > recorded) values.resize(recorded);
    if (bfloat16) {
      report.compare_bfloat16(row, set, name, values);
    } else {
      report.compare(row, set, name, values);
    }
  };
}

void compare(const GoldenSet& set, const std::string& row, const std::string& name,
             const Tensor& value, bool bfloat16, Report& report) {
  recorded_stages(set, row, name, bfloat16, report)("", value);
}

// Keys and values of every recorded layer, "layer0.k" or, for models of one layer, "k".
void compare_cache(const GoldenSet& set, const std::string& row, const std::string& prefix,
                   const KeyValueCache& cache, bool bfloat16, Report& report) {
  for (size_t i = 0; i < cache.layers.size(); ++i) {
    const std::string layer =
        set.has(prefix + "k") ? prefix : prefix + "layer" + std::to_string(i) + ".";
    if (!set.has(layer + "k")) continue;
    compare(set, row, layer + "k", cache.layers[i].k, bfloat16, report);
    compare(set, row, layer + "v", cache.layers[i].v, bfloat16, report);
  }
}

std::vector<int32_t> ids_of(const GoldenSet& set, const std::string& name) {
  const std::vector<int64_t> values = set.ints(name);
  return {values.begin(), values.end()};
}

// The same (S, 80) rows for every lane.
Tensor stacked(const Tensor& x, int64_t lanes) {
  Tensor result = empty(x.backend(), x.rows() * lanes, x.cols(), x.dtype());
  for (int64_t lane = 0; lane < lanes; ++lane) {
    copy(x, result.row_range(lane * x.rows(), x.rows()));
  }
  return result;
}

// Lanes in the recorded order: all conditions, text masked, speaker masked.
std::vector<DitLane> three_lanes(int64_t rows, int64_t start_pos, const KeyValueCache& text,
                                 const KeyValueCache& speaker, const KeyValueCache* latent) {
  DitLane lane{rows, start_pos, &text, &speaker, latent};
  std::vector<DitLane> lanes(3, lane);
  lanes[1].text = nullptr;
  lanes[2].speaker = nullptr;
  return lanes;
}

void check_three_lanes(const GoldenSet& set, const EchoDit& dit, const std::string& name,
                       const std::string& x_name, float t, const std::vector<DitLane>& lanes,
                       bool bfloat16, Report& report) {
  const Probe probe = recorded_stages(set, "dit forward: stages", name + ".", bfloat16, report);
  const Tensor modulation = dit.modulation(std::span(&t, 1), probe);
  const Tensor x = latent_of(set, x_name, dit.backend());
  const Tensor v = dit.forward(stacked(x, 3), modulation, lanes, probe);
  compare(set, "dit forward: v", name + ".v", v, bfloat16, report);
}

}  // namespace

Tensor latent_of(const GoldenSet& set, std::string_view name, Backend& backend) {
  const TensorView& tensor = set.tensor(name);
  const int64_t cols = tensor.shape.back();
  return from_host(backend, tensor.to_float32(), cols ? tensor.elements() / cols : 0, cols);
}

int64_t valid_frames(const GoldenSet& set, std::string_view name) {
  int64_t count = 0;
  for (const uint8_t valid : set.bools(name)) {
    if (!valid) break;
    ++count;
  }
  return count;
}

void check_conditioning(const GoldenSet& set, const EchoDit& dit, Report& report) {
  const std::string file = "conditioning/";
  for (size_t j = 0; j < set.manifest().at("texts").size(); ++j) {
    const std::string prefix = file + "text" + std::to_string(j) + ".";
    if (!set.has(prefix + "ids")) continue;
    const KeyValueCache cache =
        dit.encode_text(ids_of(set, prefix + "ids"),
                        recorded_stages(set, "text encoder", prefix, false, report));
    compare_cache(set, "text keys and values", prefix, cache, false, report);
  }
  report.leave_out(file + "text0_padded768.state",
                   "texts are never padded; text0.state is the same text without padding");
  for (const char* name : {"speaker_ae40.", "speaker_part24.", "speaker_rand400.",
                           "speaker_none."}) {
    const std::string prefix = file + name;
    if (!set.has(prefix + "latent")) continue;
    const Tensor latent = latent_of(set, prefix + "latent", dit.backend());
    // All rows, masked ones too: they were recorded.
    const KeyValueCache cache =
        dit.encode_speaker(latent, latent.rows(),
                           recorded_stages(set, "speaker encoder", prefix, false, report));
    compare_cache(set, "speaker keys and values", prefix, cache, false, report);
  }
  const KeyValueCache cache = dit.encode_latent_prefix(
      latent_of(set, file + "latent32.latent", dit.backend()),
      recorded_stages(set, "latent encoder", file + "latent32.", false, report));
  compare_cache(set, "latent keys and values", file + "latent32.", cache, false, report);

  const std::vector<float> t = set.floats(file + "timestep.t");
  dit.modulation(t, recorded_stages(set, "timestep", file + "timestep.", false, report));
}

void check_forward(const GoldenSet& set, const EchoDit& dit, Report& report) {
  for (const auto& [name, parameters] : set.manifest().at("dit_forward").items()) {
    const std::string speaker_name =
        "conditioning/speaker_" + parameters.at("speaker").get<std::string>();
    const std::string text_name =
        "conditioning/text" + std::to_string(parameters.at("text").get<int>());
    const KeyValueCache text = dit.encode_text(ids_of(set, text_name + ".ids"));
    const KeyValueCache speaker =
        dit.encode_speaker(latent_of(set, speaker_name + ".latent", dit.backend()),
                           valid_frames(set, speaker_name + ".mask"));
    KeyValueCache latent;
    const bool prefixed = parameters.contains("prefix");
    if (prefixed) {
      latent = dit.encode_latent_prefix(latent_of(
          set, "dit_forward/" + parameters.at("prefix").get<std::string>(), dit.backend()));
    }
    const std::string prefix = "dit_forward/" + name;
    const int64_t rows = set.tensor(prefix + ".x").shape[1];
    check_three_lanes(set, dit, prefix, prefix + ".x", parameters.at("t").get<float>(),
                      three_lanes(rows, parameters.at("start_pos").get<int64_t>(), text, speaker,
                                  prefixed ? &latent : nullptr),
                      false, report);
  }
}

void check_real_slice_forward(const GoldenSet& set, const EchoDit& dit, bool bfloat16,
                              Report& report) {
  const std::string file = "real_slice/";
  Backend& backend = dit.backend();
  const auto stages = [&](const std::string& row, const std::string& prefix) {
    return recorded_stages(set, row, file + prefix, bfloat16, report);
  };
  const KeyValueCache text =
      dit.encode_text(ids_of(set, file + "text.ids"), stages("text encoder", "text."));
  compare_cache(set, "text keys and values", file + "text.", text, bfloat16, report);
  const Tensor voice = latent_of(set, file + "speaker.latent", backend);
  const KeyValueCache all = dit.encode_speaker(voice, voice.rows(),
                                               stages("speaker encoder", "speaker."));
  compare_cache(set, "speaker keys and values", file + "speaker.", all, bfloat16, report);
  const KeyValueCache speaker =
      dit.encode_speaker(voice, valid_frames(set, file + "speaker.mask"));
  const KeyValueCache latent = dit.encode_latent_prefix(
      latent_of(set, file + "latent.prefix", backend), stages("latent encoder", "latent."));
  compare_cache(set, "latent keys and values", file + "latent.", latent, bfloat16, report);

  const int64_t rows = set.tensor(file + "fwd.x").shape[1];
  for (const char* name : {"fwd", "fwd_latent"}) {
    const auto& parameters = set.manifest().at(name);
    const bool prefixed = parameters.contains("prefix");
    check_three_lanes(set, dit, file + name, file + "fwd.x", parameters.at("t").get<float>(),
                      three_lanes(rows, parameters.at("start_pos").get<int64_t>(), text, speaker,
                                  prefixed ? &latent : nullptr),
                      bfloat16, report);
  }
}

void check_bf16_forward(const GoldenSet& set, const EchoDit& dit, bool bfloat16, Report& report) {
  const std::string file = "outputs/";
  Backend& backend = dit.backend();
  const std::string run = file + "f32.";
  std::vector<int32_t> ids;
  // Text 1 carries its own speaker tag and nothing that normalisation changes.
  const std::string text = set.manifest().at("texts").at(1).get<std::string>();
  ids.push_back(0);
  for (const char c : text) ids.push_back(static_cast<uint8_t>(c));
  const KeyValueCache text_cache =
      dit.encode_text(ids, recorded_stages(set, "text encoder", run + "text.", bfloat16, report));
  const Tensor voice = latent_of(set, file + "speaker.latent", backend);
  const KeyValueCache speaker = dit.encode_speaker(
      voice, voice.rows(),
      recorded_stages(set, "speaker encoder", run + "speaker.", bfloat16, report));
  const Tensor x = latent_of(set, file + "x", backend);
  const DitLane lane{x.rows(), 0, &text_cache, &speaker};
  for (const float t : {0.75f, 0.7f}) {
    const std::string name = t == 0.75f ? "fwd_t0.75." : "fwd_t0.7.";
    // A checkpoint in BF16 is given t rounded to bfloat16.
    const float rounded = bfloat16_to_float(float_to_bfloat16(t));
    const std::string prefix = file + "f32_bf16t." + name;
    const std::string stage_row = "dit forward: stages";
    const Tensor modulation = dit.modulation(
        std::span(&rounded, 1), recorded_stages(set, stage_row, prefix, bfloat16, report));
    const Tensor v = dit.forward(
        x, modulation, std::span(&lane, 1),
        [&](const std::string& stage, const Tensor& value) {
          if (stage == "block0.out") compare(set, stage_row, prefix + "block0", value, bfloat16,
                                             report);
        });
    compare(set, "dit forward: v", prefix + "v", v, bfloat16, report);
  }
}

}  // namespace echo::parity
