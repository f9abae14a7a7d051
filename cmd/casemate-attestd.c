/* SPDX-License-Identifier: Apache-2.0 */
/*
 * casemate-attestd: the attestation service. Takes evidence about guests by HTTPS, judges it by
 * reference values, and answers with a signed result.
 *
 * Trust: this process reads files that its administrator wrote and opens the port; it hears from
 * nobody. What clients send is heard by a process that has no signing key, read by children of one
 * that has no key at all, and signed by one that reads none of it (attest/service/wire.h). What it
 * may never see: a guest, a host's TPM, /dev/kvm.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <glob.h>
#include <netdb.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attest/service/service.h"
#include "attest/service/signer.h"
#include "attest/verify/reference.h"
#include "base/child.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/text.h"

#define PEM_MAX      (1u << 20)
#define REGISTRY_MAX (64u << 20)

#define DISK_KEY_FILE_MAX 4096u

enum { EXIT_USAGE = 2, EXIT_SYSTEM = 3 };

static const char usage[] =
    "usage: casemate-attestd --cert FILE --key FILE [OPTION]...\n"
    "\n"
    "Answers by HTTPS whether a guest is what it should be: takes evidence as 'casemate attest\n"
    "quote' prints it, judges it by reference values, and signs the result.\n"
    "\n"
    "  --listen ADDRESS:PORT  where (127.0.0.1:8443)\n"
    "  --cert FILE            the server's certificate and those above it, PEM\n"
    "  --key FILE             its private key, PEM\n"
    "  --client-ca FILE       answer only who has a certificate of these authorities, PEM\n"
    "  --references DIR       *.json there are reference values (/etc/casemate/attestd)\n"
    "  --registry FILE        the enrolled keys; without one only a host can vouch for a guest\n"
    "  --disk-keys DIR        TENANT.GUEST.key there are keys of guests' disks, to be released to\n"
    "                         the guests' TPMs; without it none is\n"
    "  --state FILE           what is remembered (/var/lib/casemate-attestd/state.db)\n"
    "  --signing-key FILE     JWK; made when it is not there\n"
    "                         (/var/lib/casemate-attestd/signing.jwk)\n"
    "  --user NAME            whom it becomes when started by root (casemate-attestd)\n"
    "  --forget TENANT/GUEST  forget a guest: its last result, and what was seen of its TPM; then\n"
    "                         end. For one that was made anew, beside a service that runs\n"
    "  --connections N        clients at a time (256)\n"
    "  --timeout SECONDS      how long a client may say nothing (15)\n"
    "  --help                 this text\n";

__attribute__((format(printf, 1, 2))) static void complain(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    (void)fprintf(stderr, "casemate-attestd: ");
    (void)vfprintf(stderr, format, ap);
    (void)fprintf(stderr, "\n");
    va_end(ap);
}

struct options {
    const char *listen, *references, *disk_keys, *user, *forget;
    struct service_config config;
};

/* A whole file of at most `most` bytes, with a NUL behind it. */
static int read_file(struct service_text *file, size_t most)
{
    cleanup_fd int fd = open(file->path, O_RDONLY | O_CLOEXEC);
    cleanup_free char *text = NULL;
    struct stat status;
    ssize_t size;

    if (fd < 0 || fstat(fd, &status) < 0) {
        complain("cannot read %s: %s", file->path, strerror(errno));
        return EXIT_SYSTEM;
    }
    if (!S_ISREG(status.st_mode) || status.st_size < 0 || (uint64_t)status.st_size > most) {
        complain("%s is no file of at most %zu KiB", file->path, most >> 10);
        return EXIT_USAGE;
    }
    text = malloc((size_t)status.st_size + 1);
    size = text != NULL ? fd_read_most(fd, text, (size_t)status.st_size) : -ENOMEM;
    if (size < 0) {
        complain("cannot read %s: %s", file->path, strerror((int)-size));
        return EXIT_SYSTEM;
    }
    text[size] = '\0';
    file->size = (size_t)size;
    file->text = steal_pointer(&text);
    return 0;
}

/* The signing key is made once, where nothing is: O_EXCL follows no link and takes nobody's file.
 */
static int write_new_key(const char *path)
{
    cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    json_t *key = NULL;
    char *text = NULL;
    int r;

    if (fd < 0)
        return errno == EEXIST ? 0 : -errno;
    key = signer_key_new();
    text = key != NULL ? json_dumps(key, JSON_COMPACT) : NULL;
    r = text != NULL ? fd_write_full(fd, text, strlen(text)) : -ENOMEM;
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    free(text);
    json_decref(key);
    if (r < 0)
        (void)unlink(path);
    else
        (void)fprintf(stderr, "casemate-attestd: made the signing key %s\n", path);
    return r;
}

/*
 * In a process that ends with it: what libraries leave of a key in their freed memory would be in
 * that of every process which is forked from here.
 */
static int make_signing_key(const struct service_config *config)
{
    int status = 0, r;
    pid_t pid = fork();

    if (pid == 0)
        _exit(-write_new_key(config->signing_key.path));
    r = pid < 0 ? -errno : child_wait(pid, &status);
    if (r < 0)
        return r;
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

/* All files of a directory that a pattern names, each of at most `most` bytes. */
static int read_directory(const char *directory, const char *names, size_t most,
                          const struct service_text **texts, size_t *count)
{
    struct service_text *files;
    char pattern[1024];
    glob_t found = {0};
    int r = 0;

    if (text_format(pattern, sizeof(pattern), "%s/%s", directory, names) < 0)
        return EXIT_USAGE;
    if (glob(pattern, GLOB_ERR, NULL, &found) != 0 || found.gl_pathc == 0) {
        complain("there is no %s in %s", names, directory);
        return EXIT_USAGE;
    }
    files = calloc(found.gl_pathc, sizeof(*files));
    if (files == NULL)
        return EXIT_SYSTEM;
    for (size_t i = 0; r == 0 && i < found.gl_pathc; i++) {
        files[i].path = found.gl_pathv[i];
        r = read_file(&files[i], most);
    }
    *texts = files;
    *count = found.gl_pathc;
    return r;
}

static int read_references(struct options *options)
{
    int r = read_directory(options->references, "*.json", REFERENCE_TEXT_MAX,
                           &options->config.references, &options->config.reference_count);

    if (r == EXIT_USAGE)
        complain("there are no reference values: make some with 'casemate attest predict'");
    if (r == 0 && options->disk_keys != NULL)
        r = read_directory(options->disk_keys, "*.*", DISK_KEY_FILE_MAX, &options->config.disk_keys,
                           &options->config.disk_key_count);
    return r;
}

static int read_files(struct options *options)
{
    struct service_config *config = &options->config;
    int r = make_signing_key(config);

    if (r < 0) {
        complain("cannot make the signing key %s: %s", config->signing_key.path, strerror(-r));
        return EXIT_SYSTEM;
    }
    r = read_file(&config->signing_key, PEM_MAX);
    if (r == 0)
        r = read_file(&config->certificate, PEM_MAX);
    if (r == 0)
        r = read_file(&config->key, PEM_MAX);
    if (r == 0 && config->client_ca.path != NULL)
        r = read_file(&config->client_ca, PEM_MAX);
    if (r == 0 && config->registry.path != NULL)
        r = read_file(&config->registry, REGISTRY_MAX);
    return r == 0 ? read_references(options) : r;
}

/* "192.0.2.1:8443", "[2001:db8::1]:8443"; addresses only, so that nothing is looked up. */
static int open_port(const char *where)
{
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                                   .ai_socktype = SOCK_STREAM};
    struct addrinfo *address = NULL;
    char host[128], *colon, *name = host;
    int fd = -1, on = 1;

    if (text_copy(host, sizeof(host), where) < 0 || (colon = strrchr(host, ':')) == NULL) {
        complain("--listen takes ADDRESS:PORT");
        return -EINVAL;
    }
    *colon = '\0';
    if (*name == '[' && colon[-1] == ']') {
        colon[-1] = '\0';
        name++;
    }
    if (getaddrinfo(name, colon + 1, &hints, &address) != 0) {
        complain("--listen %s: that is no numeric address and port", where);
        return -EINVAL;
    }
    fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, 256) < 0) {
        complain("cannot listen at %s: %s", where, strerror(errno));
        fd_close(&fd);
    }
    freeaddrinfo(address);
    return fd;
}

/* Its own user has the state; without such a user root would serve it, which is refused. */
static int find_user(struct options *options)
{
    const struct passwd *user;

    if (geteuid() != 0)
        return 0;
    user = getpwnam(options->user);
    if (user == NULL || user->pw_uid == 0) {
        complain("there is no user %s to become: make one (useradd -r %s), or name one with --user",
                 options->user, options->user);
        return EXIT_USAGE;
    }
    options->config.uid = user->pw_uid;
    options->config.gid = user->pw_gid;
    return 0;
}

enum option_number {
    LISTEN = 1,
    CERT,
    KEY,
    CLIENT_CA,
    REFERENCES,
    REGISTRY,
    DISK_KEYS,
    STATE,
    SIGNING_KEY,
    USER,
    FORGET,
    CONNECTIONS,
    TIMEOUT,
    HELP,
};

static const struct option long_options[] = {
    {"listen", required_argument, NULL, LISTEN},
    {"cert", required_argument, NULL, CERT},
    {"key", required_argument, NULL, KEY},
    {"client-ca", required_argument, NULL, CLIENT_CA},
    {"references", required_argument, NULL, REFERENCES},
    {"registry", required_argument, NULL, REGISTRY},
    {"disk-keys", required_argument, NULL, DISK_KEYS},
    {"state", required_argument, NULL, STATE},
    {"signing-key", required_argument, NULL, SIGNING_KEY},
    {"user", required_argument, NULL, USER},
    {"forget", required_argument, NULL, FORGET},
    {"connections", required_argument, NULL, CONNECTIONS},
    {"timeout", required_argument, NULL, TIMEOUT},
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

static int number(const char *name, const char *text, uint64_t most, unsigned *to)
{
    uint64_t value;

    if (text_number(text, 1, most, &value) < 0) {
        complain("--%s takes a number from 1 to %llu", name, (unsigned long long)most);
        return EXIT_USAGE;
    }
    *to = (unsigned)value;
    return 0;
}

/* 0; EXIT_USAGE; -1: help was asked for. */
static int take_option(struct options *options, int option)
{
    struct service_config *config = &options->config;
    const char **const texts[] = {
        [LISTEN] = &options->listen,
        [CERT] = &config->certificate.path,
        [KEY] = &config->key.path,
        [CLIENT_CA] = &config->client_ca.path,
        [REFERENCES] = &options->references,
        [REGISTRY] = &config->registry.path,
        [DISK_KEYS] = &options->disk_keys,
        [STATE] = &config->state,
        [SIGNING_KEY] = &config->signing_key.path,
        [USER] = &options->user,
        [FORGET] = &options->forget,
    };

    switch (option) {
    case CONNECTIONS:
        return number("connections", optarg, 512, &config->connections);
    case TIMEOUT:
        return number("timeout", optarg, 600, &config->timeout);
    case HELP:
        return -1;
    case LISTEN ... FORGET:
        *texts[option] = optarg;
        return 0;
    default:
        return EXIT_USAGE;
    }
}

static void listening(void)
{
    (void)fprintf(stderr, "casemate-attestd: ready\n");
}

static int take_signals(void)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)signal(SIGPIPE, SIG_IGN);
    return sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -1 : signalfd(-1, &set, SFD_CLOEXEC);
}

int main(int argc, char **argv)
{
    struct options options = {
        .listen = "127.0.0.1:8443",
        .references = "/etc/casemate/attestd",
        .user = "casemate-attestd",
        .config = {.state = "/var/lib/casemate-attestd/state.db",
                   .signing_key.path = "/var/lib/casemate-attestd/signing.jwk",
                   .connections = 256,
                   .timeout = 15},
    };
    int option, r, signals;

    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        r = take_option(&options, option);
        if (r < 0) {
            (void)fputs(usage, stdout);
            return 0;
        }
        if (r > 0)
            return r;
    }
    if (optind == argc && options.forget != NULL) {
        (void)umask(077);
        r = find_user(&options);
        return r == 0 ? service_forget(&options.config, options.forget) : r;
    }
    if (optind != argc || options.config.certificate.path == NULL ||
        options.config.key.path == NULL) {
        complain("--cert and --key are needed; see --help");
        return EXIT_USAGE;
    }
    (void)umask(077);
    r = child_expect() < 0 ? EXIT_SYSTEM : find_user(&options);
    if (r == 0)
        r = read_files(&options);
    if (r != 0)
        return r;
    options.config.listen = open_port(options.listen);
    if (options.config.listen < 0)
        return options.config.listen == -EINVAL ? EXIT_USAGE : EXIT_SYSTEM;
    signals = take_signals();
    return signals < 0 ? EXIT_SYSTEM : service_serve(&options.config, signals, listening);
}
