#include "apps/storage_settings.h"

namespace echo::apps {

S3Options s3_options_of(const Environment& environment) {
  S3Options options;
  options.endpoint_url = environment.either("S3_ENDPOINT_URL", "BUCKET_ENDPOINT_URL");
  options.access_key_id = environment.either("S3_ACCESS_KEY_ID", "BUCKET_ACCESS_KEY_ID");
  options.secret_access_key =
      environment.either("S3_SECRET_ACCESS_KEY", "BUCKET_SECRET_ACCESS_KEY");
  options.session_token = environment.text("S3_SESSION_TOKEN");
  options.bucket = environment.either("S3_BUCKET_NAME", "BUCKET_NAME");
  options.region = environment.text("S3_REGION");
  options.key_prefix = environment.text("S3_KEY_PREFIX");
  options.addressing = parse_s3_addressing(environment.text("S3_ADDRESSING_STYLE"));
  options.presign_ttl =
      std::chrono::seconds(environment.integer("S3_PRESIGN_TTL_SECONDS", 3600, 1, 604800));
  return options;
}

OutputDirectoryOptions output_directory_of(const Environment& environment) {
  OutputDirectoryOptions options;
  options.path = environment.text("OUTPUT_AUDIO_DIR", "/runpod-volume/echo-tts/output_audio");
  options.retention =
      std::chrono::hours(environment.integer("OUTPUT_RETENTION_HOURS", 24, 0, 24 * 365));
  options.max_bytes = static_cast<uint64_t>(
      environment.integer("OUTPUT_MAX_BYTES", int64_t{1} << 30, 0, int64_t{1} << 50));
  return options;
}

std::string voices_directory_of(const Environment& environment) {
  return environment.text("AUDIO_VOICES_DIR", "/runpod-volume/echo-tts/audio_voices");
}

}  // namespace echo::apps
