/* Drives the clock of card_clock.h:  card_clock FILE CORE. Ends with its parent.
 *
 * It runs on processor CORE, on which the audio process must run, at SCHED_FIFO 90: above the audio thread. FILE has 48
 * bytes: struct card_clock. Its last three numbers are the sum, the maximum and the number of the pauses of the clock.
 */
#define _GNU_SOURCE
#include "card_clock.h"
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>

int main(int count, char **arguments) {
  if (count != 3) return fprintf(stderr, "usage: card_clock FILE CORE\n"), 2;
  int file = open(arguments[1], O_RDWR | O_CREAT, 0600);
  if (file < 0 || ftruncate(file, sizeof(struct card_clock))) return perror(arguments[1]), 1;
  struct card_clock *clock = mmap(NULL, sizeof *clock, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (clock == MAP_FAILED || mlockall(MCL_CURRENT | MCL_FUTURE)) return perror("memory"), 1;
  cpu_set_t core;
  CPU_ZERO(&core);
  CPU_SET(atoi(arguments[2]), &core);
  struct sched_param priority = {.sched_priority = 90};
  if (sched_setaffinity(0, sizeof core, &core) || sched_setscheduler(0, SCHED_FIFO, &priority))
    return perror("SCHED_FIFO"), 1;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  atomic_store(&clock->machine_ns, machine_now_ns());
  puts("runs");
  fflush(stdout);
  for (;;) {
    nanosleep(&(struct timespec){0, LOOK_NS}, NULL);
    uint64_t now = machine_now_ns(), passed = now - atomic_load(&clock->machine_ns);
    atomic_fetch_add(&clock->turn, 1);
    atomic_store(&clock->card_ns, atomic_load(&clock->card_ns) + counted_ns(passed));
    atomic_store(&clock->machine_ns, now);
    atomic_fetch_add(&clock->turn, 1);
    if (passed <= MOST_NS) continue;
    atomic_fetch_add(&clock->stills, 1);
    atomic_fetch_add(&clock->still_ns, passed - MOST_NS);
    if (passed - MOST_NS > atomic_load(&clock->longest_ns)) atomic_store(&clock->longest_ns, passed - MOST_NS);
  }
}
