/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image of a host's policy as a hostile file, and as what a compiler makes of hostile text. The
 * first byte chooses: bytes as they are, changes to a good image, or text. Beside memory safety:
 * what image_check accepts keeps its promises, and its canonical text gives the same bytes.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "policy/image.h"
#include "policy/language/compile.h"

#define ARENA (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char good[] =
    "host { mac selinux; kernel \"/boot/**\"; audit \"/var/log/casemate\"; host-tpm "
    "\"device:/dev/tpmrm0\"; trusted sshd_t \"it is\"; stateless null_device_t \"too\"; }\n"
    "object g { disk \"/srv/g/g\"; readonly; }\n"
    "object h { disk \"/srv/g/h\"; readonly; }\n"
    "tenant a { guests 4; cpus 8; memory 1G; attest required; disk \"/srv/a/**\" "
    "\"/srv/a/b/*.img\"; tap t0; share g; operators \"x\" \"@z\";\n"
    "  guest w { kernel \"/boot/k\"; disk \"/srv/a/b/1.img\"; disk \"/srv/g/g\" readonly; net t0; "
    "tpm; rng; }\n"
    "  guest d { kernel \"/srv/a/k\"; initrd \"/srv/a/i\"; disk \"/srv/a/d\"; cmdline \"quiet\"; } "
    "\n"
    "  channel w -> d vsock 5432;\n"
    "  attest { require selinux policy; initrd none; events none; cmdline \"quiet\"; host n1; }\n"
    "  attest w { require proof; kernel \"/boot/k\"; generation 3; lifetime 9; host-pcr 7 \"sha256:"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"; } }\n"
    "tenant b { quarantine after 20 denials within 60 seconds; disk \"/srv/b/*\"; bridge br; share "
    "g h; operators \"@y\";\n"
    "  guest w { kernel \"/boot/k\"; disk \"/srv/b/w\"; } }\n"
    "tenant c { kernel \"/opt/*/k\"; }\n"
    "conflict c b on core; assert no flow a <-> b; assert no flow c -> b;\n";

static uint8_t *memory; /* of the compiler: kept, and cleared as far as it was used */
static struct arena arena;

static void require(int condition)
{
    if (!condition)
        abort();
}

static const struct image *make(const char *text, size_t size)
{
    struct compile_result result;
    int r;

    memset(&result, 0, sizeof(result));
    if (memory == NULL)
        memory = calloc(1, ARENA);
    else
        memset(memory, 0, arena.used < ARENA ? arena.used : ARENA);
    arena_init(&arena, memory, ARENA);
    r = compile_text(text, size, &arena, &result);
    require(r == 0 || r == -EINVAL || r == -ENOMEM);
    if (r == -EINVAL)
        require(result.messages > 0);
    for (uint32_t i = 0; r == -EINVAL && i < result.messages; i++)
        require(strnlen(result.message[i].message, sizeof(result.message[i].message)) <
                sizeof(result.message[i].message));
    return r == 0 ? result.image : NULL;
}

/* Whatever was accepted. */
static void use(const struct image *image)
{
    struct guest_spec *spec = malloc(sizeof(*spec));
    struct guest_diagnostic d;
    uint8_t shared[GUEST_DISKS_MAX];
    struct buf text;
    uint8_t *copy;
    size_t size = image->size;

    for (uint32_t i = 0; i < image_count(image, IMAGE_GUESTS); i++) {
        const struct image_guest *g = &image_guests(image)[i];
        const char *tenant = image_tenant_name(image, g->tenant);

        image_guest(image, i, spec, shared);
        require(guest_spec_check(spec, &d) == 0);
        require(image_find_guest(image, tenant, spec->name) == (int)i);
        for (uint32_t k = 0; k < spec->disks; k++) {
            require(shared[k] == (image_shared_object(image, g->tenant, spec->disk[k].path) >= 0));
            require(shared[k] || image_file_allowed(image, g->tenant, false, spec->disk[k].path));
            require(!shared[k] || spec->disk[k].readonly);
        }
        require(image_file_allowed(image, g->tenant, true, spec->kernel));
    }
    for (uint32_t i = 0; i < image_count(image, IMAGE_TENANTS); i++)
        require(image_find_tenant(image, image_tenant_name(image, i)) == (int)i);
    for (uint32_t i = 0; i < image_count(image, IMAGE_CONFLICTS); i++)
        require(image_conflict_scope(image, image_conflicts(image)[i].second,
                                     image_conflicts(image)[i].first) >= 0);
    (void)image_enforceable(image, &d);
    buf_init(&text, 64 << 20);
    image_format(image, &text);
    if (buf_status(&text) == 0) {
        const struct image *again;

        copy = malloc(size);
        memcpy(copy, image, size);
        again = make((const char *)text.data, text.size);
        require(again != NULL && again->size == size && memcmp(again, copy, size) == 0);
        free(copy);
    }
    buf_release(&text);
    free(spec);
}

static void check(const uint8_t *data, size_t size)
{
    struct guest_diagnostic d;
    uint8_t *copy = malloc(size > 0 ? size : 1); /* exact: what is read beyond shows */

    if (size > 0)
        memcpy(copy, data, size);
    if (image_check(copy, size, &d) == 0)
        use((const struct image *)(const void *)copy);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t *base;
    static size_t base_size;

    if (size == 0)
        return 0;
    if (base == NULL) {
        const struct image *image = make(good, sizeof(good) - 1);
        struct guest_diagnostic d;

        require(image != NULL);
        require(image_check(image, image->size, &d) == 0);
        base_size = image->size;
        base = malloc(base_size);
        memcpy(base, image, base_size);
        check(base, base_size);
    }
    if (data[0] % 3 == 0) {
        check(data + 1, size - 1);
    } else if (data[0] % 3 == 1) {
        const struct image *image = make((const char *)data + 1, size - 1);

        if (image != NULL)
            check((const uint8_t *)image, image->size);
    } else {
        uint8_t *changed = malloc(base_size);

        memcpy(changed, base, base_size);
        for (size_t i = 1; i + 3 <= size; i += 3) {
            size_t at = (data[i] | (size_t)data[i + 1] << 8) % base_size;

            changed[at] = data[i + 2];
        }
        check(changed, base_size);
        free(changed);
    }
    return 0;
}
