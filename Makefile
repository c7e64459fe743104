# miniprog: GNU make. `make help` lists the targets.
VERSION  := 0.1.0
VARIANT  ?= debug
BUILD    ?= build/$(VARIANT)
CC       ?= gcc
PREFIX   ?= /usr/local
PKG      := libsystemd libcjson libcgroup

WARN     := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
            -Wswitch-enum -Wvla -Wformat=2 -Wundef $(if $(CI),-Werror)
OPT_debug   := -O1 -g
OPT_release := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -DNDEBUG
OPT_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT      := $(OPT_$(VARIANT))
CPPFLAGS += -I. -D_GNU_SOURCE -DMINIPROG_VERSION='"$(VERSION)"' -MMD -MP
CFLAGS   += -std=gnu17 $(OPT) $(WARN) -fvisibility=hidden -fPIC -pthread
LDFLAGS  += $(OPT) -pthread -Wl,-z,relro,-z,now
TESTWARN := -Wno-conversion -Wno-sign-conversion -Wno-missing-prototypes

sources   = $(sort $(wildcard $(1)/*.c))
objects   = $(patsubst %.c,$(BUILD)/%.o,$(call sources,$(1)))

# One archive a folder, so that each program and test links just the layers it may use.
LAYERS   := base cgroups units wire sdk daemon
DIR_base := supervisor/base
DIR_cgroups := cgroups
DIR_units := units
DIR_wire := supervisor/wire
DIR_sdk  := supervisor/sdk
DIR_daemon := supervisor/daemon
A        = $(patsubst %,$(BUILD)/lib%.a,$(1))
NEEDS_base := base
NEEDS_cgroups := cgroups base
NEEDS_units := units base
NEEDS_wire := wire base
NEEDS_sdk := sdk wire base
NEEDS_daemon := daemon cgroups units wire base
EXT_base := -lcjson
EXT_cgroups := $(EXT_base) -lcgroup
EXT_units := $(EXT_base)
EXT_wire := $(EXT_base)
EXT_sdk := $(EXT_base)
EXT_daemon := $(EXT_base) -lcgroup -lsystemd -linih

all: $(BUILD)/miniprogd $(BUILD)/miniprogctl $(BUILD)/miniprog-worker $(BUILD)/libminiprog.a

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

define layer
$(BUILD)/lib$(1).a: $(filter-out %/main.o,$(call objects,$(DIR_$(1))))
	@rm -f $$@
	$(AR) rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call layer,$(l))))
EMBEDS := $(wildcard supervisor/wire/*.varlink)
$(BUILD)/supervisor/wire/interfaces.o: $(EMBEDS)

# tests/unit/<layer>/test_*.c links that layer and what it stands on; WRAP_<test> adds --wrap options.
define unit_rule
$(BUILD)/tests/unit/$(1)/%: tests/unit/$(1)/%.c $(call A,$(NEEDS_$(1)))
	@mkdir -p $$(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(TESTWARN) $$< $(call A,$(NEEDS_$(1))) $(LDFLAGS) $$(WRAP_$$*) -lcmocka $(EXT_$(1)) -o $$@
endef
$(foreach l,$(LAYERS),$(eval $(call unit_rule,$(l))))
UNIT := $(foreach l,$(LAYERS),$(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/$(l)/test_*.c)))

check-unit: $(UNIT)
	@set -e; for t in $(UNIT); do $$t; done
layers:
	@sh tests/lint/layers.sh
clean:
	rm -rf build
.PHONY: all check-unit layers clean
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
