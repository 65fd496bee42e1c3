#include "parity/codec_parity.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "base/error.h"
#include "parity/recorded_inputs.h"

namespace echo::parity {
namespace {

using nlohmann::json;

constexpr const char* kCodecGroup = "autoencoder/";
constexpr const char* kEncodeRow = "codec: encoding";
constexpr const char* kDecodeRow = "codec: decoding";
constexpr const char* kCodeRow = "codec: codes";
constexpr float kCodeMargin = 1e-4f;
// The long recording is made of another one, see below.
constexpr const char* kLongSource = "speaker_latent/audio.chunks";
constexpr size_t kLongTail = 72000;  // samples

// (rows, cols) to (cols, rows).
std::vector<float> turned(std::span<const float> values, size_t rows) {
  std::vector<float> result(values.size());
  const size_t cols = rows == 0 ? 0 : values.size() / rows;
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < cols; ++c) result[c * rows + r] = values[r * cols + c];
  }
  return result;
}

// What the codec shows of its stages, the tiles of each put together.
class StageRecorder {
 public:
  CodecHooks hooks() {
    return {.stop = {}, .probe = [this](const std::string& name, const Tensor& value) {
              if (value.dtype() == DType::kInt32) return;
              Stage& stage = stages_[name];
              const std::vector<float> rows = value.to_host();
              stage.cols = static_cast<size_t>(value.cols());
              stage.rows.insert(stage.rows.end(), rows.begin(), rows.end());
            }};
  }
  bool has(const std::string& name) const { return stages_.contains(name); }
  // (T, C)
  std::vector<float>& rows(const std::string& name) { return stages_.at(name).rows; }
  size_t cols(const std::string& name) const { return stages_.at(name).cols; }
  // (C, T), as it was recorded.
  std::vector<float> channels_first(const std::string& name) const {
    const Stage& stage = stages_.at(name);
    return turned(stage.rows, stage.rows.size() / stage.cols);
  }

 private:
  struct Stage {
    std::vector<float> rows;
    size_t cols = 1;
  };
  std::map<std::string, Stage> stages_;
};

// Every recorded tensor of the case that the codec shows under the same name; `latent` lies the
// other way. Inputs and results of another form are the caller's.
void compare_stages(const Comparison& run, const char* row, const std::string& prefix,
                    const StageRecorder& recorder,
                    const std::function<bool(const std::string&)>& wanted) {
  const std::string start = prefix.substr(std::string_view(kCodecGroup).size());
  for (const TensorView& tensor : run.set.file("autoencoder")->tensors()) {
    if (!tensor.name.starts_with(start)) continue;
    const std::string stage = tensor.name.substr(start.size());
    if (!wanted(stage)) continue;
    if (recorder.has(stage)) {
      run.compare(row, prefix + stage, recorder.channels_first(stage));
    } else {
      run.report.leave_out(prefix + stage, "the codec here shows no stage of this name");
    }
  }
}

// A recording without stored samples is silence, or made of three parts of another.
std::vector<float> audio_of(const GoldenSet& set, const std::string& name, int64_t frame_samples) {
  const std::string prefix = kCodecGroup + ("enc." + name) + ".";
  if (set.has(prefix + "audio")) return finite_floats(set, prefix + "audio");
  if (name == "silence") {
    return std::vector<float>(static_cast<size_t>(axis(set, prefix + "codes", 2) * frame_samples));
  }
  if (name != "long") throw_not_found(prefix + "audio: no such tensor");
  const std::vector<float> source = finite_floats(set, kLongSource);
  std::vector<float> audio = source;
  for (const float x : source) audio.push_back(0.5f * x);
  const size_t tail = std::min(kLongTail, source.size());
  for (size_t i = 0; i < tail; ++i) audio.push_back(-0.25f * source[i]);
  return audio;
}

// Compares codes (frames, codebooks) with recorded ones (1, codebooks, frames). Where two codes
// were nearly as near, either is right; the frame's later codes then mean something else. Returns
// these frames.
std::vector<size_t> check_codes(const Comparison& run, const std::string& prefix,
                                const Tensor& codes) {
  const std::vector<int64_t> expected = run.set.ints(prefix + "codes");
  const std::vector<float> margin = run.set.floats(prefix + "code_margin");
  run.report.use(prefix + "code_margin");
  const std::vector<int32_t> found = codes.to_host_ints();
  if (found.size() != expected.size() || found.size() != margin.size()) {
    throw_corrupt(run.set.tensor(prefix + "codes").label() + ": found " +
                  std::to_string(expected.size()) + " codes and " + std::to_string(margin.size()) +
                  " margins, expected " + std::to_string(found.size()));
  }
  const auto frames = static_cast<size_t>(codes.rows()), books = static_cast<size_t>(codes.cols());
  std::vector<size_t> ambiguous;
  for (size_t frame = 0; frame < frames; ++frame) {
    bool same = true;
    for (size_t book = 0; book < books && same; ++book) {
      const size_t recorded = book * frames + frame;
      if (found[frame * books + book] == expected[recorded]) continue;
      same = false;
      // A margin that is not a number is none.
      if (margin[recorded] <= kCodeMargin) ambiguous.push_back(frame);
    }
    const bool allowed = !ambiguous.empty() && ambiguous.back() == frame;
    run.report.add(run.row(kCodeRow), prefix + "codes, frame " + std::to_string(frame),
                   same || allowed);
  }
  return ambiguous;
}

// Takes the frames out of the comparison: the recorded values take the place of those computed.
void excuse(const GoldenSet& set, const std::string& prefix, const std::vector<size_t>& frames,
            StageRecorder& recorder) {
  for (const std::string stage : {"vq_in", "z_q", "latent"}) {
    if (!recorder.has(stage) || !set.has(prefix + stage)) continue;
    std::vector<float>& rows = recorder.rows(stage);
    const size_t cols = recorder.cols(stage);
    std::vector<float> recorded = set.floats(prefix + stage);
    if (recorded.size() != rows.size()) continue;
    if (stage != "latent") recorded = turned(recorded, cols);
    for (const size_t frame : frames) {
      const auto begin = static_cast<ptrdiff_t>(frame * cols);
      std::copy_n(recorded.begin() + begin, cols, rows.begin() + begin);
    }
  }
}

void check_encoded(const Comparison& run, const Codec& codec, const std::string& name) {
  const std::string prefix = kCodecGroup + ("enc." + name) + ".";
  StageRecorder recorder;
  const Codec::Encoding encoding =
      codec.encode(audio_of(run.set, name, codec.samples_per_frame()), recorder.hooks());
  if (!run.bfloat16()) {
    const std::vector<size_t> ambiguous = check_codes(run, prefix, encoding.codes);
    excuse(run.set, prefix, ambiguous, recorder);
    for (const size_t frame : ambiguous) {
      run.report.leave_out(prefix + "z_q, frame " + std::to_string(frame),
                           "another code was as near, within the margin of 1e-4");
    }
    if (run.set.has(prefix + "latent")) {
      run.compare(kEncodeRow, prefix + "latent", recorder.rows("latent"));
    }
  }
  compare_stages(run, kEncodeRow, prefix, recorder, [&](const std::string& stage) {
    const bool of_codes = stage == "vq_in" || stage == "z_q";
    return stage != "audio" && stage != "codes" && stage != "code_margin" && stage != "latent" &&
           !(run.bfloat16() && of_codes);
  });
}

// The samples under `audio`, or the stored parts of them and the sums of all.
void compare_audio(const Comparison& run, const std::string& prefix, const std::string& name,
                   std::span<const float> audio) {
  if (run.set.has(prefix + "audio")) run.compare(kDecodeRow, prefix + "audio", audio);
  const std::string head = prefix + "audio_head", tail = prefix + "audio_tail";
  if (run.set.has(head)) {
    const auto size = static_cast<size_t>(run.set.tensor(head).elements());
    run.compare(kDecodeRow, head, audio.first(std::min(size, audio.size())));
  }
  if (run.set.has(tail)) {
    const auto size = static_cast<size_t>(run.set.tensor(tail).elements());
    run.compare(kDecodeRow, tail, audio.last(std::min(size, audio.size())));
  }
  const std::string entry = "dec_" + name + "_audio";
  if (!run.set.manifest().contains(entry)) return;
  const json& whole = run.set.manifest().at(entry);
  const auto floor = run.set.floor(prefix + "audio");
  if (!floor || (run.bfloat16() && !floor->bfloat16)) {
    throw_not_found(prefix + "audio: no noise floor");
  }
  // With |computed - expected| <= limit * |expected|, the sum of squares is off by no more than
  // twice the limit, and the sum by no more than limit * sqrt(n * sum of squares).
  const double limit = run.bfloat16() ? kBFloat16Multiple * *floor->bfloat16
                                      : run.report.float32_multiple() * floor->float32;
  const auto n = static_cast<double>(audio.size());
  const double squares = std::inner_product(audio.begin(), audio.end(), audio.begin(), 0.0);
  const double sum = std::accumulate(audio.begin(), audio.end(), 0.0);
  const double recorded_squares = whole.at("sumsq").get<double>();
  const std::string row = run.row("codec: sums of samples");
  run.report.add(row, prefix + "audio: length", whole.at("n").get<size_t>() == audio.size());
  run.report.add(row, prefix + "audio: sum of squares",
                 {std::abs(squares / recorded_squares - 1), 2 * limit});
  run.report.add(
      row, prefix + "audio: sum",
      {std::abs(sum - whole.at("sum").get<double>()) / std::sqrt(n * recorded_squares), limit});
}

bool is_decoder_stage(const std::string& stage) {
  return stage != "latent" && stage != "z_q" && !stage.starts_with("audio");
}

}  // namespace

void check_encoding(const Comparison& run, const Codec& codec) {
  for (const std::string& name : cases_of(run.set, "autoencoder", "enc.", ".codes")) {
    run.attempt(kEncodeRow, kCodecGroup + ("enc." + name),
                [&] { check_encoded(run, codec, name); });
  }
}

void check_decoding(const Comparison& run, const Codec& codec) {
  for (const std::string& name : cases_of(run.set, "autoencoder", "dec.", ".latent")) {
    const std::string prefix = kCodecGroup + ("dec." + name) + ".";
    run.attempt(kDecodeRow, prefix + "audio", [&] {
      StageRecorder recorder;
      const std::vector<float> audio =
          codec.decode(latent_of(run.set, prefix + "latent", codec.backend()), recorder.hooks());
      compare_stages(run, kDecodeRow, prefix, recorder, is_decoder_stage);
      compare_audio(run, prefix, name, audio);
    });
  }
  for (const std::string& name : cases_of(run.set, "autoencoder", "dec_zq.", ".z_q")) {
    const std::string prefix = kCodecGroup + ("dec_zq." + name) + ".";
    run.attempt(kDecodeRow, prefix + "audio", [&] {
      const Tensor z_q = turned_latent_of(run.set, prefix + "z_q", codec.backend());
      StageRecorder recorder;
      Codec::Decoder decoder(codec);
      const std::vector<float> audio = decoder.push_z_q(z_q, recorder.hooks());
      compare_stages(run, kDecodeRow, prefix, recorder, is_decoder_stage);
      compare_audio(run, prefix, name, audio);

      const std::string out = kCodecGroup + ("pre_module_" + name) + ".out";
      if (!run.set.has(out)) return;
      WindowTransformer::State start;
      const std::vector<float> rows = codec.quantizer().pre_module()(z_q, start).to_host();
      run.compare(kEncodeRow, out, turned(rows, static_cast<size_t>(z_q.rows())));
    });
  }
}

}  // namespace echo::parity
