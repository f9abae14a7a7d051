# SPDX-License-Identifier: Apache-2.0
# Casemate. `make help` lists what can be made.
BUILD ?= build
CC ?= cc
ifeq ($(origin CC),default)
CC = gcc
endif
PKG_CONFIG ?= pkg-config
FUZZ_SECONDS ?= 20
PREFIX ?= /usr
DESTDIR ?=
Q = $(if $(V),,@)

.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:

# ---------------------------------------------------------------- flags
IS_CLANG := $(findstring clang,$(shell $(CC) --version 2>/dev/null | head -n 1))
WARN = -Wall -Wextra -Werror -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes \
       -Wmissing-prototypes -Wold-style-definition -Wvla -Wpointer-arith -Wcast-qual \
       -Wwrite-strings -Wundef -Wformat=2 -Wimplicit-fallthrough -Wnull-dereference
ifeq ($(IS_CLANG),)
WARN_GCC = -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wtrampolines
endif
OPT ?= -O2 -g
HARDEN = -fstack-protector-strong -fstack-clash-protection -fcf-protection=full \
         -ftrivial-auto-var-init=zero -fno-delete-null-pointer-checks -fno-strict-overflow
ifneq ($(IS_CLANG),)
# clang 14 wants to be told twice
HARDEN += -enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang
endif
FORTIFY = -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
SAN ?=
ifneq ($(SAN),)
HARDEN = -fno-omit-frame-pointer -fsanitize=$(SAN) -fno-sanitize-recover=all -DSANITIZED
FORTIFY =
# gcc's data flow warnings see the sanitizers' own branches
WARN := $(filter-out -Wnull-dereference,$(WARN))
WARN_GCC += $(if $(IS_CLANG),,-Wno-maybe-uninitialized)
endif
CPPFLAGS += -I. -D_GNU_SOURCE $(FORTIFY)
CFLAGS += -std=gnu17 $(OPT) $(WARN) $(WARN_GCC) $(HARDEN) -fPIE
LDFLAGS_HARD = -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code -Wl,--as-needed
LDFLAGS_DYN = -pie $(LDFLAGS_HARD)
LDFLAGS_STATIC = -static-pie $(LDFLAGS_HARD)
ifneq ($(SAN),)
LDFLAGS_STATIC = $(LDFLAGS_DYN) -fsanitize=$(SAN)
LDFLAGS_DYN += -fsanitize=$(SAN)
endif

# ---------------------------------------------------------------- folders
# A folder is a static library; what may include what is checked by tests/lint/arrows.
# What only `casemate` links: compiler, outputs, proofs.
POLICY_TOOLS = $(patsubst %/,%,$(wildcard policy/*/))
FOLDERS = base mac policy $(POLICY_TOOLS) labeling attest attest/log attest/evidence attest/verify attest/service attest/host attest/vtpm audit audit/denials hv/acpi hv/vmm hv/worker hv/tpm hv/launch hv/front hv/daemon
lib_of = $(BUILD)/lib/lib$(subst /,-,$(1)).a
src_of = $(filter-out mac/confine_self.c,$(wildcard $(1)/*.c) $(wildcard $(1)/filters/*.c))
obj_of = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

LIB_BASE = $(call lib_of,base)
LIB_SELF = $(BUILD)/lib/libconfine.a
LIB_VERBS = $(BUILD)/lib/libverbs.a
LIB_CASEMATE = $(BUILD)/lib/libcasemate.a
LIB_SHARED = $(BUILD)/lib/libcasemate.so.0
LIB_OBJECTS = $(call obj_of,$(wildcard lib/*.c))

# programs that touch guest data: base, their own library, and what confines oneself
PROGRAMS_CONFINED = $(filter casemate-vmm casemate-blk casemate-net casemate-rng casemate-console casemate-tpm casemate-front,\
    $(patsubst cmd/%.c,%,$(wildcard cmd/*.c)))
PROGRAMS_HOST = $(filter-out $(PROGRAMS_CONFINED),$(patsubst cmd/%.c,%,$(wildcard cmd/casemate*.c)))
PROGRAMS = $(PROGRAMS_CONFINED) $(PROGRAMS_HOST)

LIBS_casemate-vmm = $(call lib_of,hv/vmm) $(call lib_of,hv/acpi)
LIBS_casemate-blk = $(call lib_of,hv/worker)
LIBS_casemate-net = $(call lib_of,hv/worker)
LIBS_casemate-rng = $(call lib_of,hv/worker)
LIBS_casemate-console = $(call lib_of,hv/worker)
# the one with a library of others': libcrypto brings what looks up hosts and loads modules, never
# called here and killed by the filter, of which the linker would warn each time
LIBS_casemate-tpm = $(call lib_of,hv/tpm) $(call lib_of,hv/worker) $(call lib_of,attest/vtpm)
EXTERN_casemate-tpm = -Wl,--no-warnings -l:libtpms.a -l:libcrypto.a \
    -Wl,--defsym=__dprintf_chk=tpm_print_nothing,--defsym=__vdprintf_chk=tpm_print_nothing
# the one that parses JSON: its clients', and nothing of a guest
LIBS_casemate-front = $(call lib_of,hv/front) $(call lib_of,attest/evidence) $(BUILD)/obj/mac/process_kind.o
EXTERN_casemate-front = -l:libjansson.a
LIBS_casemated = $(foreach f,hv/daemon hv/launch hv/acpi labeling attest/host attest/log attest policy mac audit,$(call lib_of,$(f)))
EXTERN_casemated = $(EXTERN_casemate)
LIBS_casemate-attestd = $(foreach f,attest/service attest/verify attest/evidence attest/log attest policy mac,$(call lib_of,$(f)))
EXTERN_casemate-attestd = $(shell $(PKG_CONFIG) --libs libmicrohttpd gnutls jose jansson sqlite3 libcrypto libseccomp)
# speaks D-Bus with systemd-machined, for casemated, which has nothing of libsystemd's
EXTERN_casemate-machine = $(shell $(PKG_CONFIG) --libs libsystemd)
# the host's TPM: TPM2-TSS, which comes as shared libraries only
LIBS_casemate-hosttpm = $(foreach f,attest/host attest/log attest mac,$(call lib_of,$(f)))
EXTERN_casemate-hosttpm := $(shell $(PKG_CONFIG) --libs tss2-esys tss2-mu libcrypto libseccomp 2>/dev/null)
# the kernel's audit messages: of policy/flow what takes a record apart
LIBS_casemate-denials = $(foreach f,audit/denials policy/flow mac,$(call lib_of,$(f)))
EXTERN_casemate-denials := $(shell $(PKG_CONFIG) --libs libseccomp 2>/dev/null)
LIBS_casemate = $(foreach f,hv/launch hv/acpi labeling attest/host attest/verify attest/evidence attest/log attest $(POLICY_TOOLS) policy mac audit,$(call lib_of,$(f)))
EXTERN_casemate := $(shell $(PKG_CONFIG) --libs libseccomp libselinux libsepol audit libcrypto jansson jose sqlite3 2>/dev/null) -lbz2

# The one that installs the SELinux module: a text of its own, and the confined compiler.
LIBS_casemate-module = $(foreach f,policy/emit policy mac,$(call lib_of,$(f)))
EXTERN_casemate-module := $(shell $(PKG_CONFIG) --libs libsemanage libsepol libselinux libseccomp audit 2>/dev/null) -lbz2
$(BUILD)/bin/casemate-module: $(call obj_of,cmd/verbs/policy_kernel.c cmd/verbs/policy_base.c cmd/verbs/confine.c)

.PHONY: all
## programs in build/bin/ (CC=gcc or clang, V=1 shows the commands, BUILD=DIR another place)
all: $(addprefix $(BUILD)/bin/,$(PROGRAMS)) $(LIB_SHARED) $(LIB_CASEMATE) $(BUILD)/lib/list-example

# verbs of casemate: one file each in cmd/verbs/; tests link them as a library
VERBS = $(call obj_of,$(wildcard cmd/verbs/*.c))
$(BUILD)/bin/casemate: $(VERBS) $(LIB_CASEMATE)
$(LIB_VERBS): $(VERBS)
	@mkdir -p $(@D); rm -f $@
	$(Q)ar rcsD $@ $^

# libcasemate, the public API: its own folder and jansson, nothing else of ours
$(foreach f,$(wildcard lib/*.c),$(eval CFLAGS_$(subst /,_,$(f:.c=)) = -fPIC))
$(LIB_CASEMATE): $(LIB_OBJECTS)
	@mkdir -p $(@D); rm -f $@
	$(Q)ar rcsD $@ $^
$(LIB_SHARED): $(LIB_OBJECTS) lib/casemate.map
	@mkdir -p $(@D)
	@$(if $(V),,echo "  LINK $@ (shared)")
	$(Q)$(CC) $(CFLAGS) -shared $(LDFLAGS_HARD) $(if $(SAN),-fsanitize=$(SAN),-Wl,-z,defs) -Wl,-soname,libcasemate.so.0 \
	    -Wl,--version-script=lib/casemate.map -o $@ $(LIB_OBJECTS) $(shell $(PKG_CONFIG) --libs jansson)
$(BUILD)/lib/list-example: lib/examples/list.c $(LIB_CASEMATE)
	$(Q)$(CC) $(CPPFLAGS) -Ilib $(CFLAGS) $(LDFLAGS_DYN) -o $@ $< $(LIB_CASEMATE) $(shell $(PKG_CONFIG) --libs jansson)

define folder_rules
$(call lib_of,$(1)): $(call obj_of,$(call src_of,$(1)))
	@mkdir -p $$(@D); rm -f $$@
	$$(Q)ar rcsD $$@ $$(filter %.o,$$^)
endef
$(foreach f,$(FOLDERS),$(eval $(call folder_rules,$(f))))

# an interface's description is part of the program
$(BUILD)/obj/hv/front/interface.o $(BUILD)/fuzz/obj/hv/front/interface.o: doc/org.casemate.Host.varlink

# our SELinux module is, too
$(BUILD)/obj/policy/emit/module.o $(BUILD)/fuzz/obj/policy/emit/module.o: $(wildcard mac/selinux/*.cil)

$(LIB_SELF): $(BUILD)/obj/mac/confine_self.o
	@mkdir -p $(@D); rm -f $@
	$(Q)ar rcsD $@ $^

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	@$(if $(V),,echo "  CC   $<")
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(CFLAGS_$(subst /,_,$*)) -MMD -MP -c -o $@ $<

define confined_rules
$(BUILD)/bin/$(1): $(BUILD)/obj/cmd/$(1).o $$(LIBS_$(1)) $(LIB_SELF) $(LIB_BASE)
	@mkdir -p $$(@D)
	@$(if $(V),,echo "  LINK $$@ (static-pie)")
	$$(Q)$$(CC) $$(CFLAGS) $$(LDFLAGS_STATIC) -o $$@ $$(filter %.o %.a,$$^) $$(EXTERN_$(1)) -pthread
endef
$(foreach p,$(PROGRAMS_CONFINED),$(eval $(call confined_rules,$(p))))

define host_rules
$(BUILD)/bin/$(1): $(BUILD)/obj/cmd/$(1).o $$(LIBS_$(1)) $(LIB_SELF) $(LIB_BASE)
	@mkdir -p $$(@D)
	@$(if $(V),,echo "  LINK $$@")
	$$(Q)$$(CC) $$(CFLAGS) $$(LDFLAGS_DYN) -o $$@ $$(filter %.o,$$^) \
	    -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $$(EXTERN_$(1)) -pthread
endef
$(foreach p,$(PROGRAMS_HOST),$(eval $(call host_rules,$(p))))

# another compiler or other flags: build again
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(CPPFLAGS) $(CFLAGS)' | cmp -s - $@ || echo '$(CC) $(CPPFLAGS) $(CFLAGS)' > $@
.PHONY: FORCE
FORCE:

# ---------------------------------------------------------------- unit tests
UNIT_TESTS = $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(filter-out $(UNSANITIZED:%=tests/unit/%.c),\
    $(wildcard tests/unit/*/test_*.c)))
UNIT_SKIPS =
ifneq ($(SAN),)
# what runs under our real filters: that of the filters, and those that start a program of ours
UNSANITIZED := mac/test_seccomp front/test_filter service/test_appraiser $(patsubst tests/unit/%.c,%,$(shell \
    grep -lE 'worker/process(_fixture)?\.h"|vmm/(worker_process|harness)\.h"|bin/casemate-' tests/unit/*/test_*.c))
UNIT_SKIPS = $(foreach t,$(UNSANITIZED),"--skip=$(t):a real filter kills the process at a sanitizer's own system calls")
endif
UNIT_LIBS = $(LIB_VERBS) $(LIB_CASEMATE) $(foreach f,hv/daemon hv/front hv/launch hv/vmm hv/acpi hv/tpm hv/worker labeling $(POLICY_TOOLS) policy mac audit audit/denials attest/vtpm attest/service attest/host attest/verify attest/evidence attest/log attest base,$(call lib_of,$(f)))
UNIT_EXTERN := $(shell $(PKG_CONFIG) --libs cmocka libseccomp libselinux libsepol audit libtpms libcrypto jansson jose sqlite3 tss2-esys tss2-mu 2>/dev/null) -lbz2
$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(UNIT_LIBS) $(LIB_SELF)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS_DYN) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(UNIT_EXTERN) -pthread

$(BUILD)/tests/bench_%: $(BUILD)/obj/tests/bench/bench_%.o $(UNIT_LIBS) $(LIB_SELF)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS_DYN) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(UNIT_EXTERN) -pthread

.PHONY: unit golden
## unit tests and golden corpora
unit: $(UNIT_TESTS) $(if $(SAN),,all)
	$(Q)tests/run-unit $(UNIT_SKIPS) $(UNIT_TESTS)

## golden corpora only; CASEMATE_GOLDEN_UPDATE=1 writes the expected results anew
golden: $(filter %/test_golden_explain %/test_golden_learn %/test_golden_guest %/test_golden_host %/test_golden_log %/test_golden_cli,$(UNIT_TESTS))
	$(Q)tests/run-unit $^

# loads it into an interpreter
$(BUILD)/tests/verbs/test_golden_cli: $(LIB_SHARED)

# plays the launcher for casemate-vmm alone; static, so that it runs in any guest or host
$(BUILD)/tests/vmm-harness: $(BUILD)/obj/tests/vmm-harness.o $(LIB_BASE)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS_STATIC) -o $@ $(filter %.o %.a,$^)
$(BUILD)/tests/vmm/test_tiny_guest $(BUILD)/tests/vmm/test_tpm_guest: $(BUILD)/tests/vmm-harness $(BUILD)/bin/casemate-vmm

# ---------------------------------------------------------------- fuzzing (clang's libFuzzer)
FUZZ_TARGETS = $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_FLAGS = -std=gnu17 -O1 -g $(filter-out -Wmissing-prototypes,$(WARN)) -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
FUZZ_SOURCES = $(foreach f,base policy $(POLICY_TOOLS) hv/acpi hv/vmm hv/worker hv/tpm hv/front mac labeling audit/denials attest attest/log attest/evidence attest/verify attest/vtpm attest/host lib,$(call src_of,$(f))) mac/confine_self.c
FUZZ_OBJECTS = $(patsubst %.c,$(BUILD)/fuzz/obj/%.o,$(FUZZ_SOURCES))
$(BUILD)/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	$(Q)clang -I. -D_GNU_SOURCE $(subst -fsanitize=fuzzer$(comma),-fsanitize=fuzzer-no-link$(comma),$(FUZZ_FLAGS)) -MMD -MP -c -o $@ $<
$(BUILD)/fuzz/libfuzzed.a: $(FUZZ_OBJECTS)
	@rm -f $@
	$(Q)ar rcsD $@ $^
$(BUILD)/fuzz/%: tests/fuzz/%.c $(BUILD)/fuzz/libfuzzed.a
	$(Q)clang -I. -D_GNU_SOURCE $(FUZZ_FLAGS) -o $@ $< $(BUILD)/fuzz/libfuzzed.a $(shell $(PKG_CONFIG) --libs libseccomp libselinux libtpms libcrypto sqlite3 jansson) -lbz2 -pthread
comma = ,

.PHONY: fuzz
## each fuzz target for FUZZ_SECONDS (20)
fuzz: $(FUZZ_TARGETS)
	$(Q)FUZZ_SECONDS=$(FUZZ_SECONDS) tests/run-fuzz $(FUZZ_TARGETS)

# ---------------------------------------------------------------- live tests and their host
# Tools are static: they run in the test host, too. What fakes a worker links the workers' library.
LIVE_TOOLS = $(patsubst tests/live/tools/%.c,$(BUILD)/live/%,$(wildcard tests/live/tools/*.c))
$(BUILD)/live/%: $(BUILD)/obj/tests/live/tools/%.o $(call lib_of,hv/worker) $(LIB_SELF) $(LIB_BASE)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS_STATIC) -o $@ $(filter %.o %.a,$^) -pthread

# This one asks libselinux as casemated does, which no static program can be linked with here.
$(BUILD)/live/access: $(BUILD)/obj/tests/live/tools/access.o $(call lib_of,mac) $(LIB_SELF) $(LIB_BASE)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS_DYN) -o $@ $(filter %.o %.a,$^) $(shell $(PKG_CONFIG) --libs libselinux audit) -pthread

# The reader of policies beside libsepol's.
$(BUILD)/live/decide: $(BUILD)/obj/tests/live/tools/decide.o $(call lib_of,policy/kernel) $(LIB_BASE)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS_DYN) -o $@ $(filter %.o %.a,$^) $(shell $(PKG_CONFIG) --libs libsepol libcrypto)
$(BUILD)/live/policy-hole: $(BUILD)/obj/tests/live/tools/policy-hole.o $(call lib_of,policy/kernel) $(LIB_BASE)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS_DYN) -o $@ $(filter %.o %.a,$^) $(shell $(PKG_CONFIG) --libs libcrypto)

# ---------------------------------------------------------------- breakout tests
# The hostile stand-in is static, as what it replaces; the runner links what the launcher links.
HOSTILE_STANDIN = $(filter-out %/runner.o %/scene.o %/place.o %/report.o %/reasons.o,$(call obj_of,$(wildcard tests/hostile/*.c)))
HOSTILE_RUNNER = $(filter-out %/standin.o,$(call obj_of,$(wildcard tests/hostile/*.c)))
HOSTILE = $(BUILD)/live/hostile $(BUILD)/live/hostile-runner
LIVE_TOOLS += $(HOSTILE)
$(BUILD)/live/hostile: $(HOSTILE_STANDIN) $(BUILD)/obj/mac/process_kind.o $(LIB_SELF) $(LIB_BASE)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS_STATIC) -o $@ $(filter %.o %.a,$^)
$(BUILD)/live/hostile-runner: $(HOSTILE_RUNNER) $(LIBS_casemate) $(LIB_SELF) $(LIB_BASE)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS_DYN) -o $@ $(filter %.o,$^) \
	    -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(EXTERN_casemate) -pthread

.PHONY: breakout
## hostile stand-ins behind each layer of confinement: build/breakout.json and the table in doc/
breakout: all $(LIVE_TOOLS)
	$(Q)BIN="$(BUILD)/bin" TOOLS="$(BUILD)/live" tests/breakout $(BUILD)

.PHONY: demo live testhost testhost-run testhost-shell
## the main job on a fresh machine: packages, build, and Debian boots, each device confined
demo:
	$(Q)BUILD="$(BUILD)" tests/demo.sh

## live tests, on this machine and in the test host
live: all $(LIVE_TOOLS)
	$(Q)CASEMATE_BIN=$(abspath $(BUILD)/bin) CASEMATE_TOOLS=$(abspath $(BUILD)/live) \
	    tests/host/check-live.sh --here $(wildcard tests/live/*.t)
	$(Q)CASEMATE_BIN=$(abspath $(BUILD)/bin) CASEMATE_TOOLS=$(abspath $(BUILD)/live) \
	    tests/host/check-live.sh $(wildcard tests/live/*.t)

## build or refresh the test host's image
testhost: deps
	$(Q)tests/host/build-image.sh
	$(Q)tests/host/guest/build-guest.sh

## one command in the test host: CMD='...' [FILES='SRC[:DST] ...']
testhost-run: deps
	$(Q)tests/host/run.sh $(if $(FILES),--files '$(FILES)') -- $(if $(value CMD),"$$TESTHOST_CMD",$(error say what to run: make testhost-run CMD='...'))
testhost-run: export TESTHOST_CMD := $(value CMD)

## a prompt in the test host
testhost-shell: deps
	$(Q)tests/host/run.sh $(if $(FILES),--files '$(FILES)') --shell

# ---------------------------------------------------------------- all tests
# The first line of each recipe installs what is missing; make is called again because the lines
# above looked for libraries when there were none.
CHECK = BIN="$(BUILD)/bin" TOOLS="$(BUILD)/live" UNIT_TESTS="$(UNIT_TESTS)" FUZZ_TARGETS="$(FUZZ_TARGETS)" FUZZ_SECONDS=$(1) tests/check
.PHONY: deps check check-installed soak soak-installed
## install the Debian packages that building and testing needs
deps:
	$(Q)tests/host/install-packages.sh

## install what is missing, build, run all tests (long ones as samples)
check: deps
	$(Q)$(MAKE) --no-print-directory check-installed
check-installed: all $(UNIT_TESTS) $(LIVE_TOOLS) $(FUZZ_TARGETS)
	$(Q)$(call CHECK,$(if $(filter command environment,$(origin FUZZ_SECONDS)),$(FUZZ_SECONDS),5))

## the same with long tests in full: hours
soak: deps
	$(Q)$(MAKE) --no-print-directory soak-installed
soak-installed: all $(UNIT_TESTS) $(LIVE_TOOLS) $(FUZZ_TARGETS)
	$(Q)$(call CHECK,$(if $(filter command environment,$(origin FUZZ_SECONDS)),$(FUZZ_SECONDS),600)) soak

.PHONY: lint asan ubsan sanitize
## format, arrows between folders, house rules, linkage, cppcheck, clang-tidy
lint: all
	$(Q)tests/lint/run $(BUILD)/bin $(PROGRAMS_CONFINED)

## unit tests and golden corpora with AddressSanitizer
asan:
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/asan SAN=address unit

## unit tests and golden corpora with UndefinedBehaviorSanitizer
ubsan:
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/ubsan SAN=undefined unit

## both in one build (CC=clang): what CI runs, as a second build and run costs more than it finds
sanitize:
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/sanitize SAN=address,undefined unit

# ---------------------------------------------------------------- benchmarks
# tests/bench/AREA writes its results as JSON to the file named as its argument.
BENCHES = $(filter-out lib,$(notdir $(filter-out %.md %.sh %.c,$(wildcard tests/bench/*))))
.PHONY: bench
## measure, against peers where they can be had: build/bench/AREA.json and a table
bench: $(addprefix bench-,$(BENCHES))
bench-blk: $(BUILD)/tests/bench/blk_load
bench-vtpm: $(BUILD)/tests/bench/vtpm_load
bench-verify: $(BUILD)/tests/bench/verify_load
bench-labels: $(BUILD)/tests/bench_labeling
bench-kernel_policy: $(BUILD)/tests/bench_kernel_policy
bench-hosttpm: $(BUILD)/tests/bench_hosttpm
$(BUILD)/tests/bench/%: $(BUILD)/obj/tests/bench/%.o $(UNIT_LIBS) $(LIB_SELF)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS_DYN) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(UNIT_EXTERN) -pthread
bench-%: all
	@mkdir -p $(BUILD)/bench
	$(Q)CASEMATE_BIN=$(BUILD)/bin tests/bench/$* $(BUILD)/bench/$*.json

# ---------------------------------------------------------------- installing
libexec = $(DESTDIR)$(PREFIX)/libexec/casemate
systemd = $(DESTDIR)$(PREFIX)/lib/systemd/system
share = $(DESTDIR)$(PREFIX)/share
MANUALS = $(wildcard doc/man/*.[1-9])
LIBDIR ?= $(PREFIX)/lib/$(shell $(CC) -print-multiarch 2>/dev/null)
PERLDIR ?= $(PREFIX)/share/perl5
PYTHONDIR ?= $(PREFIX)/lib/python3/dist-packages
libdir = $(DESTDIR)$(LIBDIR:/=)
COMPLETION = $(share)/bash-completion/completions/casemate
MODULES = $(wildcard mac/selinux/*.cil mac/selinux/*.fc mac/selinux/*.md)
.PHONY: install uninstall
## programs, library, manual pages, SELinux module sources: PREFIX (/usr), LIBDIR, PERLDIR, PYTHONDIR, DESTDIR
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(libexec) $(share)/casemate/selinux $(dir $(COMPLETION))
	install -m 755 $(BUILD)/bin/casemate $(DESTDIR)$(PREFIX)/bin/
	install -d $(DESTDIR)$(PREFIX)/sbin $(systemd) $(share)/doc/casemate
	install -m 755 $(BUILD)/bin/casemated $(BUILD)/bin/casemate-attestd $(DESTDIR)$(PREFIX)/sbin/
	for unit in dist/systemd/*; do \
	    sed -e 's,=/usr/,=$(PREFIX)/,' $$unit > $(systemd)/$${unit##*/} || exit 1; \
	done
	install -m 644 doc/org.casemate.Host.varlink doc/varlink.md doc/attestd.openapi.yaml $(share)/doc/casemate/
	install -m 755 $(addprefix $(BUILD)/bin/,$(PROGRAMS_CONFINED) casemate-module casemate-machine casemate-hosttpm casemate-denials) $(libexec)/
	install -m 644 doc/completion/casemate.bash $(COMPLETION)
	install -D -m 755 -t $(share)/casemate/guest dist/guest/casemate-unlock
	$(if $(MODULES),install -m 644 $(MODULES) $(share)/casemate/selinux/)
	install -d $(DESTDIR)$(PREFIX)/include $(libdir)/pkgconfig $(DESTDIR)$(PERLDIR) $(DESTDIR)$(PYTHONDIR)
	install -m 644 lib/casemate.h $(DESTDIR)$(PREFIX)/include/
	install -m 644 $(LIB_SHARED) $(LIB_CASEMATE) $(libdir)/
	ln -sf libcasemate.so.0 $(libdir)/libcasemate.so
	sed -e 's,@PREFIX@,$(PREFIX),' -e 's,@LIBDIR@,$(LIBDIR:/=),' -e 's,@VERSION@,0.1,' lib/casemate.pc.in \
	    > $(libdir)/pkgconfig/casemate.pc
	install -m 644 lib/bindings/perl/Casemate.pm $(DESTDIR)$(PERLDIR)/
	install -m 644 lib/bindings/python/casemate.py $(DESTDIR)$(PYTHONDIR)/
	for page in $(MANUALS); do \
	    install -D -m 644 $$page $(share)/man/man$${page##*.}/$${page##*/} || exit 1; \
	done

## remove what install put there
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/casemate $(COMPLETION)
	rm -f $(DESTDIR)$(PREFIX)/sbin/casemated $(DESTDIR)$(PREFIX)/sbin/casemate-attestd $(addprefix $(systemd)/,$(notdir $(wildcard dist/systemd/*)))
	rm -rf $(libexec) $(share)/casemate $(share)/doc/casemate
	rm -f $(DESTDIR)$(PREFIX)/include/casemate.h $(libdir)/libcasemate.* $(libdir)/pkgconfig/casemate.pc
	rm -f $(DESTDIR)$(PERLDIR)/Casemate.pm $(DESTDIR)$(PYTHONDIR)/casemate.py
	for page in $(MANUALS); do rm -f $(share)/man/man$${page##*.}/$${page##*/}; done

.PHONY: clean help
## remove build/
clean:
	rm -rf $(BUILD)

## this list
help:
	@awk '/^## / { text = substr($$0, 4); next } \
	    text != "" && /^[a-z][a-z-]*:/ { sub(/:.*/, "", $$1); printf "  make %-14s %s\n", $$1, text } \
	    { text = "" }' $(MAKEFILE_LIST)

-include $(shell find $(BUILD)/obj $(BUILD)/fuzz/obj -name '*.d' 2>/dev/null)
