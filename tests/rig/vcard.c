/* A virtual sound card for tests: an ALSA "ioplug" that takes samples at the rate of a clock and stores them in a file.
 *
 *   pcm.card { type vcard file "/path/frames.raw" log "/path/times.txt" gone "/path/unplugged" speed 0.25
 *              clock "/path/clock" late "/path/late.txt" }
 *
 * speed  speed of its clock; at 0.25 a stall of 10 ms does not empty a buffer of 10.7 ms.
 * log    one line per period taken: monotonic time in s, frames taken so far, frames played so far.
 * gone   while this file exists, the card is unplugged: every call ends with ENODEV.
 * late   one line per xrun: monotonic time in s, ms since the last period was written, ms of these that the card ran.
 * clock  file of the clock of card_clock, which pauses while the machine does; default: the monotonic clock.
 * A late writer gets EPIPE, as from real hardware.
 *
 * Source: alsa-lib, "External I/O plugin" (pcm_ioplug.h).
 */
#include "card_clock.h"
#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/timerfd.h>

struct card {
  snd_pcm_ioplug_t io;
  int timer;               /* becomes readable each time a period has been played */
  FILE *frames, *log, *late;
  double last_s, last_card_s;   /* time of the last written period, by both clocks */
  char gone[256];
  double speed;
  const struct card_clock *clock;
  double began_s;          /* start, by the card's clock */
  uint64_t taken;          /* frames written since it was prepared */
  bool runs;
  size_t frame_bytes;
  uint64_t total;          /* frames written since it was opened */
};

static double now_s(void) { return 1e-9 * (double)machine_now_ns(); }

static double card_s(const struct card *card) { return card->clock ? 1e-9 * (double)card_now_ns(card->clock) : now_s(); }

static bool is_gone(const struct card *card) { return card->gone[0] && access(card->gone, F_OK) == 0; }

static uint64_t played(const struct card *card) {
  return card->runs ? (uint64_t)((card_s(card) - card->began_s) * card->io.rate * card->speed) : 0;
}

static void set_timer(struct card *card, double every_s) {
  struct timespec every = {(time_t)every_s, (long)((every_s - (double)(time_t)every_s) * 1e9)};
  struct itimerspec spec = {card->clock ? (struct timespec){0} : every, every};
  timerfd_settime(card->timer, 0, &spec, NULL);
}

static int card_start(snd_pcm_ioplug_t *io) {
  struct card *card = io->private_data;
  if (is_gone(card)) return -ENODEV;
  card->began_s = card_s(card);
  card->runs = true;
  set_timer(card, (double)io->period_size / (io->rate * card->speed));
  return 0;
}

/* Frames to play until the buffer has room for a period. */
static snd_pcm_sframes_t missing(const struct card *card, uint64_t at) {
  return (snd_pcm_sframes_t)(card->taken - at + card->io.period_size) - (snd_pcm_sframes_t)card->io.buffer_size;
}

/* The clock may have paused, so compute again how long it is until the buffer has room. */
static void wake_in_time(struct card *card, uint64_t at) {
  snd_pcm_sframes_t frames = missing(card, at);
  if (card->clock && card->runs && frames > 0) set_timer(card, ((double)frames + 0.5) / (card->io.rate * card->speed));
}

static int card_stop(snd_pcm_ioplug_t *io) {
  struct card *card = io->private_data;
  card->runs = false;
  set_timer(card, 0);
  return 0;
}

static int card_prepare(snd_pcm_ioplug_t *io) {
  struct card *card = io->private_data;
  card->runs = false;
  card->taken = 0;
  return is_gone(card) ? -ENODEV : 0;
}

static int card_hw_params(snd_pcm_ioplug_t *io, snd_pcm_hw_params_t *params) {
  struct card *card = io->private_data;
  (void)params;
  card->frame_bytes = (size_t)snd_pcm_format_physical_width(io->format) / 8 * io->channels;
  return 0;
}

static snd_pcm_sframes_t card_pointer(snd_pcm_ioplug_t *io) {
  struct card *card = io->private_data;
  if (is_gone(card)) return -ENODEV;
  uint64_t at = played(card);
  if (card->runs && at > card->taken) {
    if (io->state != SND_PCM_STATE_DRAINING) {
      /* A second call before the card is prepared reports the same xrun again. */
      if (card->late && card->last_s > 0)
        fprintf(card->late, "%.4f %.2f %.2f\n", now_s(), 1e3 * (now_s() - card->last_s),
                1e3 * (card_s(card) - card->last_card_s));
      card->last_s = 0;
      return -EPIPE;
    }
    at = card->taken;
  }
  wake_in_time(card, at);
  return (snd_pcm_sframes_t)(at % io->buffer_size);
}

static snd_pcm_sframes_t card_transfer(snd_pcm_ioplug_t *io, const snd_pcm_channel_area_t *areas,
                                       snd_pcm_uframes_t offset, snd_pcm_uframes_t size) {
  struct card *card = io->private_data;
  if (is_gone(card)) return -ENODEV;
  const char *from = (const char *)areas->addr + (areas->first + areas->step * offset) / 8;
  if (card->frames) fwrite(from, card->frame_bytes, size, card->frames);
  card->last_s = now_s();
  card->last_card_s = card_s(card);
  card->taken += size;
  card->total += size;
  if (card->log) fprintf(card->log, "%.6f %llu %llu\n", now_s(), (unsigned long long)card->total,
                         (unsigned long long)(card->total - card->taken + played(card)));
  return (snd_pcm_sframes_t)size;
}

static int card_revents(snd_pcm_ioplug_t *io, struct pollfd *fds, unsigned count, unsigned short *revents) {
  struct card *card = io->private_data;
  uint64_t ticks;
  (void)count;
  if ((fds->revents & POLLIN) && read(card->timer, &ticks, sizeof ticks) < 0 && errno != EAGAIN) return -errno;
  if (is_gone(card)) { *revents = POLLERR; return 0; }
  uint64_t at = played(card);
  bool late = card->runs && at > card->taken;
  *revents = late || missing(card, at) <= 0 ? POLLOUT : 0;
  if (!late) wake_in_time(card, at);
  return 0;
}

static int card_close(snd_pcm_ioplug_t *io) {
  struct card *card = io->private_data;
  if (card->frames) fclose(card->frames);
  if (card->log) fclose(card->log);
  if (card->late) fclose(card->late);
  close(card->timer);
  if (card->clock) munmap((void *)card->clock, sizeof *card->clock);
  free(card);
  return 0;
}

static const snd_pcm_ioplug_callback_t CALLS = {
    .start = card_start, .stop = card_stop, .prepare = card_prepare, .hw_params = card_hw_params,
    .pointer = card_pointer, .transfer = card_transfer, .poll_revents = card_revents, .close = card_close,
};

static int limit(snd_pcm_ioplug_t *io) {
  static const unsigned access[] = {SND_PCM_ACCESS_RW_INTERLEAVED};
  static const unsigned formats[] = {SND_PCM_FORMAT_S16_LE, SND_PCM_FORMAT_S32_LE, SND_PCM_FORMAT_FLOAT_LE};
  int error = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_ACCESS, 1, access);
  if (error >= 0) error = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_FORMAT, 3, formats);
  if (error >= 0) error = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_CHANNELS, 1, 2);
  if (error >= 0) error = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_RATE, 8000, 96000);
  if (error >= 0) error = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIOD_BYTES, 64, 65536);
  if (error >= 0) error = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIODS, 2, 64);
  return error;
}

SND_PCM_PLUGIN_DEFINE_FUNC(vcard) {
  const char *file = NULL, *log = NULL, *gone = NULL, *clock = NULL, *late = NULL;
  double speed = 1.0;
  snd_config_iterator_t at, next;
  snd_config_for_each(at, next, conf) {
    snd_config_t *field = snd_config_iterator_entry(at);
    const char *id;
    if (snd_config_get_id(field, &id) < 0 || !strcmp(id, "type") || !strcmp(id, "comment") || !strcmp(id, "hint"))
      continue;
    if (!strcmp(id, "file")) snd_config_get_string(field, &file);
    else if (!strcmp(id, "log")) snd_config_get_string(field, &log);
    else if (!strcmp(id, "gone")) snd_config_get_string(field, &gone);
    else if (!strcmp(id, "clock")) snd_config_get_string(field, &clock);
    else if (!strcmp(id, "late")) snd_config_get_string(field, &late);
    else if (!strcmp(id, "speed")) snd_config_get_ireal(field, &speed);
    else { SNDERR("vcard has no field %s", id); return -EINVAL; }
  }
  (void)root;
  if (stream != SND_PCM_STREAM_PLAYBACK || speed <= 0) return -EINVAL;
  if (gone && access(gone, F_OK) == 0) return -ENODEV;
  struct card *card = calloc(1, sizeof *card);
  if (!card) return -ENOMEM;
  card->speed = speed;
  if (gone) snprintf(card->gone, sizeof card->gone, "%s", gone);
  if (clock) {
    int shared = open(clock, O_RDONLY);
    void *memory = shared < 0 ? MAP_FAILED : mmap(NULL, sizeof *card->clock, PROT_READ, MAP_SHARED, shared, 0);
    if (shared >= 0) close(shared);
    if (memory == MAP_FAILED) { free(card); return -ENOENT; }
    card->clock = memory;
  }
  /* Append, because a card that was unplugged continues its file. */
  card->frames = file ? fopen(file, "ab") : NULL;
  card->log = log ? fopen(log, "a") : NULL;
  card->late = late ? fopen(late, "a") : NULL;
  if (card->log) setvbuf(card->log, NULL, _IOLBF, 0);
  if (card->late) setvbuf(card->late, NULL, _IOLBF, 0);
  card->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  card->io.version = SND_PCM_IOPLUG_VERSION;
  card->io.name = "virtual card";
  card->io.callback = &CALLS;
  card->io.private_data = card;
  card->io.poll_fd = card->timer;
  card->io.poll_events = POLLIN;
  int error = snd_pcm_ioplug_create(&card->io, name, stream, mode);
  if (error >= 0 && (error = limit(&card->io)) < 0) snd_pcm_ioplug_delete(&card->io);
  if (error < 0) return error;
  *pcmp = card->io.pcm;
  return 0;
}
SND_PCM_PLUGIN_SYMBOL(vcard);
