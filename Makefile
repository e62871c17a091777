# Everything that a person or a CI machine does with this repository; `make` alone lists it.

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
UNITDIR ?= $(PREFIX)/lib/systemd/system
DESTDIR ?=

BINDIR = $(PREFIX)/bin
SYSUSERSDIR = $(PREFIX)/lib/sysusers.d
MANDIR = $(PREFIX)/share/man
COMPLETIONS = $(PREFIX)/share
ZSHDIR ?= $(PREFIX)/share/zsh/vendor-completions
DOCDIR = $(PREFIX)/share/doc/namebridge
DEMODIR = $(PREFIX)/share/namebridge/demo

# libraries to build with
BUILD_PACKAGES = libldns-dev libyaml-dev pkg-config
# tools that `run` prints commands for
RUN_PACKAGES = bind9-dnsutils
# peers that the forwarder is measured against, what makes the load, and what changes a kernel's network
BENCH_PACKAGES = python3 dnsperf dnsdist unbound dnsmasq-base nftables iptables iproute2
# a browser for the status page
PAGE_PACKAGES = python3 chromium python3-venv iproute2
# servers to break, and what breaks and asks them
FAULTS_PACKAGES = python3 knot nsd bind9-dnsutils nftables iproute2
# what makes a package
DEB_PACKAGES = debhelper dpkg-dev
RPM_PACKAGES = rpm
IMAGE_PACKAGES = python3 ca-certificates
# what looks at the RPM, the archive and the image from outside
TRY_PACKAGES = rpm skopeo busybox-static bind9-dnsutils python3-venv
# what watches the forwarder, and the network that it watches
DASHBOARD_PACKAGES = python3 prometheus nftables iptables iproute2 conntrack
# what relays announce themselves with, and the network that they are in
FAILOVER_PACKAGES = python3 bird2 frr keepalived dnsmasq-base nftables conntrack iptables iproute2 util-linux
# forwarders to compare with
DIFFERENTIAL_PACKAGES = python3 unbound bind9 pdns-recursor knot-resolver dnsmasq-base dnsdist
# what runs the fuzzers
FUZZ_PACKAGES = python3
# real name servers, clients and network tools that the tests work with
TEST_PACKAGES = knot knot-dnsutils nsd bind9 bind9-dnsutils unbound dnsmasq-base dnsperf \
	nftables conntrack bird2 frr keepalived iptables iproute2 iputils-ping tcpdump ethtool socat openssl mandoc
# for further tests, which are skipped where these can't be had; kubectl may come from elsewhere
FURTHER_TEST_PACKAGES = knot-resolver pdns-recursor $(if $(shell command -v kubectl),,kubernetes-client)

SETUP = Sources/Support/Setup
STATIC = .build-static
TSAN = .build-tsan
DEB = .build-deb
RPM = .build-rpm
TARBALL = .build-tarball
IMAGE = .build-image
# the program that `install-files` installs
BINARY ?= $(STATIC)/release/namebridge
# the same with all libraries inside
PORTABLE = .build-portable/namebridge
DOCS = .build-docs

.DEFAULT_GOAL := help
.PHONY: help build run lint docs test check-dashboard check-page bench differential faults fuzz tsan abuse soak install install-files deb rpm tarball image try-deb try-packages try-roles check-chart try-chart clean static portable
.PHONY: check-swift build-packages run-packages test-packages bench-packages faults-packages fuzz-packages dashboard-packages page-packages deb-packages try-deb-packages
.PHONY: differential-packages failover-packages bench-failover bench-follow bench-endpoints follow-faults bench-names bench-reload explain-proof map-proof

help:
	@echo 'make build    the release binary, .build/release/namebridge'
	@echo 'make run      build, then a forwarder and two demo clusters on loopback, with dig lines to try'
	@echo 'make test     every test, real name servers included'
	@echo 'make lint     the form of all Swift files; make docs: the documentation of modules, in $(DOCS)'
	@echo 'make check-dashboard  every query of the Grafana dashboard and every alert, by a Prometheus; needs root'
	@echo 'make check-page  the status page with Chromium: search by keyboard, axe, clicks, refresh, as wide as a telephone'
	@echo 'make bench    CPU per query beside a minimal relay in C and other forwarders, and how long plans of'
	@echo '              1,000 hosts take (BENCH=--network: that alone); BENCH=--help for options'
	@echo 'make bench-names  how long who-has and a walk of service ranges take, and what clients notice of the walk'
	@echo 'make bench-failover  what clients notice when relays die, by agent, BIRD, FRR, keepalived and DNS; needs root'
	@echo 'make bench-reload  CPU time of a reload by the number of suffixes'
	@echo 'make differential  answer sequences played to ours and to six other forwarders; DIFFERENTIAL=--help'
	@echo 'make faults   what clients notice when name servers die, under load; FAULTS=--help for options; needs root'
	@echo 'make explain-proof  what "explain" says of random networks, and of those of the documentation, against packets;'
	@echo '              CASES=10000 SEED=1; needs root'
	@echo 'make map-proof  maps: every address of five equal clusters, and every step of changes killed; takes an hour; needs root'
	@echo 'make fuzz     every parser fed with broken input under the address sanitizer; FUZZ=--help for options'
	@echo 'make tsan     the tests of everything that has threads, under the thread sanitizer'
	@echo 'make abuse    what an honest client notices of floods, forged errors and idle connections; ABUSE=--help; needs root'
	@echo 'make soak     ten minutes of everything at once, with deaths and flushes; SOAK=--help; needs root'
	@echo 'make install  binary, unit, man pages, sample configuration (PREFIX, DESTDIR, SYSCONFDIR, UNITDIR)'
	@echo 'make deb      a Debian package, in $(DEB)'
	@echo 'make try-deb  install, use, upgrade, remove and purge it in a Debian of its own under systemd; needs root'
	@echo 'make rpm      an RPM, in $(RPM); make tarball: an archive with an install script, in $(TARBALL)'
	@echo 'make try-roles  what the three tutorials say, typed in namespaces of its own; needs root, kubectl, nftables and dig'
	@echo 'make image    a container image in the OCI layout, in $(IMAGE), without a container engine'
	@echo 'make try-packages  install and use the RPM, the archive and the image in roots of their own; needs root'
	@echo 'make check-chart  the Helm chart against Helm and the schemas of Kubernetes (CHART=--record: the manifest anew)'
	@echo 'make try-chart  what the chart gives, run as a node would, with roles, probes and follow; needs root'
	@echo 'make clean    remove what was built'
	@echo 'run, test, bench and faults install the Debian packages that they miss, with sudo where needed.'

check-swift:
	@sh $(SETUP)/check-swift.sh

build-packages:
	@sh $(SETUP)/install-packages.sh $(BUILD_PACKAGES)

run-packages:
	@sh $(SETUP)/install-packages.sh $(BUILD_PACKAGES) $(RUN_PACKAGES)

test-packages:
	@sh $(SETUP)/install-packages.sh $(BUILD_PACKAGES) $(TEST_PACKAGES)
	@sh $(SETUP)/install-packages.sh $(FURTHER_TEST_PACKAGES) || echo 'Tests that need them are skipped.' >&2

bench-packages:
	@sh $(SETUP)/install-packages.sh $(BUILD_PACKAGES) $(BENCH_PACKAGES)

deb-packages:
	@sh $(SETUP)/install-packages.sh $(BUILD_PACKAGES) $(DEB_PACKAGES)

rpm-packages:
	@sh $(SETUP)/install-packages.sh $(BUILD_PACKAGES) $(RPM_PACKAGES)

image-packages:
	@sh $(SETUP)/install-packages.sh $(BUILD_PACKAGES) $(IMAGE_PACKAGES)

try-packages-packages:
	@sh $(SETUP)/install-packages.sh $(TRY_PACKAGES)

try-deb-packages:
	@sh $(SETUP)/install-packages.sh debootstrap systemd-container

page-packages:
	@sh $(SETUP)/install-packages.sh $(BUILD_PACKAGES) $(PAGE_PACKAGES)

faults-packages:
	@sh $(SETUP)/install-packages.sh $(BUILD_PACKAGES) $(FAULTS_PACKAGES)

fuzz-packages:
	@sh $(SETUP)/install-packages.sh $(BUILD_PACKAGES) $(FUZZ_PACKAGES)

differential-packages:
	@sh $(SETUP)/install-packages.sh $(BUILD_PACKAGES) $(DIFFERENTIAL_PACKAGES)

failover-packages:
	@sh $(SETUP)/install-packages.sh $(BUILD_PACKAGES) $(FAILOVER_PACKAGES)

dashboard-packages:
	@sh $(SETUP)/install-packages.sh $(BUILD_PACKAGES) $(DASHBOARD_PACKAGES)

build: check-swift build-packages
	swift build -c release --product namebridge

run: check-swift run-packages build
	exec .build/release/namebridge serve --demo

# The form of all Swift files, by .swift-format; Tests has its own with longer lines.
lint: check-swift
	swift format lint --strict --parallel --recursive Package.swift Sources Tests

# Essays and declarations of the modules that have an essay, as static pages.
docs: check-swift build-packages
	swift build
	sh $(SETUP)/make-docs.sh $(DOCS)

test: check-swift test-packages
	swift test --disable-xctest

check-dashboard: check-swift dashboard-packages build
	python3 Sources/Support/Metrics/check-dashboard.py .build/release/namebridge

# Needs root and Chromium: make check-page PAGE='--pictures FOLDER'; with SCREENSHOTS=--record those of the guides are made anew.
# The second part has Playwright, axe and Pillow from PyPI.
check-page: check-swift page-packages build
	python3 Sources/Support/StatusPage/check-page.py $(PAGE)
	[ -e .build-page/done ] || { python3 -m venv .build-page && \
		.build-page/bin/pip --quiet install playwright axe-playwright-python pillow && touch .build-page/done; }
	.build-page/bin/python Sources/Support/StatusPage/use-page.py .build/release/namebridge $(SCREENSHOTS)

bench: check-swift bench-packages build
	swift build -c release --product baseline
	python3 Sources/Support/Bench/bench.py $(BENCH)

differential: check-swift differential-packages build
	python3 Sources/Support/Differential/differential.py $(DIFFERENTIAL)

bench-reload: check-swift build
	python3 Sources/Support/Bench/reload.py $(RELOAD)

faults: check-swift faults-packages build
	swift build -c release --product baseline
	python3 Sources/Support/Bench/faults.py $(FAULTS)

# A seed of its own each time, which the first line of the output has.
explain-proof: check-swift test-packages
	EXPLAIN_CASES=$(or $(CASES),10000) EXPLAIN_SEED=$(or $(SEED),$$(date +%s)) \
		swift test --disable-xctest --filter 'NetworkLabTests.(ExplainProofTests|CellTests)'

# Every address of clusters that overlap, and every step and disturbance of changes to maps.
map-proof: check-swift test-packages build
	python3 Sources/Support/Bench/wholeranges.py
	NAMEBRIDGE_EVERY_STEP=1 swift test --disable-xctest --filter '(MapChange|MappedMesh|OverlappingCluster|Convergence)Tests'

fuzz: check-swift fuzz-packages
	python3 Sources/Support/Fuzzer/fuzz.py $(FUZZ)

# A report ends the process that it is about, be it the tests or a server that they started, and stays in TSAN's folder.
# A server that has given up its right to write files leaves none there: its exit code 66 fails the test. Two threads that
# meet at a Mutex of Swift's library are reported though it holds them apart, since the sanitizer does not see its futex(2):
# a "Swift access race" whose both stacks lead through one withLock is none.
tsan: check-swift test-packages
	rm -f $(TSAN)/report.*
	TSAN_OPTIONS='halt_on_error=1 log_path=$(CURDIR)/$(TSAN)/report' swift test --sanitize thread --scratch-path $(TSAN) \
		--disable-xctest --filter '^(EndToEndTests|DNSServerTests|HostileTests|AdminServerTests)\.'
	@if ls $(TSAN)/report.* 2>/dev/null; then cat $(TSAN)/report.*; exit 1; fi

abuse: check-swift faults-packages build
	swift build -c release --product baseline
	python3 Sources/Support/Bench/abuse.py $(ABUSE)

# Needs root; for `names` valgrind as well: make bench-map MAP='packets apply names'
bench-map: build
	swift build -c release --product baseline
	python3 Sources/Support/Bench/map.py $(MAP)

# Needs root and kubectl.
bench-follow: build
	python3 Sources/Support/Bench/follow.py $(FOLLOW)

# make bench-names NAMES='who-has browse'
bench-names: check-swift bench-packages faults-packages build
	python3 Sources/Support/Bench/names.py $(NAMES)

# Needs root: make bench-failover FAILOVER='bird dns'
bench-failover: check-swift failover-packages build
	python3 Sources/Support/Bench/failover.py $(FAILOVER)

# Needs kubectl and dnsperf.
bench-endpoints: build
	python3 Sources/Support/Bench/endpoints.py $(ENDPOINTS)

# Needs kubectl.
follow-faults: build
	python3 Sources/Support/Bench/followfaults.py $(FOLLOW)

soak: check-swift faults-packages build
	swift build -c release --product baseline
	python3 Sources/Support/Bench/soak.py $(SOAK)

# The binary for installing: Swift's libraries inside, C libraries shared (for security updates of libldns). It has a
# build folder of its own, since a build in a used one can leave Swift's libraries outside without saying so.
static: check-swift build-packages
	swift build -c release --static-swift-stdlib --product namebridge --scratch-path $(STATIC) -Xlinker -z -Xlinker now
	@if readelf -d $(STATIC)/release/namebridge | grep -q 'NEEDED.*libswift'; then \
		echo 'The binary still needs the shared libraries of Swift; remove $(STATIC) and try again.' >&2; exit 1; fi

install: static
	@$(MAKE) --no-print-directory install-files
	@if [ -z '$(DESTDIR)' ]; then systemd-sysusers $(SYSUSERSDIR)/namebridge.conf || \
		echo 'Make a system user "namebridge": the unit needs it.' >&2; fi

# `install` without the build, also for packages. `namebridge init` writes the configuration; the sample with every key
# stands in share/namebridge.
install-files:
	install -D -m 755 $(BINARY) $(DESTDIR)$(BINDIR)/namebridge
	@if [ -f $(DESTDIR)$(PREFIX)/sbin/namebridge ] && [ ! -L $(DESTDIR)$(PREFIX)/sbin/namebridge ] && \
		! [ $(DESTDIR)$(PREFIX)/sbin/namebridge -ef $(DESTDIR)$(BINDIR)/namebridge ]; then \
		ln -sf ../bin/namebridge $(DESTDIR)$(PREFIX)/sbin/namebridge; fi
	install -d $(DESTDIR)$(UNITDIR)
	for unit in systemd/*.service systemd/*.socket; do \
		sed 's|/usr/bin/namebridge|$(BINDIR)/namebridge|; s|/etc/namebridge|$(SYSCONFDIR)/namebridge|' "$$unit" \
			> $(DESTDIR)$(UNITDIR)/$$(basename "$$unit") && \
		chmod 644 $(DESTDIR)$(UNITDIR)/$$(basename "$$unit") || exit 1; done
	install -D -m 644 systemd/sysusers.conf $(DESTDIR)$(SYSUSERSDIR)/namebridge.conf
	for page in config/man/*.[58]; do \
		install -D -m 644 "$$page" $(DESTDIR)$(MANDIR)/man$${page##*.}/$$(basename "$$page") || exit 1; done
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/namebridge config/grafana-dashboard.json config/prometheus-alerts.yaml \
		config/kubernetes/namebridge-follow.yaml config/kubernetes/namebridge.yaml config/kubernetes/dns-outside.yaml
	install -D -m 644 config/namebridge.yaml $(DESTDIR)$(PREFIX)/share/namebridge/namebridge.yaml
	install -D -m 644 -t $(DESTDIR)$(DOCDIR) README.md README.zh-CN.md
	install -D -m 644 -t $(DESTDIR)$(DOCDIR)/docs docs/*
	for zone in config/demo/*.zone; do \
		install -D -m 644 "$$zone" $(DESTDIR)$(DEMODIR)/$$(basename "$$zone") || exit 1; done
	install -d $(DESTDIR)$(COMPLETIONS)/bash-completion/completions $(DESTDIR)$(ZSHDIR) \
		$(DESTDIR)$(COMPLETIONS)/fish/vendor_completions.d
	$(RUNNER) $(BINARY) --generate-completion-script bash | sed 1d \
		> $(DESTDIR)$(COMPLETIONS)/bash-completion/completions/namebridge
	$(RUNNER) $(BINARY) --generate-completion-script zsh > $(DESTDIR)$(ZSHDIR)/_namebridge
	$(RUNNER) $(BINARY) --generate-completion-script fish \
		> $(DESTDIR)$(COMPLETIONS)/fish/vendor_completions.d/namebridge.fish
	install -d $(DESTDIR)$(SYSCONFDIR)/namebridge

# Names that users, upgrades and `dpkg` agree on: config/debian.
deb: static deb-packages
	sh $(SETUP)/build-deb.sh $(STATIC)/release/namebridge $(DEB)

# The program with all libraries inside, for hosts of any distribution.
portable: static
	sh $(SETUP)/link-portable.sh $(STATIC) $(PORTABLE)

rpm: portable rpm-packages
	sh $(SETUP)/build-rpm.sh $(PORTABLE) $(RPM)

tarball: portable
	sh $(SETUP)/build-tarball.sh $(PORTABLE) $(TARBALL)

image: portable image-packages
	python3 $(SETUP)/build-image.py $(PORTABLE) $(IMAGE)

try-packages: rpm tarball image try-packages-packages
	bash $(SETUP)/try-packages.sh $(RPM) $(TARBALL) $(IMAGE) .build-try-packages

try-roles: build test-packages
	python3 $(SETUP)/try-roles.py .build/release/namebridge

# Helm's engine and Kubernetes' schemas, from PyPI.
check-chart: try-packages-packages
	[ -e .build-chart/done ] || { python3 -m venv .build-chart && \
		.build-chart/bin/pip --quiet install helm-python-sdk kubernetes-validate pyyaml && touch .build-chart/done; }
	.build-chart/bin/python $(SETUP)/check-chart.py $(CHART)

# The chart's containers on this host, against a stand-in API server that allows what the chart's roles do. Needs root.
try-chart: build check-chart
	@sh $(SETUP)/install-packages.sh dnsmasq-base bind9-dnsutils openssl $(if $(shell command -v kubectl),,kubernetes-client)
	.build-chart/bin/python $(SETUP)/try-chart.py .build/release/namebridge

try-deb: deb try-deb-packages
	bash $(SETUP)/try-deb.sh $(DEB)/namebridge_*.deb .build-try-deb

clean:
	rm -rf .build $(STATIC) .build-portable .build-fuzz $(TSAN) $(DEB) $(RPM) $(TARBALL) $(IMAGE) .build-try-deb \
		.build-try-packages .build-chart .build-page $(DOCS)
