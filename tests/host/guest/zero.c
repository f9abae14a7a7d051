/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `zero DISK` in a guest under test: makes ranges of a disk zero in each way that the kernel has
 * for it, reads them back, and prints what does not hold. The host looks at the same ranges
 * afterwards.
 *
 * Trust: a guest's own program, on a disk that holds nothing.
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define KIB 1024ull

static bool is_zero(int fd, uint64_t offset, uint64_t size)
{
    static uint8_t block[4096] __attribute__((aligned(4096)));

    for (uint64_t at = offset; at < offset + size; at += sizeof(block)) {
        if (pread(fd, block, sizeof(block), (off_t)at) != (ssize_t)sizeof(block))
            return false;
        for (size_t i = 0; i < sizeof(block); i++) {
            if (block[i] != 0)
                return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    const uint64_t written[2] = {64 * KIB, 64 * KIB}, discarded[2] = {4096 * KIB, 2048 * KIB};
    int fd = argc == 2 ? open(argv[1], O_RDWR | O_DIRECT) : -1, failed = 0;

    if (fd < 0) {
        perror("open");
        return 1;
    }
    /* WRITE_ZEROES that keeps the space, and one that may give it back; then DISCARD. */
    if (ioctl(fd, BLKZEROOUT, written) < 0 || !is_zero(fd, written[0], written[1]))
        failed |= puts("zeroes as data") > 0;
    if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1024 * KIB, 1024 * KIB) < 0 ||
        !is_zero(fd, 1024 * KIB, 1024 * KIB))
        failed |= puts("zeroes as a hole") > 0;
    if (ioctl(fd, BLKDISCARD, discarded) < 0)
        failed |= puts("discard") > 0;
    /* To the very end of the disk, where a range of ours has nothing behind it. */
    if (fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 12224 * KIB, 64 * KIB) < 0 ||
        !is_zero(fd, 12224 * KIB, 64 * KIB))
        failed |= puts("zeroes at the end") > 0;
    /* What lies between is as it was. */
    if (is_zero(fd, 0, 4096) || is_zero(fd, 128 * KIB, 4096) || is_zero(fd, 6144 * KIB, 4096))
        failed |= puts("more than was asked for") > 0;
    return failed != 0 || fsync(fd) < 0;
}
