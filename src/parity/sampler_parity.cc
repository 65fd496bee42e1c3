#include "parity/sampler_parity.h"

#include <algorithm>
#include <string>

#include "base/error.h"
#include "engine/trajectory.h"
#include "parity/conditioning_parity.h"
#include "parity/noise_parity.h"
#include "parity/recorded_inputs.h"
#include "text/normalize.h"
#include "text/tokens.h"

namespace echo::parity {
namespace {

using nlohmann::json;

constexpr const char* kTrajectoryRow = "trajectories";
constexpr const char* kBlockRow = "blockwise trajectories";
constexpr const char* kStateRow = "trajectories: x at each step";
constexpr const char* kSequenceRow = "trajectories: v of the sequences";

// One recorded trajectory: what it is given, and where its results are.
struct RecordedTrajectory {
  // prefix: of the result's and the steps' tensors. noise: the tensor, or for a trajectory of
  // several blocks the tensors without their numbers.
  RecordedTrajectory(std::string tensors, std::string noise, bool in_blocks)
      : row(in_blocks ? kBlockRow : kTrajectoryRow),
        prefix(std::move(tensors)),
        noises{std::move(noise)} {}

  // Lengths of blocks of a trajectory in blocks.
  void set_blocks(const json& sizes) {
    parameters.block_sizes = block_sizes(sizes);
    noises = numbered(noises.at(0), parameters.block_sizes.size());
  }
  std::string result() const { return prefix + ".out"; }

  const char* row;
  std::string prefix;
  std::vector<std::string> noises;  // one for each block
  SamplerParameters parameters;
  Conditions conditions;
};

std::shared_ptr<const KeyValueCache> text_cache(const std::string& text, size_t length,
                                                const EchoDit& dit) {
  std::vector<int32_t> ids = tokenize(normalize_text(text));
  ids.resize(std::min(ids.size(), length));
  return std::make_shared<KeyValueCache>(dit.encode_text(ids));
}

// The sequences in the recorded order: all conditions, text masked, speaker masked. Without a voice
// the program has no sequence of the last kind; it would be the first. Empty when a recorded
// sequence was not run because its scale is 0.
std::vector<float> recorded_sequences(const Trajectory& trajectory, const Tensor& v, size_t count) {
  const std::vector<DitSequence> sequences = trajectory.sequences();
  const int64_t rows = sequences[0].rows;
  std::vector<float> values;
  for (size_t wanted = 0; wanted < count; ++wanted) {
    size_t sequence = sequences.size();
    for (size_t i = 0; i < sequences.size(); ++i) {
      const bool without_text = i > 0 && !sequences[i].text;
      const bool without_speaker = i > 0 && sequences[i].text;
      if (wanted == 0 ? i == 0 : wanted == 1 ? without_text : without_speaker) sequence = i;
    }
    if (sequence == sequences.size() && wanted == 2 && !sequences[0].speaker) sequence = 0;
    if (sequence == sequences.size()) return {};
    const std::vector<float> part =
        v.row_range(static_cast<int64_t>(sequence) * rows, rows).to_host();
    values.insert(values.end(), part.begin(), part.end());
  }
  return values;
}

std::string step_name(const std::string& prefix, int64_t step) {
  return prefix + (step < 10 ? ".step0" : ".step") + std::to_string(step) + ".v_lanes";
}

void check_trajectory(const Comparison& run, DitSession& session, ModulationCache& modulations,
                      const RecordedTrajectory& recorded) {
  Trajectory trajectory(session, recorded.parameters, recorded_noise(run.set, recorded.noises),
                        recorded.conditions);
  Trajectory* const batch[] = {&trajectory};
  const bool states_recorded = run.set.has(recorded.prefix + ".x_t");
  std::vector<float> states;
  for (int64_t step = 0; !trajectory.finished(); ++step) {
    if (states_recorded) {
      const std::vector<float> x = trajectory.x().to_host();
      states.insert(states.end(), x.begin(), x.end());
    }
    const Tensor v = velocities(session, modulations, batch);
    const std::string name = step_name(recorded.prefix, step);
    if (run.set.has(name)) {
      const auto sequences =
          recorded_sequences(trajectory, v, static_cast<size_t>(axis(run.set, name, 0)));
      if (sequences.empty()) {
        run.report.leave_out(name, "a sequence whose scale is 0 is not run");
      } else {
        run.compare(kSequenceRow, name, sequences);
      }
    }
    trajectory.apply(v);
  }
  if (states_recorded) run.compare(kStateRow, recorded.prefix + ".x_t", states);
  run.compare(recorded.row, recorded.result(), trajectory.latent());
}

// Text and speaker of an entry of the "tiny" manifest.
Conditions conditions_of(const GoldenSet& set, const json& entry, const EchoDit& dit) {
  const json& text = set.manifest().at("texts").at(entry.at("text").get<size_t>());
  const auto length = static_cast<size_t>(
      integer_or(entry, "max_length", 1, int64_t{kMaxTextTokens}, int64_t{kMaxTextTokens}));
  const auto speaker = "conditioning/speaker_" + entry.at("speaker").get<std::string>() + ".";
  return {text_cache(text.get<std::string>(), length, dit), speaker_cache(set, speaker, dit), {}};
}

}  // namespace

void check_trajectories(const Comparison& run, const EchoDit& dit) {
  DitSession session(dit);
  const GoldenSet& set = run.set;
  ModulationCache modulations(dit, false);
  for (const char* file : {"sampler", "blockwise"}) {
    const bool blocks = file == std::string_view("blockwise");
    for (const auto& item : set.manifest().at(file).items()) {
      const json& entry = item.value();
      const std::string prefix = std::string(file) + "/" + item.key();
      RecordedTrajectory recorded(prefix, prefix + ".noise", blocks);
      run.attempt(recorded.row, recorded.result(), [&] {
        recorded.parameters = sampler_parameters(entry.at("params"));
        recorded.conditions = conditions_of(set, entry, dit);
        if (blocks) {
          recorded.set_blocks(entry.at("block_sizes"));
          const json& continuation = entry.at("continuation");
          if (!continuation.is_null()) {
            recorded.conditions.continuation = latent_of(
                set, "blockwise/continuation." + continuation.get<std::string>(), dit.backend());
          }
        }
        check_noise_of_seed(set, entry.at("seed").get<uint64_t>(), recorded.noises, run.report);
        check_trajectory(run, session, modulations, recorded);
      });
    }
  }
}

void check_real_slice_trajectories(const Comparison& precision, const EchoDit& dit) {
  DitSession session(dit);
  const bool round = precision.bfloat16();
  const Comparison run = round ? precision.variant("rounded t") : precision;
  const GoldenSet& set = run.set;
  const std::string file = "real_slice/";
  ModulationCache modulations(dit, round);
  Conditions conditions;
  run.attempt(kTrajectoryRow, file + "speaker.latent", [&] {
    const auto text = set.manifest().at("text").get<std::string>();
    conditions = {
        text_cache(text, kMaxTextTokens, dit), speaker_cache(set, file + "speaker.", dit), {}};
  });
  if (!conditions.text) return;
  for (const bool blocks : {false, true}) {
    const char* section = blocks ? "blockwise" : "sampler";
    RecordedTrajectory recorded(file + section, file + section + ".noise", blocks);
    recorded.conditions = conditions;
    run.attempt(recorded.row, recorded.result(), [&] {
      const json& entry = set.manifest().at(section);
      recorded.parameters = sampler_parameters(entry.at("params"));
      if (blocks) {
        recorded.set_blocks(entry.at("block_sizes"));
      } else {
        recorded.parameters.sequence_length = integer_of(entry, "sequence_length", 1, kMaxFrames);
      }
      if (!round) {
        check_noise_of_seed(set, entry.at("seed").get<uint64_t>(), recorded.noises, run.report);
      }
      check_trajectory(run, session, modulations, recorded);
    });
  }
}

void check_bf16_trajectories(const Comparison& run, const EchoDit& dit) {
  DitSession session(dit);
  const GoldenSet& set = run.set;
  const json& manifest = set.manifest();
  std::shared_ptr<const KeyValueCache> speaker;
  run.attempt(kTrajectoryRow, "outputs/speaker.latent", [&] {
    const Tensor voice = latent_of(set, "outputs/speaker.latent", dit.backend());
    speaker = std::make_shared<KeyValueCache>(dit.encode_speaker(voice, voice.rows()));
  });
  if (!speaker) return;
  for (const bool round : {false, true}) {
    // A bfloat16 run rounds the time, so only its like has a meaningful distance.
    if (run.bfloat16() && !round) continue;
    const Comparison of_kind = round ? run.variant("rounded t") : run;
    ModulationCache modulations(dit, round);
    for (const char* kind : {"sampler", "blockwise"}) {
      for (const auto& item : manifest.at(kind).items()) {
        const json& entry = item.value();
        const bool blocks = entry.contains("blocks");
        RecordedTrajectory recorded((round ? "outputs/f32_bf16t." : "outputs/f32.") + item.key(),
                                    "outputs/" + item.key() + ".noise", blocks);
        of_kind.attempt(recorded.row, recorded.result(), [&] {
          json parameters = manifest.at("defaults");
          parameters.update(entry.at("p"));
          recorded.parameters = sampler_parameters(parameters);
          if (blocks) {
            recorded.set_blocks(entry.at("blocks"));
          } else {
            recorded.parameters.sequence_length = integer_of(entry, "seq", 1, kMaxFrames);
          }
          const json& text = manifest.at("texts").at(entry.at("text").get<size_t>());
          recorded.conditions = {
              text_cache(text.get<std::string>(), kMaxTextTokens, dit), speaker, {}};
          if (!round) {
            check_noise_of_seed(set, entry.at("seed").get<uint64_t>(), recorded.noises, run.report);
          }
          check_trajectory(of_kind, session, modulations, recorded);
        });
      }
    }
  }
}

}  // namespace echo::parity
