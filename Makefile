# SPDX-License-Identifier: Apache-2.0
# Casemate. `make help` lists what can be made.
BUILD ?= build
CC ?= cc
ifeq ($(origin CC),default)
CC = gcc
endif
PKG_CONFIG ?= pkg-config
FUZZ_SECONDS ?= 20
Q = $(if $(V),,@)

.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:

# ---------------------------------------------------------------- flags
IS_CLANG := $(findstring clang,$(shell $(CC) --version 2>/dev/null | head -n 1))
WARN = -Wall -Wextra -Werror -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes \
       -Wmissing-prototypes -Wold-style-definition -Wvla -Wpointer-arith -Wcast-qual \
       -Wwrite-strings -Wundef -Wformat=2 -Wimplicit-fallthrough -Wnull-dereference
ifeq ($(IS_CLANG),)
WARN += -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wtrampolines
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
HARDEN = -fno-omit-frame-pointer -fsanitize=$(SAN) -fno-sanitize-recover=all
FORTIFY =
endif
CPPFLAGS += -I. -D_GNU_SOURCE $(FORTIFY)
CFLAGS += -std=gnu17 $(OPT) $(WARN) $(HARDEN) -fPIE
LDFLAGS_HARD = -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code -Wl,--as-needed
LDFLAGS_DYN = -pie $(LDFLAGS_HARD)
LDFLAGS_STATIC = -static-pie $(LDFLAGS_HARD)
ifneq ($(SAN),)
LDFLAGS_STATIC = $(LDFLAGS_DYN) -fsanitize=$(SAN)
LDFLAGS_DYN += -fsanitize=$(SAN)
endif

# ---------------------------------------------------------------- folders
# A folder is a static library; what may include what is checked by tests/lint/arrows.
FOLDERS = base mac policy labeling attest audit hv/vmm hv/worker hv/launch
lib_of = $(BUILD)/lib/lib$(notdir $(1)).a
src_of = $(filter-out mac/confine_self.c,$(wildcard $(1)/*.c) $(wildcard $(1)/filters/*.c))
obj_of = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

LIB_BASE = $(call lib_of,base)
LIB_SELF = $(BUILD)/lib/libconfine.a

# programs that touch guest data: base, their own library, and what confines oneself
PROGRAMS_CONFINED = $(filter casemate-vmm casemate-blk casemate-net casemate-rng casemate-console,\
    $(patsubst cmd/%.c,%,$(wildcard cmd/*.c)))
PROGRAMS_HOST = $(filter-out $(PROGRAMS_CONFINED),$(patsubst cmd/%.c,%,$(wildcard cmd/casemate*.c)))
PROGRAMS = $(PROGRAMS_CONFINED) $(PROGRAMS_HOST)

LIBS_casemate-vmm = $(call lib_of,hv/vmm)
LIBS_casemate-blk = $(call lib_of,hv/worker)
LIBS_casemate-net = $(call lib_of,hv/worker)
LIBS_casemate-rng = $(call lib_of,hv/worker)
LIBS_casemate-console = $(call lib_of,hv/worker)
LIBS_casemate = $(foreach f,hv/launch labeling attest policy mac audit,$(call lib_of,$(f)))
EXTERN_casemate := $(shell $(PKG_CONFIG) --libs libseccomp libselinux libcrypto jansson 2>/dev/null)

.PHONY: all
all: $(addprefix $(BUILD)/bin/,$(PROGRAMS))

# verbs of casemate: one file each in cmd/verbs/
VERBS = $(call obj_of,$(wildcard cmd/verbs/*.c))
$(BUILD)/bin/casemate: $(VERBS)

define folder_rules
$(call lib_of,$(1)): $(call obj_of,$(call src_of,$(1)))
	@mkdir -p $$(@D); rm -f $$@
	$$(Q)ar rcsD $$@ $$(filter %.o,$$^)
endef
$(foreach f,$(FOLDERS),$(eval $(call folder_rules,$(f))))

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
	$$(Q)$$(CC) $$(CFLAGS) $$(LDFLAGS_STATIC) -o $$@ $$(filter %.o %.a,$$^) -pthread
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
UNIT_TESTS = $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/*/test_*.c))
UNIT_LIBS = $(foreach f,hv/launch hv/vmm hv/worker labeling policy mac audit attest base,$(call lib_of,$(f)))
UNIT_EXTERN := $(shell $(PKG_CONFIG) --libs cmocka libseccomp libselinux libcrypto jansson 2>/dev/null)
$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(UNIT_LIBS) $(LIB_SELF)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS_DYN) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(UNIT_EXTERN) -pthread

.PHONY: unit
unit: $(UNIT_TESTS) all
	$(Q)tests/run-unit $(UNIT_TESTS)

# ---------------------------------------------------------------- fuzzing (clang's libFuzzer)
FUZZ_TARGETS = $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_FLAGS = -std=gnu17 -O1 -g $(filter-out -Wmissing-prototypes,$(WARN)) -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
FUZZ_SOURCES = $(foreach f,base policy hv/vmm hv/worker mac,$(call src_of,$(f))) mac/confine_self.c
FUZZ_OBJECTS = $(patsubst %.c,$(BUILD)/fuzz/obj/%.o,$(FUZZ_SOURCES))
$(BUILD)/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	$(Q)clang -I. -D_GNU_SOURCE $(subst -fsanitize=fuzzer$(comma),-fsanitize=fuzzer-no-link$(comma),$(FUZZ_FLAGS)) -MMD -MP -c -o $@ $<
$(BUILD)/fuzz/libfuzzed.a: $(FUZZ_OBJECTS)
	@rm -f $@
	$(Q)ar rcsD $@ $^
$(BUILD)/fuzz/%: tests/fuzz/%.c $(BUILD)/fuzz/libfuzzed.a
	$(Q)clang -I. -D_GNU_SOURCE $(FUZZ_FLAGS) -o $@ $< $(BUILD)/fuzz/libfuzzed.a $(shell $(PKG_CONFIG) --libs libseccomp libselinux) -pthread
comma = ,

.PHONY: fuzz
fuzz: $(FUZZ_TARGETS)
	$(Q)FUZZ_SECONDS=$(FUZZ_SECONDS) tests/run-fuzz $(FUZZ_TARGETS)

.PHONY: clean
clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD)/obj $(BUILD)/fuzz/obj -name '*.d' 2>/dev/null)
