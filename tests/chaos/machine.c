/* What a process sees of its machine, changed while it runs: preloaded into each part of a chaos run.
 *
 * The file named by CHAOS_MACHINE holds a `struct machine`, which tests/chaos/machine.py writes. Files on the same file
 * system as that file are the process's disk; sockets, pipes and shared memory are not. Without the variable nothing
 * changes. Needs no rights.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct machine {
	volatile int64_t clock_ns; /* added to the time of day; clocks that only count are left alone */
	volatile int32_t full;     /* 1: a write that would make a file longer fails with ENOSPC */
	volatile int32_t slow_us;  /* each write takes a tenth of this longer, each sync all of it */
};

static struct machine none;
static struct machine *machine = &none;
static dev_t disk;

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("CHAOS_MACHINE");
	struct stat status;
	int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (file < 0)
		return;
	if (fstat(file, &status) == 0) {
		void *mapped = mmap(NULL, sizeof none, PROT_READ, MAP_SHARED, file, 0);
		if (mapped != MAP_FAILED) {
			disk = status.st_dev;
			machine = mapped;
		}
	}
	close(file);
}

#define REAL(type, name) \
	static __typeof__(type) real; \
	if (!real) \
		real = (__typeof__(real))dlsym(RTLD_NEXT, name)

static int on_disk(int file, struct stat *status)
{
	int before = errno;
	int found = fstat(file, status) == 0 && S_ISREG(status->st_mode) && status->st_dev == disk;
	errno = before;
	return found;
}

/* Returns whether a write of `length` bytes at `at` may go on; an `at` below 0 is the file's own position. */
static int may_write(int file, off_t at, size_t length)
{
	struct stat status;
	if (!machine->full && !machine->slow_us)
		return 1;
	if (!on_disk(file, &status))
		return 1;
	if (machine->slow_us)
		usleep(machine->slow_us / 10);
	if (!machine->full)
		return 1;
	if (at < 0) {
		int flags = fcntl(file, F_GETFL);
		at = flags >= 0 && flags & O_APPEND ? status.st_size : lseek(file, 0, SEEK_CUR);
	}
	if (at + (off_t)length <= status.st_size)
		return 1;
	errno = ENOSPC;
	return 0;
}

static size_t total(const struct iovec *pieces, int count)
{
	size_t length = 0;
	for (int n = 0; n < count; n++)
		length += pieces[n].iov_len;
	return length;
}

static void wait_for_disk(int file)
{
	struct stat status;
	if (machine->slow_us && on_disk(file, &status))
		usleep(machine->slow_us);
}

ssize_t write(int file, const void *bytes, size_t length)
{
	REAL(ssize_t (*)(int, const void *, size_t), "write");
	return may_write(file, -1, length) ? real(file, bytes, length) : -1;
}

ssize_t writev(int file, const struct iovec *pieces, int count)
{
	REAL(ssize_t (*)(int, const struct iovec *, int), "writev");
	return may_write(file, -1, total(pieces, count)) ? real(file, pieces, count) : -1;
}

#define PWRITE(name) \
	ssize_t name(int file, const void *bytes, size_t length, off_t at) \
	{ \
		REAL(ssize_t (*)(int, const void *, size_t, off_t), #name); \
		return may_write(file, at, length) ? real(file, bytes, length, at) : -1; \
	}
PWRITE(pwrite)
PWRITE(pwrite64)

#define PWRITEV(name) \
	ssize_t name(int file, const struct iovec *pieces, int count, off_t at) \
	{ \
		REAL(ssize_t (*)(int, const struct iovec *, int, off_t), #name); \
		return may_write(file, at, total(pieces, count)) ? real(file, pieces, count, at) : -1; \
	}
PWRITEV(pwritev)
PWRITEV(pwritev64)

#define ALLOCATE(name) /* returns the error instead of setting errno */ \
	int name(int file, off_t at, off_t length) \
	{ \
		REAL(int (*)(int, off_t, off_t), #name); \
		return may_write(file, at, length) ? real(file, at, length) : ENOSPC; \
	}
ALLOCATE(posix_fallocate)
ALLOCATE(posix_fallocate64)

#define SYNC(name) \
	int name(int file) \
	{ \
		REAL(int (*)(int), #name); \
		wait_for_disk(file); \
		return real(file); \
	}
SYNC(fsync)
SYNC(fdatasync)

int clock_gettime(clockid_t clock, struct timespec *now)
{
	REAL(int (*)(clockid_t, struct timespec *), "clock_gettime");
	int result = real(clock, now);
	int64_t step = machine->clock_ns;
	if (result == 0 && step && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
		int64_t moved = now->tv_nsec + step % 1000000000;
		now->tv_sec += step / 1000000000;
		now->tv_sec += moved >= 1000000000 ? 1 : moved < 0 ? -1 : 0;
		now->tv_nsec = (moved + 1000000000) % 1000000000;
	}
	return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec found;
	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &found) == 0) {
		now->tv_sec = found.tv_sec;
		now->tv_usec = found.tv_nsec / 1000;
	}
	return 0;
}

time_t time(time_t *at)
{
	struct timespec found;
	clock_gettime(CLOCK_REALTIME, &found);
	if (at)
		*at = found.tv_sec;
	return found.tv_sec;
}
