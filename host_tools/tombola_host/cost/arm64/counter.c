/* Counts the instructions that a guest of qemu's user mode executes between marks.
 *
 * A mark is the system call getpid (172 on arm64) with MAGIC as its first argument and a number as its second: the
 * kernel ignores both. For each mark a line is written to the file that COUNTS names: the number, and how many
 * instructions have been executed so far. One guest thread is assumed, as the audio loop is one.
 *
 * Built without qemu's header, which Debian does not package; the declarations follow qemu's "TCG plugins", API 1.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PUBLIC __attribute__((visibility("default")))
enum { GETPID = 172, MAGIC = 0x7011, ADD_U64 = 0 };

struct qemu_plugin_tb;
struct qemu_info_t;
typedef uint64_t plugin_id;
typedef void (*when_translated)(plugin_id, struct qemu_plugin_tb *);
typedef void (*when_called)(plugin_id, unsigned, int64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                           uint64_t, uint64_t);
typedef void (*when_ended)(plugin_id, void *);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, when_translated);
void qemu_plugin_register_vcpu_syscall_cb(plugin_id, when_called);
void qemu_plugin_register_atexit_cb(plugin_id, when_ended, void *);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int, void *, uint64_t);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);

PUBLIC int qemu_plugin_version = 1;
static uint64_t executed;
static FILE *counts;

static void translated(plugin_id id, struct qemu_plugin_tb *block) {
  (void)id;
  qemu_plugin_register_vcpu_tb_exec_inline(block, ADD_U64, &executed, qemu_plugin_tb_n_insns(block));
}

static void called(plugin_id id, unsigned cpu, int64_t number, uint64_t magic, uint64_t mark, uint64_t a3, uint64_t a4,
                   uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8) {
  (void)id, (void)cpu, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
  if (number == GETPID && magic == MAGIC) fprintf(counts, "%" PRIu64 " %" PRIu64 "\n", mark, executed);
}

static void ended(plugin_id id, void *data) {
  (void)id, (void)data;
  fclose(counts);
}

PUBLIC int qemu_plugin_install(plugin_id id, const struct qemu_info_t *info, int argc, char **argv) {
  (void)info, (void)argc, (void)argv;
  const char *path = getenv("COUNTS");
  counts = path ? fopen(path, "w") : NULL;
  if (!counts) return 1;
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_vcpu_syscall_cb(id, called);
  qemu_plugin_register_atexit_cb(id, ended, NULL);
  return 0;
}
