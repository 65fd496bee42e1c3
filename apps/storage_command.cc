#include <cstdio>
#include <memory>

#include "apps/command.h"
#include "apps/http_client.h"
#include "apps/storage_settings.h"
#include "base/error.h"
#include "base/visible_text.h"
#include "net/s3_store.h"
#include "net/storage_check.h"

namespace echo::apps {
namespace {

// One line for each missing name, and nothing; or the store.
std::unique_ptr<S3Store> open_store(const Environment& environment, HttpClient& http) {
  S3Options options = s3_options_of(environment);
  options.retry.total = std::chrono::seconds(15);  // somebody waits for the answer
  const std::vector<std::string> problems = s3_problems(options);
  for (const std::string& problem : problems) {
    std::fprintf(stderr, "echo-tts: %s\n", visible_text(problem).c_str());
  }
  return problems.empty() ? std::make_unique<S3Store>(options, http) : nullptr;
}

int check(const Environment& environment) {
  const std::unique_ptr<HttpClient> http = http_client_of(environment);
  const std::unique_ptr<S3Store> store = open_store(environment, *http);
  if (!store) return kUsage;
  std::printf("%s\n", visible_text(store->describe()).c_str());
  const std::vector<CheckStep> steps = check_storage(*store);
  for (const CheckStep& step : steps) {
    const char* status = step.status == CheckStep::Status::kPass   ? "pass"
                         : step.status == CheckStep::Status::kFail ? "FAIL"
                                                                   : "skipped";
    std::printf("%-8s %-8s %s\n", step.name.c_str(), status, visible_text(step.detail).c_str());
  }
  return all_passed(steps) ? kSuccess : kFailure;
}

struct LifecycleOptions {
  int days = 0;
  bool show = false, off = false, whole_bucket = false;
};

int lifecycle(const Environment& environment, const LifecycleOptions& options) {
  if ((options.days > 0) + options.show + options.off != 1) {
    throw_invalid("storage lifecycle: expected one of --days N, --show, --off");
  }
  const std::unique_ptr<HttpClient> http = http_client_of(environment);
  const std::unique_ptr<S3Store> store = open_store(environment, *http);
  if (!store) return kUsage;
  const std::string prefix = store->key_prefix();
  const std::string which = prefix.empty() ? "of the whole bucket" : "below \"" + prefix + "\"";
  if (options.days > 0) {
    if (prefix.empty() != options.whole_bucket) {
      throw_invalid(
          prefix.empty()
              ? "storage lifecycle --days: S3_KEY_PREFIX is not set, so every object of " +
                    store->describe() +
                    " would vanish, whoever put it there; set the prefix, or say "
                    "--whole-bucket if that is meant"
              : "storage lifecycle --whole-bucket: S3_KEY_PREFIX is \"" + prefix +
                    "\"; expected one of the two");
    }
    store->set_lifecycle(options.days);
    std::printf("objects %s vanish after %d days (%s)\n", which.c_str(), options.days,
                store->describe().c_str());
  } else if (options.off) {
    std::printf(store->remove_lifecycle() ? "the rule is removed\n" : "there was no rule\n");
  } else {
    const std::vector<LifecycleRule> rules = store->lifecycle_rules();
    if (rules.empty()) std::printf("no rules\n");
    for (const LifecycleRule& rule : rules) {
      std::printf("%s: prefix \"%s\"%s%s\n", visible_text(rule.id).c_str(),
                  visible_text(rule.prefix).c_str(),
                  rule.expiration_days
                      ? (", after " + std::to_string(*rule.expiration_days) + " days").c_str()
                      : "",
                  rule.enabled ? "" : ", off");
    }
  }
  return kSuccess;
}

}  // namespace

void add_storage(CommandLine& line) {
  const Environment& environment = line.environment();
  Command storage = line.add_group(
      "storage", "Examine the object store that S3_ENDPOINT_URL, S3_BUCKET_NAME, ... name");
  line.add(storage, "check", "Put, link, fetch and delete a probe, and report each step",
           "  echo-tts storage check\n", [&environment] { return check(environment); });
  auto options = std::make_shared<LifecycleOptions>();
  Command rule =
      line.add(storage, "lifecycle", "Show or set when old objects vanish from the bucket",
               "  echo-tts storage lifecycle --days 7\n",
               [&environment, options] { return lifecycle(environment, *options); });
  rule.option("--days", options->days, "Let objects below S3_KEY_PREFIX vanish after so many days")
      .between(1, 36500);
  rule.flag("--whole-bucket", options->whole_bucket,
            "Let all objects of the bucket vanish, where S3_KEY_PREFIX is not set");
  rule.flag("--show", options->show, "Print the bucket's rules");
  rule.flag("--off", options->off, "Remove the rule that this command made");
}

}  // namespace echo::apps
