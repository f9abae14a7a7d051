/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "attest/log/measure_text.h"
#include "attest/log/replay.h"
#include "tests/unit/log/fixture.h"

static void log_and_extends_agree(void **state)
{
    static const uint16_t algorithms[] = {LOG_ALG_SHA256, LOG_ALG_SHA384};
    struct measured measured;
    struct log_pcrs extended, replayed;
    struct log_problem problem;

    (void)state;
    fixture_log(&measured);
    for (size_t bank = 0; bank < 2; bank++) {
        assert_int_equal(log_pcrs_init(&extended, algorithms[bank]), 0);
        for (uint32_t i = 0; i < measured.extends; i++) {
            const struct measure_extend *e = &measured.extend[i];

            assert_int_equal(log_pcrs_extend(&extended, e->pcr,
                                             bank == 0 ? e->digests.sha256 : e->digests.sha384),
                             0);
        }
        assert_int_equal(
            log_replay(measured.log.data, measured.log.size, algorithms[bank], &replayed, &problem),
            0);
        assert_memory_equal(&extended, &replayed, sizeof(extended));
        assert_int_equal(replayed.touched, (1u << 21) | 0x3ff);
    }
    measured_release(&measured);
}

static void prediction_is_a_prefix(void **state)
{
    struct measure_guest *guest = fixture_guest();
    struct measured whole, predicted;

    (void)state;
    assert_int_equal(measure_guest(guest, &whole), 0);
    guest->started = false;
    memset(&guest->start, 0xff, sizeof(guest->start)); /* not looked at */
    assert_int_equal(measure_guest(guest, &predicted), 0);
    assert_true(predicted.log.size < whole.log.size);
    assert_memory_equal(predicted.log.data, whole.log.data, predicted.log.size);
    assert_memory_equal(predicted.extend, whole.extend,
                        predicted.extends * sizeof(predicted.extend[0]));
    measured_release(&whole);
    measured_release(&predicted);
    free(guest);
}

/* What sha256sum says of the files is what stands there. */
static void digests_are_those_of_the_files(void **state)
{
    struct measured measured;
    struct log_entry entry;
    struct log_reader reader;
    struct log_problem problem;
    const struct digests kernel = fixture_digests(2);
    bool found = false;

    (void)state;
    fixture_log(&measured);
    assert_int_equal(log_open(&reader, measured.log.data, measured.log.size, &problem), 0);
    while (log_next(&reader, &entry, &problem) > 0) {
        if (entry.pcr == 4 && entry.type == LOG_EV_IPL) {
            assert_memory_equal(entry.digest[0].value, kernel.sha256, 32);
            assert_memory_equal(entry.digest[1].value, kernel.sha384, 48);
            found = true;
        }
        if (entry.pcr == 8) {
            assert_int_equal(entry.size, strlen("console=ttyS0 root=/dev/vda1"));
            assert_memory_equal(entry.data, "console=ttyS0 root=/dev/vda1", entry.size);
        }
    }
    assert_true(found);
    measured_release(&measured);
}

static void texts(void **state)
{
    static const char config[] = "format 1\nvcpus 2\nmemory 2147483648\ncpu v3\nirqchip split\n"
                                 "device blk 4 writable\ndevice blk 1 readonly\n"
                                 "device net 2 021020304050\ndevice rng 1\n";
    struct measure_guest *guest = fixture_guest();
    struct buf text;

    (void)state;
    buf_init(&text, MEASURE_TEXT_MAX);
    measure_put_config(&text, &guest->config);
    assert_string_equal((char *)text.data, config);
    text.size = 0;
    guest->start.previous = (struct measure_reference){0};
    guest->start.resets = 0;
    measure_put_start(&text, &guest->start);
    assert_string_equal(
        (char *)text.data,
        "event start\nformat 1\ntenant acme\nname web\nuuid 123456789abc4def8001020304050607\n"
        "generation 7\nresets 0\n"
        "policy aa00000000000000000000000000000000000000000000000000000000000000\nproof none\n"
        "mac selinux\nhost bb00000000000000000000000000000000000000000000000000000000000000\n"
        "previous none\n");
    buf_release(&text);
    free(guest);
}

static int read_config(const char *text, struct measure_config *config)
{
    size_t at = 0;

    return measure_get_config(text, strlen(text), config, &at);
}

static void a_third_partys_tpm_is_named(void **state)
{
#define MACHINE "format 1\nvcpus 1\nmemory 33554432\ncpu host\nirqchip kernel\n"
    struct measure_guest *guest = fixture_guest();
    struct measure_config config;
    struct buf text;

    (void)state;
    buf_init(&text, MEASURE_TEXT_MAX);
    guest->config.foreign_tpm = true;
    measure_put_config(&text, &guest->config);
    assert_non_null(strstr((char *)text.data, "\nirqchip split\ntpm third-party\ndevice "));
    assert_int_equal(read_config((char *)text.data, &config), 0);
    assert_memory_equal(&config, &guest->config, sizeof(config));
    assert_int_equal(read_config(MACHINE, &config), 0);
    assert_false(config.foreign_tpm);
    assert_int_equal(read_config(MACHINE "tpm third-party\n", &config), 0);
    assert_true(config.foreign_tpm);
    assert_int_equal(read_config(MACHINE "tpm ours\n", &config), -EBADMSG);
    assert_int_equal(read_config(MACHINE "tpm third-party no\n", &config), -EBADMSG);
    assert_int_equal(read_config(MACHINE "tpm third-party\ntpm third-party\n", &config), -EBADMSG);
    assert_int_equal(read_config(MACHINE "device rng 1\ntpm third-party\n", &config), -EBADMSG);
    buf_release(&text);
    free(guest);
#undef MACHINE
}

/* The largest guest that there can be has room. */
static void largest(void **state)
{
    struct measure_guest *guest = fixture_guest();
    struct measured measured;
    enum process_kind kind;
    uint32_t index;

    (void)state;
    guest->config.devices = MEASURE_DEVICES_MAX;
    for (uint32_t i = 0; i < MEASURE_DEVICES_MAX; i++)
        guest->config.device[i] = (struct measure_device){.kind = i == 0   ? PROCESS_BLK
                                                                  : i == 1 ? PROCESS_RNG
                                                                           : PROCESS_NET,
                                                          .queues = 16,
                                                          .mac = {i > 1, i > 1, 3, 4, 5, 6}};
    memset(guest->config.device[0].mac, 0, 6);
    memset(guest->config.device[1].mac, 0, 6);
    memset(guest->cmdline, 'x', sizeof(guest->cmdline) - 1);
    for (unsigned i = 0; i < PROCESS_KINDS; i++)
        guest->program[i].filters = MEASURE_FILTERS_MAX;
    guest->start.processes = 0;
    while (measure_process_at(guest, guest->start.processes, &kind, &index)) {
        struct measure_process *process = &guest->start.process[guest->start.processes++];

        process->kind = kind;
        process->index = index;
        process->uid = UINT32_MAX;
        memset(process->context, 'c', sizeof(process->context) - 1);
        process->context[sizeof(process->context) - 1] = '\0';
    }
    assert_int_equal(measure_guest(guest, &measured), 0);
    measured_release(&measured);
    free(guest);
}

static void refused(struct measure_guest *guest)
{
    struct measured measured;

    memset(&measured, 0x55, sizeof(measured));
    assert_int_equal(measure_guest(guest, &measured), -EINVAL);
    assert_int_equal(measured.extends, 0x55555555);
    free(guest);
}

static void nonsense_is_refused(void **state)
{
    struct measure_guest *g;

    (void)state;
#define REFUSED(change)                                                                            \
    do {                                                                                           \
        g = fixture_guest();                                                                       \
        change;                                                                                    \
        refused(g);                                                                                \
    } while (0)
    REFUSED(g->program[PROCESS_VMM].used = false);
    REFUSED(g->program[PROCESS_BLK].used = false);
    REFUSED(g->config.devices = 2); /* then net and rng have no device */
    REFUSED(g->program[PROCESS_VMM].filters = 0);
    REFUSED(g->program[PROCESS_VMM].filters = MEASURE_FILTERS_MAX + 1);
    REFUSED(g->config.vcpus = 0);
    REFUSED(g->config.vcpus = 65);
    REFUSED(g->config.memory += 1);
    REFUSED(g->config.memory = 0);
    REFUSED(g->config.cpu = 4);
    REFUSED(g->config.irqchip = 2);
    REFUSED(g->config.devices = MEASURE_DEVICES_MAX + 1);
    REFUSED(g->config.device[0].kind = PROCESS_VMM);
    REFUSED(g->config.device[0].queues = 0);
    REFUSED(g->config.device[0].queues = 17);
    REFUSED(g->config.device[3].readonly = true);
    REFUSED(g->config.device[0].mac[5] = 1);
    REFUSED(memset(g->cmdline, 'x', sizeof(g->cmdline)));
    REFUSED(g->start.tenant[0] = '\0');
    REFUSED(g->start.tenant[0] = '-');
    REFUSED(g->start.name[1] = '\n');
    REFUSED(g->start.name[1] = 'E');
    REFUSED(memset(g->start.name, 'x', sizeof(g->start.name)));
    REFUSED(g->start.resets = 0);
    REFUSED(g->start.previous.known = false);
    REFUSED(g->start.selinux = false); /* with contexts */
    REFUSED(g->start.process[2].context[0] = '\0');
    REFUSED(g->start.process[2].context[3] = ' ');
    REFUSED(g->start.process[2].context[3] = '\n');
    REFUSED(memset(g->start.process[2].context, 'x', MEASURE_CONTEXT_MAX));
    REFUSED(strcpy(g->start.process[2].context, "none"));
    REFUSED(g->start.processes--);
    REFUSED(g->start.processes++);
    REFUSED(g->start.processes = MEASURE_PROCESSES_MAX + 1);
    REFUSED(g->start.process[1].index = 1);
    REFUSED(g->start.process[1].kind = PROCESS_NET);
#undef REFUSED
}

static void ledger_grows(void **state)
{
    struct measure_event event = {MEASURE_PAUSE, 1, 1000};
    struct measure_extend extend = {0};
    struct log_problem problem;
    struct digests expected;
    struct buf ledger;

    (void)state;
    buf_init(&ledger, MEASURE_LEDGER_MAX);
    assert_int_equal(measure_event(&event, &ledger, &extend), 0);
    assert_int_equal(digests_of("event pause\nsequence 1\ntime 1000\n", 33, &expected), 0);
    assert_int_equal(extend.pcr, MEASURE_PCR_LEDGER);
    assert_memory_equal(&extend.digests, &expected, sizeof(expected));
    event = (struct measure_event){MEASURE_RESUME, 2, 1000};
    assert_int_equal(measure_event(&event, &ledger, &extend), 0);
    assert_int_equal(log_check_ledger(ledger.data, ledger.size, NULL, NULL, &problem), 0);
    event.what = MEASURE_HAPPENINGS;
    assert_int_equal(measure_event(&event, &ledger, &extend), -EINVAL);
    event = (struct measure_event){MEASURE_RESUME, 0, 1000};
    assert_int_equal(measure_event(&event, &ledger, &extend), -EINVAL);
    assert_int_equal(log_check_ledger(ledger.data, ledger.size, NULL, NULL, &problem), 0);
    buf_release(&ledger);
}

/* A ledger that is full says so, and stays what it was. */
static void ledger_is_full(void **state)
{
    struct measure_event event = {MEASURE_BUTTON, 0, 0};
    struct measure_extend extend;
    struct log_problem problem;
    struct buf ledger;
    size_t before;
    int r = 0;

    (void)state;
    buf_init(&ledger, 5000);
    do {
        before = ledger.size;
        event.sequence++;
        r = measure_event(&event, &ledger, &extend);
    } while (r == 0);
    assert_int_equal(r, -EFBIG);
    assert_true(before > 4000);
    assert_int_equal(ledger.size, before);
    assert_int_equal(log_check_ledger(ledger.data, ledger.size, NULL, NULL, &problem), 0);
    buf_release(&ledger);
}

static void previous_is_the_digest_of_both(void **state)
{
    struct measure_reference previous = {0};
    struct digests expected;

    (void)state;
    assert_int_equal(digests_of("boot-logledger", 14, &expected), 0);
    assert_int_equal(measure_previous("boot-log", 8, "ledger", 6, &previous), 0);
    assert_true(previous.known);
    assert_memory_equal(previous.sha256, expected.sha256, 32);
    assert_int_equal(measure_previous("boot-logledger", 14, NULL, 0, &previous), 0);
    assert_memory_equal(previous.sha256, expected.sha256, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_and_extends_agree),
        cmocka_unit_test(prediction_is_a_prefix),
        cmocka_unit_test(digests_are_those_of_the_files),
        cmocka_unit_test(texts),
        cmocka_unit_test(a_third_partys_tpm_is_named),
        cmocka_unit_test(largest),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(ledger_grows),
        cmocka_unit_test(ledger_is_full),
        cmocka_unit_test(previous_is_the_digest_of_both),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
