/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/service/appraiser.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attest/digest.h"
#include "attest/service/shelter.h"
#include "attest/service/wire.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/fdpass.h"
#include "base/text.h"

#define CHILDREN_MAX 8  /* pieces of evidence at a time */
#define SECONDS_MAX  20 /* for one of them */

enum { EXIT_OK = 0, EXIT_SYSTEM = 3 };

const struct reference *references_find(const struct references *references, const char *tenant,
                                        const char *name)
{
    const struct reference *best = NULL;
    unsigned rank = 0;

    for (size_t i = 0; i < references->count; i++) {
        const struct reference *one = references->list[i];
        unsigned here = one->tenant[0] == '\0' ? 1 : one->name[0] == '\0' ? 2 : 3;

        if (one->of_host || (here == 1 && one->name[0] != '\0') ||
            (here >= 2 && strcmp(one->tenant, tenant) != 0) ||
            (here == 3 && strcmp(one->name, name) != 0))
            continue;
        if (here > rank) {
            best = one;
            rank = here;
        }
    }
    return best;
}

/* Whom it says that it is about; nothing else of it is used before it is appraised. */
static void name_refused(struct verdict *verdict, const struct evidence *evidence,
                         enum refusal refusal, const char *detail)
{
    memset(verdict, 0, sizeof(*verdict));
    verdict->refusal = (uint32_t)refusal;
    verdict->lifetime = 1;
    verdict->of_host = evidence->host_only;
    (void)text_copy(verdict->detail, sizeof(verdict->detail), detail);
    memcpy(verdict->tenant, evidence->tenant, sizeof(verdict->tenant));
    memcpy(verdict->name, evidence->name, sizeof(verdict->name));
    memcpy(verdict->uuid, evidence->uuid, sizeof(verdict->uuid));
    memcpy(verdict->nonce, evidence->nonce, evidence->nonce_size);
    verdict->nonce_size = evidence->nonce_size;
}

/* What the signer needs to check it again. */
static int bear_out(const struct evidence *evidence, struct verdict *verdict,
                    struct witness *witness)
{
    int r = witness_of(evidence, witness);

    if (r == -EIO)
        return r;
    if (r < 0 && verdict->refusal == REFUSE_NONE)
        name_refused(verdict, evidence, REFUSE_KEY_KIND, "");
    return 0;
}

int appraiser_judge(const struct references *references, struct checker *checker, const char *text,
                    size_t size, struct verdict *verdict, struct witness *witness)
{
    cleanup_free struct evidence *evidence = NULL;
    struct appraisal with = {.keys = references->keys, .checker = checker};
    struct evidence_error error;
    int r = evidence_decode(text, size, &evidence, &error);

    memset(witness, 0, sizeof(*witness));
    if (r == -EINVAL || r == -EFBIG) {
        memset(verdict, 0, sizeof(*verdict));
        verdict->refusal = REFUSE_FORM;
        verdict->lifetime = 1;
        (void)text_copy(verdict->detail, sizeof(verdict->detail), r == -EINVAL ? error.text : "");
        return 0;
    }
    if (r < 0)
        return r;
    /* Its signer can check again what guests' evidence rests on, and no host's. */
    if (evidence->host_only) {
        name_refused(verdict, evidence, REFUSE_KIND, "this service judges guests");
        return 0;
    }
    with.reference = references_find(references, evidence->tenant, evidence->name);
    if (with.reference == NULL) {
        name_refused(verdict, evidence, REFUSE_GUEST, "there are no reference values for it");
        return 0;
    }
    /* That the nonce is one that was given out, and to be used now, is the signer's to say. */
    with.nonce = evidence->nonce;
    with.nonce_size = evidence->nonce_size;
    r = appraise(evidence, &with, verdict);
    return r == 0 ? bear_out(evidence, verdict, witness) : r;
}

/* A body is what the other process says that it is, and cannot change any more. */
static int map_body(int fd, const struct service_body *body, const char **text)
{
    struct stat status;
    void *map;

    if (body->size == 0 || body->size > SERVICE_BODY_MAX || body->purpose >= SERVICE_PURPOSES)
        return -EPROTO;
    if (fd_require_seals(fd, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) < 0 ||
        fstat(fd, &status) < 0 || status.st_size != (off_t)body->size)
        return -EPROTO;
    map = mmap(NULL, body->size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        return -errno;
    *text = map;
    return 0;
}

/* What a child may do: read its memory and speak once. */
static const char *const child_calls[] = {
    "brk",   "mmap",    "munmap", "mremap",     "madvise",      "mprotect", "getrandom",
    "futex", "sendmsg", "exit",   "exit_group", "rt_sigreturn", NULL,
};

struct appraiser {
    const struct references *references;
    struct checker *checker; /* each child has its own copy */
    struct shelter_filter filter;
};

/* By a key that was made for it and thrown away, over "casemate". */
static const struct tpm_public known_key = {
    .type = TPM_ALG_ID_ECC,
    .curve = TPM_CURVE_P256,
    .scheme = TPM_ALG_ID_ECDSA,
    .scheme_hash = TPM_ALG_ID_SHA256,
    .point_size = 32,
    .x = {0x6a, 0x1c, 0x22, 0x75, 0x62, 0xb2, 0x74, 0x31, 0x55, 0xe5, 0x88,
          0x46, 0x0c, 0x6c, 0x6e, 0xa1, 0x67, 0x4f, 0x2a, 0xc8, 0x12, 0xbc,
          0x09, 0x99, 0xc5, 0x97, 0x3a, 0x12, 0x29, 0x5d, 0x96, 0x83},
    .y = {0xeb, 0xe7, 0xc4, 0xcb, 0x93, 0x47, 0x7f, 0x6f, 0xea, 0x41, 0xcc,
          0xb5, 0xd6, 0x29, 0x5c, 0x51, 0xd2, 0x96, 0x53, 0xe5, 0x82, 0xb1,
          0xe7, 0xad, 0xff, 0xe6, 0x17, 0xbd, 0x8b, 0x87, 0xb6, 0x23},
};
static const struct tpm_signature known_signature = {
    .scheme = TPM_ALG_ID_ECDSA,
    .hash = TPM_ALG_ID_SHA256,
    .r_size = 32,
    .s_size = 32,
    .r = {0x4f, 0x41, 0x54, 0x56, 0x76, 0x1b, 0xbb, 0x28, 0x73, 0x6c, 0xa5,
          0x09, 0x36, 0x44, 0x3c, 0xf0, 0xfa, 0xbf, 0x6f, 0x12, 0x73, 0xd2,
          0x93, 0xfe, 0x9f, 0x1a, 0x5e, 0x16, 0x3e, 0x9a, 0x17, 0x57},
    .s = {0x4a, 0x28, 0x6e, 0x31, 0x71, 0x32, 0x96, 0x37, 0xac, 0xbb, 0x3a,
          0xd7, 0x38, 0x00, 0x0f, 0x37, 0x4b, 0x95, 0x70, 0x16, 0x27, 0x14,
          0x13, 0x13, 0x93, 0xe3, 0x29, 0x62, 0x07, 0x0f, 0x83, 0xb7},
};

/* OpenSSL looks for each algorithm when it is first used: better here than in each child. */
static int warm_up(struct checker *checker)
{
    struct digests digests;
    int r = digests_of("casemate", 8, &digests);

    if (r == 0)
        r = checker_check(checker, &known_key, &known_signature, "casemate", 8);
    if (r == 0 && checker_check(checker, &known_key, &known_signature, "Casemate", 8) != -EACCES)
        r = -EIO;
    return r == 0 || r == -ENOMEM ? r : -EIO;
}

int appraiser_prepare(const struct references *references, struct appraiser **appraiser)
{
    struct appraiser *made = calloc(1, sizeof(*made));
    int r = made != NULL ? 0 : -ENOMEM;

    if (r == 0) {
        made->references = references;
        made->checker = checker_new();
        r = made->checker != NULL ? warm_up(made->checker) : -EIO;
    }
    if (r == 0)
        r = shelter_compile(child_calls, &made->filter);
    if (r == 0) {
        /* What reading the references needed and gave back would be copied for each child. */
        (void)malloc_trim(0);
        *appraiser = made;
        return 0;
    }
    if (made != NULL)
        checker_free(made->checker);
    free(made);
    return r;
}

_Noreturn static void judge_and_say(int signer, const struct appraiser *appraiser,
                                    const struct service_body *body, const char *text)
{
    static const struct itimerval limit = {.it_value = {.tv_sec = SECONDS_MAX}};
    static const struct rlimit memory = {1UL << 30, 1UL << 30};
    struct service_verdict said = {.id = body->id, .purpose = body->purpose};

    /* Of the descriptors it needs the one to speak by. */
    if (shelter_descriptors(&signer, 1) < 0 || setitimer(ITIMER_REAL, &limit, NULL) < 0 ||
        setrlimit(RLIMIT_AS, &memory) < 0 || shelter_install(&appraiser->filter) < 0)
        _exit(EXIT_SYSTEM);
    if (appraiser_judge(appraiser->references, appraiser->checker, text, body->size, &said.verdict,
                        &said.witness) < 0 ||
        fdpass_send(3, &said, sizeof(said), NULL, 0) < 0)
        _exit(EXIT_SYSTEM);
    _exit(EXIT_OK);
}

struct child {
    int pidfd; /* owned; -1: none */
    uint64_t id;
};

/* A child that died has not said anything: whoever waits for its verdict is told that. */
static int reap(int signer, struct child *child)
{
    struct service_verdict said = {.id = child->id,
                                   .verdict = {.refusal = REFUSE_FORM, .lifetime = 1}};
    siginfo_t info = {0};

    if (waitid(P_PIDFD, (id_t)child->pidfd, &info, WEXITED) < 0)
        return -errno;
    fd_close(&child->pidfd);
    if (info.si_code == CLD_EXITED && info.si_status == 0)
        return 0;
    (void)text_copy(said.verdict.detail, sizeof(said.verdict.detail),
                    "its appraisal did not come to an end");
    return fdpass_send(signer, &said, sizeof(said), NULL, 0);
}

static int begin(const struct service_body *body, const char *text, int signer,
                 const struct appraiser *appraiser, struct child *child)
{
    pid_t pid = fork();

    if (pid < 0)
        return -errno;
    if (pid == 0)
        judge_and_say(signer, appraiser, body, text);
    child->id = body->id;
    /* It cannot have been reaped by anybody else: the pid is still its own. */
    child->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    return child->pidfd < 0 ? -errno : 0;
}

static int take_body(int http, int signer, const struct appraiser *appraiser, struct child *child)
{
    cleanup_fd int fd = -1;
    struct service_body body;
    size_t count = 1;
    const char *text = NULL;
    int n = fdpass_receive(http, &body, sizeof(body), &fd, &count, 0);
    int r;

    if (n <= 0)
        return n == 0 ? -EPIPE : n;
    if (n != (int)sizeof(body) || count != 1)
        return -EPROTO;
    r = map_body(fd, &body, &text);
    if (r < 0)
        return r;
    r = begin(&body, text, signer, appraiser, child);
    (void)munmap((void *)(uintptr_t)text, body.size);
    return r;
}

int appraiser_run(int http, int signer, const struct appraiser *appraiser)
{
    struct child children[CHILDREN_MAX];
    int r = 0;

    for (unsigned i = 0; i < CHILDREN_MAX; i++)
        children[i].pidfd = -1;
    while (r == 0) {
        struct pollfd polled[CHILDREN_MAX + 1];
        unsigned room = CHILDREN_MAX;

        for (unsigned i = 0; i < CHILDREN_MAX; i++) {
            polled[i] = (struct pollfd){.fd = children[i].pidfd, .events = POLLIN};
            if (children[i].pidfd < 0)
                room = i;
        }
        /* With no room for another one, the next waits where it is. */
        polled[CHILDREN_MAX] =
            (struct pollfd){.fd = room < CHILDREN_MAX ? http : -1, .events = POLLIN};
        if (poll(polled, CHILDREN_MAX + 1, -1) < 0) {
            r = errno == EINTR ? 0 : -errno;
            continue;
        }
        for (unsigned i = 0; r == 0 && i < CHILDREN_MAX; i++) {
            if (polled[i].revents != 0)
                r = reap(signer, &children[i]);
        }
        if (r == 0 && polled[CHILDREN_MAX].revents != 0)
            r = take_body(http, signer, appraiser, &children[room]);
    }
    return r == -EPIPE ? EXIT_OK : EXIT_SYSTEM;
}
