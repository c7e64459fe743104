# miniprog: GNU make. `make help` lists the targets.
VERSION  := 0.1.0
VARIANT  ?= debug
BUILD    ?= build/$(VARIANT)
ifeq ($(origin CC),default)
CC       := gcc
endif
PREFIX   ?= /usr/local
DESTDIR  ?=
JOBS     ?= $(shell nproc)
FUZZ_SECONDS ?= 10

WARN     := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
            -Wswitch-enum -Wvla -Wformat=2 -Wundef
OPT_debug   := -O1 -g -DMINIPROG_KILLPOINTS
OPT_release := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -DNDEBUG
SANITIZE    := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT_asan    := -O1 -g $(SANITIZE) -DMINIPROG_KILLPOINTS
OPT_fuzz    := -O1 -g $(SANITIZE) -fsanitize=fuzzer-no-link
OPT      := $(OPT_$(VARIANT))
CPPFLAGS += -I. -D_GNU_SOURCE -DMINIPROG_VERSION='"$(VERSION)"' \
            -DMINIPROG_LIBEXECDIR='"$(PREFIX)/libexec/miniprog"' -MMD -MP
CFLAGS   += -std=gnu17 $(OPT) $(WARN) -fvisibility=hidden -fPIC -pthread
LDFLAGS  += $(OPT) -pthread -Wl,-z,relro,-z,now -Wl,--as-needed
WERROR   := $(if $(CI),-Werror)
TESTWARN := -Wno-conversion -Wno-sign-conversion -Wno-missing-prototypes
COMPILE   = $(CC) $(CPPFLAGS) $(CFLAGS) $(WERROR)
SOURCES  := supervisor units cgroups tests

sources   = $(sort $(wildcard $(1)/*.c))
objects   = $(patsubst %.c,$(BUILD)/%.o,$(call sources,$(1)))
# Another variant's folder; a BUILD from the command line gets it as a suffix.
variant   = VARIANT=$(1) BUILD=$(if $(filter command% environment%,$(origin BUILD)),$(BUILD)-$(1),build/$(1))
parallel  = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS)) --no-print-directory

# One archive a layer (all of the folder but main.c), so that each program and test links just
# the layers it may use. NEEDS_x: what x stands on, itself first; EXT_x: the system's libraries.
JS_PACKAGES := javascriptcoregtk-4.1 sqlite3# the layer js is there where these are
JS       := $(shell pkg-config --exists $(JS_PACKAGES) 2>/dev/null && echo js || echo 'without miniprog-js' >&2)
CPPFLAGS += $(if $(JS),$(patsubst -I%,-isystem %,$(shell pkg-config --cflags-only-I $(JS_PACKAGES))))
LAYERS   := base cgroups units wire sdk worker daemon ctl stress $(JS)
DIR_base    := supervisor/base
DIR_cgroups := cgroups
DIR_units   := units
DIR_wire    := supervisor/wire
DIR_sdk     := supervisor/sdk
DIR_worker  := supervisor/worker
DIR_daemon  := supervisor/daemon
DIR_ctl     := supervisor/ctl
DIR_stress  := tests/stress
DIR_js      := supervisor/js
NEEDS_base    := base
NEEDS_cgroups := cgroups base
NEEDS_units   := units base
NEEDS_wire    := wire base
NEEDS_sdk     := sdk wire base
NEEDS_worker  := worker units base
NEEDS_daemon  := daemon cgroups units wire base
NEEDS_ctl     := ctl sdk wire base
NEEDS_js      := js miniprog base
NEEDS_stress  := stress cgroups wire base
NEEDS_tests   := daemon worker cgroups units sdk wire base
EXT_base    := -lcjson
EXT_cgroups := $(EXT_base) -lcgroup
EXT_worker  := $(EXT_base) -lsodium -lnettle -lzip -lcurl -lseccomp -lunistring
EXT_daemon  := $(EXT_base) -lcgroup -lsystemd -linih
EXT_js      := $(EXT_base) -lm $(if $(JS),$(shell pkg-config --libs $(JS_PACKAGES)))
EXT_stress  := $(EXT_cgroups)
$(foreach l,units wire sdk ctl,$(eval EXT_$(l) := $(EXT_base)))
EXT_tests   := $(EXT_daemon) $(filter-out $(EXT_base),$(EXT_worker)) -lcmocka
archives  = $(patsubst %,$(BUILD)/lib%.a,$(NEEDS_$(1)))
PROGRAM_miniprogd       := daemon
PROGRAM_miniprogctl     := ctl
PROGRAM_miniprog-worker := worker
PROGRAM_miniprog-stress := stress
PROGRAM_miniprog-js     := js
NAMES    := miniprogd miniprogctl miniprog-worker miniprog-stress $(if $(JS),miniprog-js)
PROGRAMS := $(foreach p,$(NAMES),$(if $(wildcard $(DIR_$(PROGRAM_$(p)))/main.c),$(BUILD)/$(p))) \
            $(BUILD)/miniprog-stress-app $(BUILD)/miniprog-fetch
SDK      := $(if $(call sources,$(DIR_sdk)),$(BUILD)/libminiprog.a $(BUILD)/libminiprog.so)
EXAMPLES := $(patsubst units/examples/%/manifest.json,$(BUILD)/examples/%.made,\
              $(wildcard units/examples/*/manifest.json))
UNIT     := $(foreach l,$(LAYERS),$(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/$(l)/test_*.c)))
IT       := $(patsubst %.c,$(BUILD)/%,$(wildcard $(patsubst %,tests/integration/%.c,$(or $(TESTS),it_cuts it_[!c]* it_c[!u]*)))) # the longest first
IT_APPS  := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/integration/app_*.c))
FUZZERS  := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))

all: $(PROGRAMS) $(SDK) $(EXAMPLES) ## the programs, the library, the examples
# Rewritten only when the flags change: then all objects are stale.
$(BUILD)/flags: force
	@mkdir -p $(@D)
	@echo '$(CC) $(CPPFLAGS) $(CFLAGS)' | cmp -s - $@ || echo '$(CC) $(CPPFLAGS) $(CFLAGS)' >$@

$(BUILD)/%.o: %.c $(BUILD)/flags
	@echo '  CC $@'; mkdir -p $(@D)
	$(COMPILE) -c $< -o $@
$(BUILD)/tests/%.o: private CFLAGS += $(TESTWARN) -Isupervisor/sdk
$(BUILD)/supervisor/wire/interfaces.o: $(wildcard supervisor/wire/*.varlink)
$(BUILD)/tests/stress/page.o: tests/stress/page.css

define layer_rules
$(BUILD)/lib$(1).a: $(filter-out %/main.o,$(call objects,$(DIR_$(1))))
	@rm -f $$@
	$(AR) rcs $$@ $$^
# "/* wrap: fsync renameat */" in a test has the linker wrap these.
$(BUILD)/tests/unit/$(1)/%: tests/unit/$(1)/%.c $(call archives,$(1)) $(BUILD)/flags
	@echo '  CC $$@'; mkdir -p $$(@D)
	$$(COMPILE) $$(TESTWARN) $$< $(call archives,$(1)) $$(LDFLAGS) $$(WRAP_$$*) \
	    $$$$(sed -n 's,^/\* wrap: \(.*\) \*/$$$$,\1,p' $$< | sed 's/[^ ][^ ]*/-Wl,--wrap=&/g') \
	    -lcmocka $(EXT_$(1)) -o $$@
endef
$(foreach l,$(LAYERS),$(eval $(call layer_rules,$(l))))

define program_rule
$(BUILD)/$(1): $(BUILD)/$(DIR_$(2))/main.o $(call archives,$(2))
	$$(CC) $$^ $$(LDFLAGS) $(EXT_$(2)) -o $$@
endef
$(foreach p,$(NAMES),$(eval $(call program_rule,$(p),$(PROGRAM_$(p)))))

$(BUILD)/miniprog-fetch: $(BUILD)/supervisor/worker/net/main.o $(call archives,worker)
	$(CC) $^ $(LDFLAGS) $(EXT_worker) -o $@

# The library: the SDK with what it needs of the layers below, their names made local, so that
# nobody who links it meets anything but miniprog_*.
$(BUILD)/miniprog.o: $(call objects,$(DIR_sdk)) $(call archives,wire)
	$(LD) -r $^ -o $@
	objcopy --localize-hidden $@
$(BUILD)/libminiprog.a: $(BUILD)/miniprog.o
	@rm -f $@
	$(AR) rcs $@ $^
$(BUILD)/libminiprog.so.0: $(BUILD)/miniprog.o supervisor/sdk/libminiprog.sym
	$(CC) -shared $< $(LDFLAGS) -Wl,--version-script=supervisor/sdk/libminiprog.sym \
	    -Wl,-soname,libminiprog.so.0 $(EXT_sdk) -o $@
$(BUILD)/libminiprog.so: $(BUILD)/libminiprog.so.0
	ln -sf libminiprog.so.0 $@

# units/examples/<name>/ becomes an installable folder; src/*.c becomes bin/<name> in it.
define example_rule
$(BUILD)/examples/$(1).made: $(shell find units/examples/$(1) -type f) $(if $(wildcard units/examples/$(1)/src/*.c),$(BUILD)/libminiprog.a)
	@rm -rf $$(@:.made=) && mkdir -p $$(@D) && cp -R units/examples/$(1) $$(@:.made=)
	@rm -rf $$(@:.made=)/src
	$(if $(wildcard units/examples/$(1)/src/*.c),@mkdir -p $$(@:.made=)/bin
	$$(filter-out -MMD -MP,$$(COMPILE)) -Isupervisor/sdk units/examples/$(1)/src/*.c $(BUILD)/libminiprog.a $$(LDFLAGS) \
	    $(EXT_sdk) -o $$(@:.made=)/bin/$(1))
	@touch $$@
endef
$(foreach e,$(patsubst $(BUILD)/examples/%.made,%,$(EXAMPLES)),$(eval $(call example_rule,$(e))))

$(BUILD)/libtests.a: $(call objects,tests/lib)
	@rm -f $@
	$(AR) rcs $@ $^
$(BUILD)/tests/integration/it_%: $(BUILD)/tests/integration/it_%.o $(BUILD)/libtests.a $(call archives,tests)
	$(CC) $^ $(LDFLAGS) $(EXT_tests) -o $@
$(BUILD)/tests/integration/app_%: $(BUILD)/tests/integration/app_%.o $(call archives,sdk)
	$(CC) $^ $(LDFLAGS) $(EXT_sdk) -o $@
$(BUILD)/miniprog-stress-app: $(call objects,tests/stress/app) $(call archives,sdk)
	$(CC) $^ $(LDFLAGS) $(EXT_sdk) -o $@
$(BUILD)/tests/integration/app_clock: private LDFLAGS += -shared
$(BUILD)/tests/integration/app_bare_js: private EXT_sdk += $(filter-out $(EXT_base),$(EXT_js))
$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(call archives,tests)
	$(CC) $^ $(LDFLAGS) -fsanitize=fuzzer $(EXT_tests) -o $@
$(BUILD)/tests/bench/bench: $(call objects,tests/bench) $(BUILD)/libtests.a $(call archives,tests)
	$(CC) $^ $(LDFLAGS) $(EXT_tests) -o $@

# What a program of this tree needs to know to run from it.
IN_TREE  = MINIPROG_BUILD=$(abspath $(BUILD)) MINIPROG_LIBEXEC=$(abspath $(BUILD)) \
           MINIPROG_SOURCE=$(CURDIR) ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
RUN      = $(IN_TREE) sh tests/run.sh $(BUILD)/tests/logs

deps: ## installs what is missing to build, test, lint and demo (Debian's apt-get)
	@sh .ci/deps build tests lint demo
check: ## unit and integration tests, with totals; installs what it needs
	@sh .ci/deps build tests
	@$(MAKE) $(parallel) check-all
check-all: all $(UNIT) $(IT) $(IT_APPS)
	@$(RUN) $(IT) $(UNIT)
check-unit: $(UNIT) ## tests of single files, any user
	@$(RUN) $(UNIT)
check-integration: all $(IT) $(IT_APPS) ## the real daemon; TESTS=it_foo for one
	@$(RUN) $(IT)
asan: ## check under AddressSanitizer, LeakSanitizer and UBSan
	@$(MAKE) $(parallel) $(call variant,asan) check-all
fuzz: ## every decoder, FUZZ_SECONDS each
	@$(MAKE) $(parallel) $(call variant,fuzz) CC=clang fuzz-all
fuzz-all: $(FUZZERS)
	@sh tests/fuzz/run.sh $(BUILD) $(FUZZ_SECONDS) $(FUZZERS)
soak: ## thousands of kills and power cuts at random; MINIPROG_SOAK=N, MINIPROG_SEED
	@sh .ci/deps build tests soak
	@MINIPROG_SOAK=$${MINIPROG_SOAK:-3000} TEST_TIMEOUT=86400 $(MAKE) $(parallel) check-integration TESTS=it_cuts
check-vm: ## whole machines; SUITES="bookworm trixie", CASES, TESTS choose
	@sh .ci/deps build tests vm
	@$(MAKE) $(parallel) all $(IT) $(IT_APPS)
	@$(IN_TREE) sh tests/vm/all.sh $(BUILD) $(VERSION) $(CASES)
mutants: ## plants slips one at a time; each must turn a test red
	@sh tests/lint/mutants.sh build/mutants
bench: ## what the design promises, beside its floor
	@$(MAKE) $(parallel) $(call variant,release) bench-all
bench-all: all $(IT_APPS) $(BUILD)/tests/bench/bench
	@$(IN_TREE) $(BUILD)/tests/bench/bench
bench-peers: ## the same with runit, s6 and supervisord beside it
	@sh .ci/deps build tests peers
	@$(MAKE) $(parallel) $(call variant,release) bench-peers-all
bench-peers-all: all $(IT_APPS) $(BUILD)/tests/bench/bench
	@$(IN_TREE) sh tests/bench/peers.sh $(BUILD)
demo run: ## demo: a mini-program's life as a story; run: the supervisor to play with
	@sh .ci/deps build demo
	@$(MAKE) $(parallel) $(call variant,release) $@-all
demo-all run-all: all
	@$(IN_TREE) sh tests/demo/$(@:-all=).sh $(BUILD)

lint: format-check layers sizes headers cppcheck symbols man ## all static checks
format: ## clang-format on all sources
	@clang-format -i $(shell find $(SOURCES) -name '*.[ch]')
format-check:
	@clang-format --dry-run -Werror $(shell find $(SOURCES) -name '*.[ch]')
layers: ## who may include whom
	@sh tests/lint/layers.sh
sizes:
	@sh tests/lint/sizes.sh $(SOURCES)
headers:
	@CC=$(CC) sh tests/lint/headers.sh
cppcheck:
	@cppcheck --quiet --enable=warning,performance,portability --error-exitcode=1 --inline-suppr \
	    --suppressions-list=tests/lint/cppcheck.txt --std=c11 -I. -D_GNU_SOURCE -j$(JOBS) $(SOURCES)
man: $(PROGRAMS)
	@sh tests/lint/man.sh $(BUILD)
symbols: $(SDK)
	@sh tests/lint/symbols.sh $(BUILD)

install: ## release build into DESTDIR and PREFIX
	@$(MAKE) $(parallel) $(call variant,release) install-all
INSTALL = PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) BUILD=$(BUILD) VERSION=$(VERSION) sh units/system/install.sh
install-all: all
	@$(INSTALL) install
deb: ## a Debian package for the release that this is, in build/deb
	@sh .ci/deps build deb
	@sh units/system/deb.sh $(VERSION) build/deb
uninstall: ## what install put there
	@$(INSTALL) uninstall
clean: ## removes build/
	rm -rf build
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+.*:.*## / { printf "  %-18s %s\n", $$1, $$2 }' Makefile

.PHONY: all deps check check-all check-unit check-integration asan fuzz fuzz-all mutants soak bench \
    bench-all bench-peers bench-peers-all demo demo-all run run-all lint format format-check layers \
    sizes headers cppcheck symbols man check-vm deb install install-all uninstall clean help force
.SECONDARY:
$(if $(V),,$(eval .SILENT:)) # make V=1 shows the commands
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
