/* teacher VOICE [wave] < texts > records: what flite's statistical voices (slt, rms, awb) would say, before their vocoder.
 *
 * One record per line of text: int32 magic, index, frames, channels, segments; float frames[frames][channels] (F0, 25 mel-cepstra, then
 * excitation strengths; a frame is 5 ms); then per segment float end (seconds), int32 token (-1: a pause), char name[8].
 * With `wave` then int32 n and n int16 samples at 16 kHz.
 *
 * Build: gcc -O2 -o teacher teacher.c -Wl,-E -lflite_cmu_us_slt -lflite_cmu_us_rms -lflite_cmu_us_awb -lflite_usenglish -lflite_cmulex
 *        -lflite -lm -ldl   (-E makes the function below take the place of the library's) */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <flite/cst_cg.h>
#include <flite/flite.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

cst_voice *register_cmu_us_slt(const char *);
cst_voice *register_cmu_us_rms(const char *);
cst_voice *register_cmu_us_awb(const char *);

static const int kMagic = 0x0ec40;
static float *g_data;
static int g_frames, g_channels, g_wave;

/* flite's vocoder takes nearly all of its time: without it a sentence costs milliseconds. */
cst_wave *mlsa_resynthesis(const cst_track *track, const cst_track *strengths, cst_cg_db *db, cst_audio_streaming_info *info, int param) {
  const int own = track->num_channels, more = strengths ? strengths->num_channels : 0;
  g_frames = track->num_frames;
  g_channels = own + more;
  g_data = realloc(g_data, sizeof(float) * g_frames * g_channels);
  for (int i = 0; i < g_frames; ++i) {
    float *to = g_data + i * g_channels;
    for (int c = 0; c < own; ++c) to[c] = track->frames[i][c];
    for (int c = 0; c < more; ++c) to[own + c] = i < strengths->num_frames ? strengths->frames[i][c] : 0;
  }
  if (g_wave) {
    typedef cst_wave *Vocoder(const cst_track *, const cst_track *, cst_cg_db *, cst_audio_streaming_info *, int);
    return ((Vocoder *)dlsym(RTLD_NEXT, "mlsa_resynthesis"))(track, strengths, db, info, param);
  }
  cst_wave *silence = new_wave();
  cst_wave_resize(silence, 16, 1);
  silence->sample_rate = 16000;
  return silence;
}

static void write_segments(cst_utterance *u) {
  for (cst_item *s = relation_head(utt_relation(u, "Segment")); s; s = item_next(s)) {
    struct {
      float end;
      int token;
      char name[8];
    } segment = {item_feat_float(s, "end"), -1, ""};
    strncpy(segment.name, item_feat_string(s, "name"), 7);
    for (const cst_item *t = path_to_item(s, "R:SylStructure.parent.parent.R:Token.parent"); t; t = item_prev(t)) ++segment.token;
    fwrite(&segment, sizeof segment, 1, stdout);
  }
}

int main(int argc, char **argv) {
  flite_init();
  const char *name = argc > 1 ? argv[1] : "";
  cst_voice *voice = !strcmp(name, "slt")   ? register_cmu_us_slt(0)
                     : !strcmp(name, "rms") ? register_cmu_us_rms(0)
                     : !strcmp(name, "awb") ? register_cmu_us_awb(0)
                                            : NULL;
  if (!voice) {
    fprintf(stderr, "teacher: the voice is '%s', expected slt, rms or awb\n", name);
    return 1;
  }
  g_wave = argc > 2;
  char line[4096];
  for (int index = 0; fgets(line, sizeof line, stdin); ++index) {
    line[strcspn(line, "\n")] = 0;
    g_frames = 0;
    cst_utterance *u = flite_synth_text(line, voice);
    int segments = 0;
    for (cst_item *s = relation_head(utt_relation(u, "Segment")); s; s = item_next(s)) ++segments;
    const int head[5] = {kMagic, index, g_frames, g_channels, segments};
    fwrite(head, sizeof head, 1, stdout);
    fwrite(g_data, sizeof(float), (size_t)g_frames * g_channels, stdout);
    write_segments(u);
    if (g_wave) {
      const cst_wave *wave = utt_wave(u);
      const int samples = wave->num_samples;
      fwrite(&samples, sizeof samples, 1, stdout);
      fwrite(wave->samples, sizeof(short), samples, stdout);
    }
    delete_utterance(u);
  }
  return 0;
}
