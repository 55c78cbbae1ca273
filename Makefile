# mallorn. `make help` lists the targets; `make V=1 ...` shows every command.
#
#   MODE=release|debug|asan|tsan|fuzz|coverage   flags, and the folder build/$(MODE)
#   TUI=0                                        builds the program without ncurses
MODE   ?= release
TUI    ?= 1
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
B      := build/$(MODE)
Q      := $(if $(V),,@)
.DEFAULT_GOAL := all

# --- flags --------------------------------------------------------------------------------
LIB_PKGS  := libzstd
PKGS      := $(LIB_PKGS) jansson yaml-0.1 $(if $(filter 1,$(TUI)),ncursesw)
TEST_PKGS := cmocka libxxhash
PKG       := pkg-config
FREE_CC   ?= clang --target=thumbv7m-none-eabi
MACHINE   := $(shell $(CC) -dumpmachine 2>/dev/null)

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
        -Wmissing-prototypes -Wundef -Wvla -Wformat=2 -Wcast-align -Wwrite-strings
release_flags  := -O2 -g -DNDEBUG -D_FORTIFY_SOURCE=2 -fstack-protector-strong
debug_flags    := -O0 -g3
asan_flags     := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all \
                  -fno-omit-frame-pointer
tsan_flags     := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
fuzz_flags     := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
coverage_flags := -O1 -g -fprofile-instr-generate -fcoverage-mapping
ifneq ($(filter fuzz coverage,$(MODE)),)
CC := clang
endif
CPPFLAGS += -I. -MMD -MP -D_GNU_SOURCE -DMLR_TUI=$(TUI)
# One set of objects serves both libraries: what is visible is decided by libmallorn.map.
CFLAGS   += -std=c11 -ffp-contract=off -fPIC -fno-semantic-interposition -pthread \
            -ffile-prefix-map=$(CURDIR)=. $(WARN) $($(MODE)_flags) $(WERROR)
CFLAGS   += $(shell $(PKG) --cflags $(PKGS) 2>/dev/null)
LDFLAGS  += -pthread
LDLIBS   += $(shell $(PKG) --libs $(PKGS) 2>/dev/null) -lm

# --- what is built from what (dependency order, lowest layer first) -----------------------
free_src := $(wildcard apply/base/*.c apply/*.c)
lib_src  := $(free_src) $(wildcard apply/host/*.c formats/*.c analysis/*.c codec/*.c)
ui_src   := $(wildcard tui/cli/*.c) $(if $(filter 1,$(TUI)),$(filter-out tui/main.c,$(wildcard tui/*.c)))
help_src := $(wildcard tests/support/*.c)
# What programs may include (docs/API.md). The headers that these include are installed too.
api_h    := $(addprefix apply/,version.h apply.h patch_read.h patch_format.h inflate.h kernels.h \
            $(addprefix base/,status.h alloc.h pool.h io.h exec.h tick.h dtype.h) \
            $(addprefix host/,heap.h threads.h file.h patcher.h inflate_zstd.h host_kernels.h err_text.h printable.h)) \
            formats/open.h formats/model.h $(addprefix analysis/,work.h match.h measure.h diff.h) codec/plan.h codec/make.h
tests    := $(patsubst %.c,$(B)/%,$(filter-out $(if $(filter 1,$(TUI)),,tests/tui/%),$(wildcard tests/*/test_*.c)))
sweepers := $(wildcard tests/sweep/*.c)
benches  := $(patsubst %.c,$(B)/%,$(wildcard tests/bench/bench_*.c))
fuzzers  := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
replays  := $(fuzzers:%=$(B)/tests/fuzz/replay_%)
all_c    := $(shell git ls-files --cached --others --exclude-standard '*.[ch]' 2>/dev/null || find . -name '*.[ch]')
obj       = $(patsubst %.c,$(B)/%.o,$(1))

# --- build --------------------------------------------------------------------------------
.PHONY: all
all: $(B)/mallorn $(B)/libmallorn.a $(B)/libmallorn-apply.a $(B)/libmallorn.so.0 ## build the program and the libraries

$(B)/mallorn: $(call obj,tui/main.c) $(B)/libmallorn-ui.a $(B)/libmallorn.a
$(B)/libmallorn.a: $(call obj,$(lib_src))
$(B)/libmallorn-apply.a: $(call obj,$(free_src))
$(B)/libmallorn-ui.a: $(call obj,$(ui_src)) $(if $(filter 1,$(TUI)),$(B)/gen/theme_data.o)
$(B)/libmallorn-test.a: $(call obj,$(help_src))

$(B)/libmallorn.so.0: libmallorn.map $(call obj,$(lib_src)) $(B)/files
	@echo "  LINK  $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,$(@F) -Wl,--version-script=$< $(filter %.o,$^) \
	    $(shell $(PKG) --libs $(LIB_PKGS)) -lm -o $@

# Every theme is compiled in, so a missing file can never break start-up.
$(B)/gen/theme_data.c: $(wildcard themes/*.yaml) tests/support/embed.sh $(B)/files
	$(Q)mkdir -p $(@D) && sh tests/support/embed.sh $(filter %.yaml,$^) > $@
$(B)/gen/%.o: $(B)/gen/%.c $(B)/flags
	@echo "  CC    $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

$(B)/%.a: $(B)/files
	@echo "  AR    $@"
	$(Q)rm -f $@ && $(AR) rcsD $@ $(filter %.o,$^)

$(B)/mallorn $(tests) $(benches) $(replays) $(B)/tests/sweep/sweep:
	@echo "  LINK  $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(filter %.o %.a,$^) $(LDLIBS) -o $@

# Files named for an instruction set are compiled for it; they are called only where it exists.
ifneq ($(filter x86_64%,$(MACHINE)),)
$(B)/%_avx2.o: ISA := -mavx2 -mbmi -mbmi2 -mlzcnt
$(B)/%_shani.o: ISA := -msha -msse4.1 -mssse3
endif
# Loops over elements: worth a vectoriser that is allowed to version them.
ifeq ($(MODE),release)
$(B)/apply/undo.o $(B)/apply/convert.o $(B)/apply/mix_model.o $(B)/apply/quant_mix.o $(B)/apply/dec_%.o \
$(B)/codec/forward.o $(B)/codec/enc_%.o $(B)/analysis/blocks.o: ISA := -O3
$(B)/analysis/blocks_avx2.o: ISA := -O3 -mavx2
endif
ifneq ($(filter aarch64%,$(MACHINE)),)
$(B)/%_armv8.o: ISA := -march=armv8-a+crypto
endif
# Loops that live from vectors, whatever the mode.
$(B)/codec/lowrank_ops.o $(B)/codec/factor_refine.o $(B)/codec/tokens.o: ISA := -O3
$(B)/%.o: %.c $(B)/flags | deps-present
	@echo "  CC    $<"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(ISA) -c $< -o $@

# Rewritten only when their text changes: new flags recompile, a deleted file re-archives.
$(B)/flags: text = $(CC) $(CPPFLAGS) $(CFLAGS)
$(B)/files: text = $(lib_src) $(ui_src) $(help_src) $(wildcard themes/*.yaml)
$(B)/flags $(B)/files: FORCE | deps-present
	@mkdir -p $(@D)
	@echo '$(text)' | cmp -s - $@ || echo '$(text)' > $@

# --- packages -----------------------------------------------------------------------------
# A plain build needs the libraries; tests need cmocka as well. One `make check` asks once.
.PHONY: deps deps-present deps-tests
deps: ## install the Debian packages that are missing
	$(Q)CC="$(firstword $(CC))" sh tests/support/deps.sh install $(PKGS)
deps-present:
	$(Q)CC="$(firstword $(CC))" sh tests/support/deps.sh ensure $(if $(filter check% asan,$(MAKECMDGOALS)),check,build) $(PKGS)
deps-tests: | deps-present
	$(Q)CC="$(firstword $(CC))" sh tests/support/deps.sh ensure check $(PKGS)
$(tests:=.o) $(call obj,$(help_src)): | deps-tests

# --- tests --------------------------------------------------------------------------------
$(tests): LDLIBS += $(shell $(PKG) --libs $(TEST_PKGS) 2>/dev/null)
$(tests): $(B)/%: $(B)/%.o $(call obj,$(help_src)) $(B)/libmallorn-ui.a $(B)/libmallorn.a
$(B)/tests/sweep/sweep: LDLIBS += $(shell $(PKG) --libs $(TEST_PKGS) 2>/dev/null)
$(B)/tests/sweep/sweep: $(call obj,$(sweepers)) $(call obj,$(help_src)) $(B)/libmallorn-ui.a $(B)/libmallorn.a
$(benches): $(B)/%: $(B)/%.o $(B)/libmallorn.a
$(replays): $(B)/tests/fuzz/replay_%: $(B)/tests/fuzz/fuzz_%.o $(B)/tests/fuzz/replay.o $(B)/libmallorn-test.a $(B)/libmallorn-ui.a $(B)/libmallorn.a

.PHONY: check check-unit check-cli check-seeds check-corpus check-free check-foreign asan coverage coverage-table fuzz
check: all check-unit check-cli check-seeds check-sweep check-free lint-layers lint-shape lint-symbols lint-exports ## run every fast test
check-unit: $(tests)
	$(Q)for t in $^; do $$t >$$t.log 2>&1 && echo "  ok    $$t" || { cat $$t.log; exit 1; }; done
check-cli: $(B)/mallorn
	$(Q)for t in tests/cli/*.sh; do [ -f "$$t" ] || continue; \
	    MALLORN=$(abspath $<) sh $$t >$(B)/cli.log 2>&1 && echo "  ok    $$t" || { cat $(B)/cli.log; exit 1; }; done
.PHONY: check-long cover pairs
check-long: $(B)/mallorn cover pairs ## run the tests that take hours: they go on where they were interrupted
	$(Q)for t in tests/long/*.sh; do \
	    MALLORN=$(abspath $<) sh $$t && echo "  ok    $$t" || exit 1; done
pairs: $(B)/tests/codec/test_random_pairs ## round trips of random pairs: MALLORN_PAIRS=10000 per format
	$(Q)MALLORN_PAIRS=$(or $(MALLORN_PAIRS),10000) $<
cover: $(B)/mallorn $(B)/tests/sweep/sweep ## round trips of every pair there is under all options, pairwise
	$(Q)$< make-demo --quiet --if-missing build/demo
	$(Q)for c in C1 C2; do $(sweeps) --class $$c --state $(B)/cover.$$c.state --jobs $(or $(JOBS),2) || exit 1; done
check-seeds: $(replays)
	$(Q)for f in $(fuzzers); do $(B)/tests/fuzz/replay_$$f tests/fuzz/corpus/$$f/* || exit 1; done
# Faults: `make sweep` runs all cases and goes on where it was interrupted; `make check` one in SHARE.
.PHONY: sweep check-sweep
SEED  ?= 1
SHARE ?= 100
sweeps = $(B)/tests/sweep/sweep --programs $(B) --seed $(SEED)
sweep: $(B)/tests/sweep/sweep $(replays) ## every fault case: SEED=1 JOBS=2
	$(Q)$(sweeps) --state $(B)/sweep.state --jobs $(or $(JOBS),2)
check-sweep: $(B)/tests/sweep/sweep $(replays) ## a seeded share of the fault cases: SEED=1 SHARE=100
	$(Q)$(sweeps) --share $(SHARE) --jobs $(or $(JOBS),2) >$(B)/sweep.log 2>&1 && tail -n1 $(B)/sweep.log || { cat $(B)/sweep.log; exit 1; }
check-corpus: $(B)/tests/formats/test_corpus ## open every model of ../shared/corpus and prove its tiling
	$(Q)$<
check-runtimes: all ## load patched models in real runtimes: RUNTIMES=DIR, see docs/TESTING.md
	$(Q)$(B)/mallorn make-demo --if-missing build/demo >/dev/null
	$(Q)sh tests/runtimes/run.sh $(B)/mallorn ../shared/corpus build/demo
check-free: ## prove that apply/ builds for bare metal and calls only mem*()
	$(Q)sh tests/lint/freestanding.sh "$(FREE_CC)" $(B)/free $(free_src)
check-foreign: ## apply the golden patches on simulated processors: big-endian, 32-bit, aarch64
	$(Q)sh tests/foreign/check.sh build/foreign
asan: ## run the tests under the address and undefined-behaviour sanitizers
	$(Q)$(MAKE) MODE=asan check-unit check-cli check-seeds check-sweep
coverage: ## line coverage of the applier and of the library, by the fast tests under clang
	$(Q)rm -rf build/coverage/prof && LLVM_PROFILE_FILE=$(CURDIR)/build/coverage/prof/%m.profraw $(MAKE) MODE=coverage check-unit check-cli check-seeds check-sweep
	$(Q)$(MAKE) MODE=coverage coverage-table
coverage-table:
	$(Q)sh tests/support/coverage.sh $(B) $(tests) $(replays) $(B)/tests/sweep/sweep
FUZZ_ENGINE ?= -fsanitize=fuzzer,address,undefined
fuzz: ## fuzz targets: make fuzz T="gguf onnx" SECS=60 JOBS=2; without T all of them
	$(Q)$(MAKE) MODE=fuzz $(patsubst %,build/fuzz/fuzz_%,$(or $(T),$(fuzzers)))
	$(Q)sh tests/fuzz/all.sh build/fuzz $(or $(SECS),60) $(or $(JOBS),1) $(or $(T),$(fuzzers))
build/fuzz/fuzz_%: build/fuzz/tests/fuzz/fuzz_%.o build/fuzz/libmallorn-test.a build/fuzz/libmallorn-ui.a build/fuzz/libmallorn.a
	@echo "  LINK  $@"
	$(Q)$(CC) $(CFLAGS) $(FUZZ_ENGINE) $^ $(LDLIBS) -o $@
# Measurements; docs/MEASURED.md tells what they printed and where.
.PHONY: bench bench-kernels bench-pairs bench-scaling check-runtimes
bench: bench-kernels bench-pairs bench-scaling ## measure everything; tables and a plot in build/bench
bench-kernels: $(benches) ## speeds of the parts; one tab-separated line per result
	$(Q)for b in $(benches); do $$b || exit 1; done
bench-pairs: $(B)/tests/bench/rusage all ## beside other tools: make bench-pairs PEERS=DIR RUNS=3
	$(Q)$(B)/mallorn make-demo --if-missing build/demo >/dev/null
	$(Q)python3 tests/bench/compare.py $(B)/mallorn $(B)/tests/bench/rusage --demo build/demo --corpus ../shared/corpus \
	    --unpacked "$(UNPACKED)" --peers "$(PEERS)" --runs $(or $(RUNS),3) --only "$(ONLY)"
bench-scaling: $(B)/tests/bench/rusage all ## growth with bytes, tensors and threads: MOST=BYTES ends the first
	$(Q)python3 tests/bench/scaling.py $(B)/mallorn $(B)/tests/bench/rusage --most $(or $(MOST),4294967296)
$(B)/tests/bench/rusage: $(B)/tests/bench/rusage.o
	$(Q)$(CC) $(LDFLAGS) $< -o $@

# --- quality ------------------------------------------------------------------------------
.PHONY: lint lint-layers lint-shape lint-symbols lint-exports lint-headers lint-style format
lint: lint-layers lint-shape lint-symbols lint-exports lint-headers lint-style ## static checks; changes nothing
lint-layers lint-shape: lint-%:
	$(Q)sh tests/lint/$*.sh && echo "  ok    $@"
lint-symbols: $(B)/libmallorn.a
	$(Q)sh tests/lint/symbols.sh $< && echo "  ok    $@"
lint-exports: $(B)/libmallorn.so.0 $(B)/libmallorn.a
	$(Q)sh tests/lint/exports.sh $< libmallorn.map $(B)/libmallorn.a $(CC) $(api_h) && echo "  ok    $@"
lint-headers:
	$(Q)sh tests/lint/headers.sh "gcc clang" $(filter %.h,$(all_c)) && echo "  ok    $@"
lint-style:
	$(Q)clang-format --dry-run -Werror $(all_c) && echo "  ok    $@"
	$(Q)cppcheck --quiet --error-exitcode=1 --std=c11 -I. -D_GNU_SOURCE --inline-suppr \
	    --enable=warning,portability --suppress=missingIncludeSystem $(lib_src) && echo "  ok    cppcheck"
format: ## rewrite every C file in the project style
	$(Q)clang-format -i $(all_c)

# --- demo, documents, installation --------------------------------------------------------
.PHONY: demo screenshots docs stage install uninstall clean help FORCE
demo: all ## make a model pair and open the program on it
	$(Q)$(B)/mallorn make-demo --if-missing build/demo
	$(Q)$(B)/mallorn build/demo/base.bf16.safetensors build/demo/tuned.bf16.safetensors
screenshots: all ## draw every screen into screenshots/, from a real pair of models
	$(Q)$(B)/mallorn make-demo --if-missing build/demo >/dev/null
	$(Q)sh screenshots/make.sh $(B)/mallorn build/demo
docs: $(B)/share/done $(patsubst docs/man/%,$(B)/docs/%.txt,$(wildcard docs/man/*.[15])) ## make, check and render the manual pages
	$(Q)mkdir -p $(B)/docs && for m in $(B)/share/man/man1/*.1; do \
	    groff -ww -mdoc -Tutf8 $$m > $(B)/docs/$${m##*/}.txt || exit 1; done
$(B)/docs/%.txt: docs/man/%
	$(Q)mkdir -p $(@D) && groff -ww -mdoc -Tutf8 $< > $@

# Manual pages and completions come from the program's own option tables.
man1        := $(B)/share/man/man1
completions := bash-completion/completions/mallorn zsh/site-functions/_mallorn fish/vendor_completions.d/mallorn.fish
$(B)/share/done: $(B)/mallorn
	$(Q)rm -rf $(@D) && mkdir -p $(man1) $(dir $(completions:%=$(@D)/%))
	$(Q)$< help --man > $(man1)/mallorn.1
	$(Q)for c in $$($< help --names); do $< help --man $$c > $(man1)/mallorn-$$c.1 || exit 1; done
	$(Q)for f in $(completions); do $< help --completion $${f%%[-/]*} > $(@D)/$$f || exit 1; done
	$(Q)touch $@

# The tree as it will lie, below stage/: install copies its files, uninstall removes the same.
stage   := $(B)/stage
api_all  = $(sort $(api_h) $(filter %.h %.def,$(shell $(CC) -I. -MM $(api_h))))
version  = $(shell sed -n 's/^.define MLR_VERSION "\(.*\)"/\1/p' apply/version.h)
stage: all $(B)/share/done
	$(Q)rm -rf $(stage)
	$(Q)install -d $(addprefix $(stage)$(PREFIX)/,bin include/mallorn share/mallorn/themes share/man/man5) $(stage)$(LIBDIR)/pkgconfig
	$(Q)cp $(B)/mallorn $(stage)$(PREFIX)/bin
	$(Q)cp $(B)/libmallorn.a $(B)/libmallorn-apply.a $(stage)$(LIBDIR)
	$(Q)install -m644 $(B)/libmallorn.so.0 $(stage)$(LIBDIR) && ln -s libmallorn.so.0 $(stage)$(LIBDIR)/libmallorn.so
	$(Q)for f in mallorn mallorn-apply; do sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(version)|' \
	    docs/pkg-config/$$f.pc.in > $(stage)$(LIBDIR)/pkgconfig/$$f.pc || exit 1; done
	$(Q)cp --parents $(api_all) $(stage)$(PREFIX)/include/mallorn
	$(Q)cp themes/*.yaml $(stage)$(PREFIX)/share/mallorn/themes
	$(Q)cp -r $(addprefix $(B)/share/,man bash-completion zsh fish) $(stage)$(PREFIX)/share
	$(Q)for m in $(wildcard docs/man/*.[15]); do cp $$m $(stage)$(PREFIX)/share/man/man$${m##*.} || exit 1; done
install: stage ## copy to $(DESTDIR)$(PREFIX)
	$(Q)sh tests/support/install.sh copy $(stage) "$(abspath $(DESTDIR))"
uninstall: stage ## remove what install copied
	$(Q)sh tests/support/install.sh remove $(stage) "$(abspath $(DESTDIR))"
clean: ## remove build/
	rm -rf build
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t16

-include $(shell find $(B) -type f -name '*.d' 2>/dev/null)
