import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Launch } from '../cluster/node-handle.js'

// Between a program and the kernel: the C library's clocks, moved by what a file holds. Node reads both kinds by these functions,
// for `performance.now()`, for `Date` and, unlike a time namespace, which fixes its offsets before a process starts, for the
// timers of a loop that runs.
const SOURCE = `
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static double none[2];
static volatile double *shift_s = none;

__attribute__((constructor)) static void attach(void) {
  const char *path = getenv("CLOCK_SHIFT_FILE");
  int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return;
  void *map = mmap(0, sizeof none, PROT_READ, MAP_SHARED, fd, 0);
  if (map != MAP_FAILED) shift_s = map;
  close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  int result = syscall(SYS_clock_gettime, clock, time);
  if (result != 0) return result;
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) time->tv_sec += (time_t)shift_s[0];
  if (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_MONOTONIC_COARSE || clock == CLOCK_BOOTTIME)
    time->tv_sec += (time_t)shift_s[1];
  return 0;
}

int gettimeofday(struct timeval *time, void *zone) {
  struct timespec now;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *result) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (result) *result = now.tv_sec;
  return now.tv_sec;
}
`

/** The clocks that the kernel shows to one process, moved while it runs. */
export class KernelClock {
  readonly #file: string

  private constructor(
    file: string,
    readonly launch: Launch,
  ) {
    this.#file = file
  }

  /** @throws Error where there is no C compiler */
  static make(dir: string): KernelClock {
    const [source, library, file] = ['clock.c', 'clock.so', 'clock.shift'].map(name => join(dir, name)) as [
      string,
      string,
      string,
    ]
    writeFileSync(source, SOURCE)
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, source], { stdio: 'pipe' })
    const clock = new KernelClock(file, { env: { LD_PRELOAD: library, CLOCK_SHIFT_FILE: file } })
    clock.shift(0, 0)
    return clock
  }

  /** @param realtimeS added to the time of day
   *  @param monotonicS added to the time since boot, never less than before: no kernel takes that back */
  shift(realtimeS: number, monotonicS: number): void {
    // In place: the process has the file mapped.
    const fd = openSync(this.#file, constants.O_RDWR | constants.O_CREAT)
    writeSync(fd, new Float64Array([realtimeS, monotonicS]), 0, undefined, 0)
    closeSync(fd)
  }
}
