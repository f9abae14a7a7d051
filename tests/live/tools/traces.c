/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traces LOWEST-UID: what guests have on this host at the moment, one thing a line: processes of a
 * uid from LOWEST-UID on or of our names, mounts, network devices, cgroups of ours, files of
 * /run/casemate, locks on the file of places. The file itself stays; the locks in it do not.
 *
 * Trust: a test tool. It reads what the kernel tells anybody. Tests ask it hundreds of times, many
 * of them on an emulated CPU, where ps, awk and find take most of a second for the same.
 */
#include <dirent.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define UIDS 147483648UL /* from the lowest on */

static bool ours(const char *name)
{
    return strcmp(name, "casemate") == 0 || strcmp(name, "casemate-guard") == 0 ||
           strcmp(name, "casemate-janit") == 0;
}

/* One that ends meanwhile is none. */
static void show_process(const char *pid, unsigned long lowest)
{
    char path[64], line[256], name[64] = "";
    unsigned long uid = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%.20s/status", pid);
    file = fopen(path, "re");
    if (file == NULL)
        return;
    while (fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, "Name:\t%63[^\n]", name) != 1 && sscanf(line, "Uid:\t%*u\t%lu", &uid) == 1)
            break;
    fclose(file);
    if ((uid >= lowest && uid < lowest + UIDS) || ours(name))
        printf("process %s uid %lu %s\n", pid, uid, name);
}

static void show_processes(unsigned long lowest)
{
    DIR *proc = opendir("/proc");
    const struct dirent *entry;

    while (proc != NULL && (entry = readdir(proc)) != NULL)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
            show_process(entry->d_name, lowest);
    if (proc != NULL)
        closedir(proc);
}

static void show_lock(const char *line)
{
    static struct stat places;
    char kind[32], range[2][32];
    unsigned long inode;

    if (places.st_ino == 0 && stat("/var/lib/casemate/guests.lock", &places) < 0)
        return;
    if (sscanf(line, "%*s %31s %*s %*s %*s %*[^:]:%*[^:]:%lu %31s %31s", kind, &inode, range[0],
               range[1]) == 4 &&
        strcmp(kind, "OFDLCK") == 0 && inode == places.st_ino)
        printf("lock %s %s\n", range[0], range[1]);
}

static void show_mount(const char *line)
{
    printf("mount %s", line);
}

static void show_device(const char *line)
{
    char name[32];

    if (sscanf(line, " %31[^:|]:", name) == 1 && strchr(line, ':') != NULL)
        printf("network device %s\n", name);
}

static void each_line(const char *path, void (*show)(const char *line))
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;

    while (file != NULL && getline(&line, &size, file) >= 0)
        show(line);
    free(line);
    if (file != NULL)
        fclose(file);
}

static int show_cgroup(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    if (type == FTW_D && ftw->level > 0 && strstr(path, "casemate") != NULL)
        puts(path);
    return 0;
}

static int show_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    if (ftw->level > 0 && strcmp(path, "/run/casemate/guards") != 0)
        puts(path);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: traces LOWEST-UID\n");
        return 2;
    }
    show_processes(strtoul(argv[1], NULL, 10));
    each_line("/proc/locks", show_lock);
    each_line("/proc/net/dev", show_device);
    each_line("/proc/self/mounts", show_mount);
    nftw("/sys/fs/cgroup", show_cgroup, 16, FTW_PHYS);
    nftw("/run/casemate", show_file, 16, FTW_PHYS);
    return 0;
}
