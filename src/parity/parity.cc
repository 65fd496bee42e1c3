#include "parity/parity.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "parity/audio_parity.h"
#include "parity/codec_parity.h"
#include "parity/conditioning_parity.h"
#include "parity/dit_parity.h"
#include "parity/functions_parity.h"
#include "parity/noise_parity.h"
#include "parity/pipeline_parity.h"
#include "parity/recorded_models.h"
#include "parity/sampler_parity.h"
#include "parity/speaker_latent_parity.h"
#include "parity/text_parity.h"

namespace echo::parity {
namespace {

// A set, its models, and where results go.
struct Session {
  const GoldenSet& set;
  const ParityOptions& options;
  RecordedModels models;
  Report report;

  // Runs a part of a group on its own: an error ends that part only.
  void part(std::string_view stage, const std::function<void()>& cases) {
    report.attempt(stage, set.folder().filename().string(), cases);
  }
  // Runs cases in float32, then, where the device is fast in it, in bfloat16.
  void each_precision(std::string_view stage,
                      const std::function<void(const Comparison&, RunPrecision)>& cases) {
    for (const RunPrecision precision : {RunPrecision::kFloat32, RunPrecision::kBFloat16}) {
      const Comparison comparison(set, report, precision);
      if (comparison.bfloat16() && !models.fast_bfloat16()) {
        report.leave_out(comparison.row(stage), "this device is not fast in bfloat16");
        continue;
      }
      part(comparison.row(stage), [&] { cases(comparison, precision); });
    }
  }
};

// ---- All stages at a small size. ----

void text_group(Session& s) { check_text(s.set, s.report); }

void audio_group(Session& s) {
  s.part("reference audio", [&] { check_load_audio(s.set, s.options.read_recording, s.report); });
  s.part("joining", [&] { check_joining(s.set, s.report); });
}

void functions_group(Session& s) {
  s.part("time schedules", [&] { check_schedules(s.set, s.report); });
  s.part("flattening points", [&] { check_flattening(s.set, s.report); });
  s.part("score rescaling", [&] { check_rescaling(s.set, s.models.backend(), s.report); });
}

void encoders_group(Session& s) {
  s.part("sizes of the transformer", [&] {
    check_sizes(s.set.document("config").at("dit"), Weights(s.models.dit_file()), s.report);
  });
  s.each_precision("encoders", [&](const Comparison& run, RunPrecision precision) {
    check_conditioning(run, s.models.dit(precision));
    // The recorded distance of the rest in bfloat16 is that of rounding the time.
    if (!run.bfloat16()) check_timestep(run, s.models.dit(precision));
  });
}

void forward_group(Session& s) {
  const Comparison run(s.set, s.report);
  s.part("forward pass", [&] { check_forward(run, s.models.dit(RunPrecision::kFloat32)); });
}

void sampler_group(Session& s) {
  const Comparison run(s.set, s.report);
  s.part("trajectories", [&] { check_trajectories(run, s.models.dit(RunPrecision::kFloat32)); });
}

void codec_group(Session& s) {
  s.each_precision("codec", [&](const Comparison& run, RunPrecision precision) {
    check_encoding(run, s.models.codec(precision));
    check_decoding(run, s.models.codec(precision));
  });
}

void voice_group(Session& s) {
  s.part("speaker latents",
         [&] { check_speaker_latents(s.set, s.models.codec(RunPrecision::kFloat32), s.report); });
}

void pipeline_group(Session& s) {
  s.part("pipeline", [&] {
    check_pipeline(s.set, s.models.device(), s.models.codec(RunPrecision::kFloat32), s.report);
  });
}

// ---- A BF16 checkpoint. ----

void bf16_forward_group(Session& s) {
  s.part("sizes of the transformer", [&] {
    check_sizes(s.set.manifest().at("config"), Weights(s.models.dit_file()), s.report);
  });
  s.each_precision("forward pass", [&](const Comparison& run, RunPrecision precision) {
    check_bf16_checkpoint(run, s.models.dit(precision));
  });
}

void bf16_sampler_group(Session& s) {
  s.each_precision("trajectories", [&](const Comparison& run, RunPrecision precision) {
    check_bf16_trajectories(run, s.models.dit(precision));
  });
}

// ---- The real widths. ----

void weights_group(Session& s) {
  s.part("generated weights",
         [&] { check_generated_weights(s.set, *s.models.dit_file(), s.report); });
  s.part("sizes of the transformer", [&] {
    check_sizes(s.set.manifest().at("config"), Weights(s.models.dit_file()), s.report);
  });
}

void real_slice_forward_group(Session& s) {
  s.each_precision("forward pass", [&](const Comparison& run, RunPrecision precision) {
    check_real_slice(run, s.models.dit(precision));
  });
}

void real_slice_sampler_group(Session& s) {
  s.each_precision("trajectories", [&](const Comparison& run, RunPrecision precision) {
    check_real_slice_trajectories(run, s.models.dit(precision));
  });
}

// ---- Random draws. ----

void draws_group(Session& s) { check_draws(s.set, s.report); }

struct Group {
  GoldenKind kind;
  const char* name;
  void (*run)(Session&);
};

constexpr Group kGroups[] = {
    {GoldenKind::kStages, "text", text_group},
    {GoldenKind::kStages, "audio", audio_group},
    {GoldenKind::kStages, "functions", functions_group},
    {GoldenKind::kStages, "encoders", encoders_group},
    {GoldenKind::kStages, "forward", forward_group},
    {GoldenKind::kStages, "sampler", sampler_group},
    {GoldenKind::kStages, "codec", codec_group},
    {GoldenKind::kStages, "voice", voice_group},
    {GoldenKind::kStages, "pipeline", pipeline_group},
    {GoldenKind::kBFloat16, "forward", bf16_forward_group},
    {GoldenKind::kBFloat16, "sampler", bf16_sampler_group},
    {GoldenKind::kRealSlice, "weights", weights_group},
    {GoldenKind::kRealSlice, "forward", real_slice_forward_group},
    {GoldenKind::kRealSlice, "sampler", real_slice_sampler_group},
    {GoldenKind::kNoise, "draws", draws_group},
};

std::string file_of(const std::string& result) { return result.substr(0, result.find('/')); }

// Names every result that has a noise floor and was not compared. One whose tensor is missing, and
// every stored part of it, was lost. `whole`: all groups ran; otherwise only files are looked at of
// which something was compared, since a file belongs to one group.
void name_the_rest(const GoldenSet& set, bool whole, Report& report) {
  std::set<std::string> files;
  for (const std::string& name : set.results()) {
    if (whole || report.has(name)) files.insert(file_of(name));
  }
  for (const std::string& name : set.results()) {
    const std::string file = file_of(name);
    if (report.has(name) || !files.contains(file)) continue;
    if (set.has(name)) {
      report.leave_out(name, "no stage of this program gives it");
      continue;
    }
    const auto tensors = set.file(file)->tensors();
    const bool in_parts = std::any_of(tensors.begin(), tensors.end(), [&](const TensorView& part) {
      return std::string_view(part.name).starts_with(name.substr(file.size() + 1) + "_");
    });
    if (!in_parts) report.fail("recorded data", name, "has a noise floor, but no tensor");
  }
}

void name_general_gaps(const GoldenSet& set, Report& report) {
  if (set.kind() == GoldenKind::kStages) {
    report.leave_out("timestep, forward pass, trajectories, pipeline in bf16",
                     "the recorded distance is that of rounding the time to bfloat16 and hides the "
                     "arithmetic; the data of a BF16 checkpoint has both apart");
    report.leave_out("codec: codes and what follows from them in bf16",
                     "codes that are nearly as near change places");
  } else if (set.kind() == GoldenKind::kBFloat16) {
    report.leave_out("outputs/bf16.*",
                     "another run of the published code, not a result to match; its distance is "
                     "the limit of the rows in bf16");
  }
}

}  // namespace

std::vector<std::string> parity_groups(GoldenKind kind) {
  std::vector<std::string> names;
  for (const Group& group : kGroups) {
    if (group.kind == kind) names.emplace_back(group.name);
  }
  return names;
}

Report run(const GoldenSet& set, const ParityOptions& options) {
  const std::vector<std::string> all = parity_groups(set.kind());
  for (const std::string& name : options.groups) {
    if (std::find(all.begin(), all.end(), name) == all.end()) {
      throw_invalid("group: " + set.folder().string() + " has none of the name " +
                    quoted_name(name));
    }
  }
  Session session{set, options, RecordedModels(set, options.device), Report()};
  if (session.models.backend().name() != "cpu") session.report = Report(kGpuFloat32Multiple);
  for (const Group& group : kGroups) {
    const bool wanted = options.groups.empty() ||
                        std::count(options.groups.begin(), options.groups.end(), group.name) > 0;
    if (group.kind != set.kind() || !wanted) continue;
    session.part(group.name, [&] { group.run(session); });
  }
  const bool whole = options.groups.empty();
  if (whole || set.kind() == GoldenKind::kStages) {
    session.part("recorded data", [&] { name_the_rest(set, whole, session.report); });
  }
  if (whole) name_general_gaps(set, session.report);
  return std::move(session.report);
}

Report run(const std::filesystem::path& folder, const ParityOptions& options) {
  return run(GoldenSet::open(folder), options);
}

}  // namespace echo::parity
