/* The clock of a virtual card. It pauses while the machine does not run even a program of the highest priority.
 *
 * A shared machine stops for milliseconds: another machine uses its processor, or its kernel (without preemption,
 * unlike a Raspberry Pi's) finishes other work first. A real card would continue and empty its buffer, which says
 * nothing about the program that writes to it. So this clock pauses, too: ``card_clock`` wakes up every LOOK_NS on one
 * processor, and time by which it is later than MOST_NS does not count.
 */
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#define LOOK_NS 1000000
#define MOST_NS 2000000

struct card_clock {
  _Atomic uint64_t turn;                /* odd while the two below are written */
  _Atomic uint64_t card_ns, machine_ns; /* the same moment by this clock and by the monotonic one */
  _Atomic uint64_t still_ns, longest_ns, stills;
};

static inline uint64_t machine_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline uint64_t counted_ns(uint64_t passed_ns) { return passed_ns < MOST_NS ? passed_ns : MOST_NS; }

static inline uint64_t card_now_ns(const struct card_clock *clock) {
  for (;;) {
    uint64_t turn = atomic_load(&clock->turn);
    uint64_t card = atomic_load(&clock->card_ns), machine = atomic_load(&clock->machine_ns);
    if (turn % 2 == 0 && turn == atomic_load(&clock->turn)) return card + counted_ns(machine_now_ns() - machine);
  }
}
