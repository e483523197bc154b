# Plateward. `make help` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
TRAINING_VENV := .venv-training
TRAINING_STAMP := $(TRAINING_VENV)/.installed
# Threads of PyTorch that wait give their core up: beside other work it is ten times as fast so.
TRAINING_PY := OMP_WAIT_POLICY=PASSIVE $(TRAINING_VENV)/bin/python
# Benches run one at a time, and training pauses meanwhile.
BENCH := $(PY) -m tests.bench.alone
# What is named on the command line reaches recipes by the environment, so that a path may hold any
# character: "$$PHOTOS" in a recipe, never '$(PHOTOS)'.
KAFKA ?=
# Hundreds of processes import the same modules: without compiled code each would compile them anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help: ## Show this help
	@if [ -t 1 ] && [ "$$TERM" != dumb ]; then bold=$$(tput bold 2>/dev/null) plain=$$(tput sgr0 2>/dev/null); fi; \
	grep -hE '^[a-zA-Z_-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' -v bold="$$bold" -v plain="$$plain" '{printf "  %s%-17s%s %s\n", bold, $$1, plain, $$2}'

# --- set-up -----------------------------------------------------------------------------------
$(STAMP): requirements/dev.txt pyproject.toml requirements/installer.txt requirements/shims/opencv-contrib-python/pyproject.toml
	@requirements/install.sh $(VENV) "$(PYTHON)" $^

$(TRAINING_STAMP): requirements/training.txt requirements/installer.txt
	@requirements/install.sh $(TRAINING_VENV) "$(PYTHON)" $^

.PHONY: setup
setup: $(STAMP) ## Install everything into .venv, with hashes checked

.PHONY: lock
lock: $(STAMP) ## Renew the hashed requirement files from pyproject.toml
	@$(PY) -m deploy.lock

# --- run --------------------------------------------------------------------------------------
.PHONY: demo
demo: $(STAMP) ## The main job, end to end, on the embedded stack [PHOTOS=dir or VIDEO=file, KEEP=1 keeps it up]
	@$(PY) -m plateward demo $${PHOTOS:+--photos "$$PHOTOS"} $${VIDEO:+--video "$$VIDEO"} $${KEEP:+--keep}

.PHONY: serve
serve: $(STAMP) ## Keep the embedded stack up in ./var (Ctrl-C stops it)
	@exec $(PY) -m plateward serve

.PHONY: kafka
kafka: $(STAMP) ## Start Apache Kafka in KRaft mode from its published jars (needs Java and Maven) [ACLS=1]
	@exec $(PY) -m deploy.kafka.run $(if $(ACLS),--acls)

.PHONY: verify-audit
verify-audit: $(STAMP) ## Recompute the audit log's chain, root and checkpoints
	@$(PY) -m plateward verify-audit

.PHONY: dead-letters
dead-letters: $(STAMP) ## List what was put aside and why [REPLAY=topic]
	@$(PY) -m plateward dead-letters $(if $(REPLAY),--replay $(REPLAY))

.PHONY: clean
clean: ## Remove the embedded stack's data (not the installation)
	@test ! -e var || $(or $(wildcard $(PY)),$(PYTHON)) -m local.commands.clean

# --- check ------------------------------------------------------------------------------------
.PHONY: lint
lint: lint-code ## ruff, format, mypy --strict; with Go also the deployment files
	@$(PY) -m deploy.lint --where-possible

.PHONY: lint-code
lint-code: $(STAMP) ## ruff, format and mypy --strict
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

.PHONY: lint-deploy
lint-deploy: $(STAMP) ## kubeconform, kube-score and hadolint over manifests and Dockerfiles, and that each finds what is planted (needs Go; 1 min once)
	@$(PY) -m deploy.lint
	@$(PY) -m pytest -q -m linters tests/deploy/test_lint.py

.PHONY: test
test: ## All tests but those with a target of their own
	@$(MAKE) --no-print-directory -j 2 --output-sync lint-code collected
	@$(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not apache and not s3 and not kubernetes and not clients and not bench and not browser and not chaos and not linters and not images and not runbooks"

# pytest compiles each module of tests with its assertions rewritten. Its workers would each do that for all of them.
.PHONY: collected
collected: $(STAMP)
	@$(PY) -m pytest --collect-only -qq >/dev/null || true  # the tests themselves say what is wrong

.PHONY: test-runbooks
test-runbooks: $(STAMP) ## A department lost and restored, and one exported and imported elsewhere, by the commands of docs/operations
	@$(PY) -m pytest -n 2 --dist loadfile -m runbooks tests/e2e

.PHONY: test-search
test-search: $(STAMP) ## 10,000 random searches of 200,000 reads against a plain search of them [SEARCH_SEED=number]
	@SEARCH_READS=$${SEARCH_READS:-200000} SEARCH_QUESTIONS=$${SEARCH_QUESTIONS:-10000} \
		$(PY) -m pytest -q tests/integration/retention/test_search_answers.py

.PHONY: test-benches
test-benches: $(STAMP) ## Each bench at a smoke size: whether it counts right, not how fast it is
	@$(PY) -m pytest -n 2 --dist load -m bench tests/integration/bench

.PHONY: test-browser
test-browser: $(STAMP) ## The console in Chromium: each page as each role, axe, the stories (needs Chromium) [SMOKE=1]
	@$(PY) -m pytest -m "browser$(if $(SMOKE), and smoke)" tests/browser

.PHONY: test-mutations
test-mutations: $(STAMP) ## 1,000 random mutations of logs, exports and packages, each named [COUNT=1000, SEED=n]
	@COUNT="$${COUNT:-1000}" SEED="$${SEED:-}" $(PY) -m tests.integration.mutation

.PHONY: authz-matrix
authz-matrix: $(STAMP) ## Every route as every role with everything that may be the matter with a request
	@$(PY) -m tests.integration.authz

.PHONY: insiders
insiders: $(STAMP) ## An insider of each role tries all that its rights allow for a day; what they carry off is counted
	@$(PY) -m tests.integration.insiders

.PHONY: test-training
test-training: $(TRAINING_STAMP) ## The renderer, the networks and their training, every step of it
	@$(TRAINING_PY) -m pytest tests/training

.PHONY: test-apache
test-apache: $(STAMP) ## The fault tests on Apache Kafka: kill -9 any one process [SMOKE=1]
	@$(if $(SMOKE),E2E_FRAMES=100) $(PY) -m pytest -m "apache$(if $(SMOKE), and smoke)"

.PHONY: test-chaos
test-chaos: $(STAMP) ## A day's load in an hour while every part fails at random (needs Java, Maven, a C compiler, Prometheus) [SEED=n, MINUTES=5, SMOKE=1, PROMETHEUS=path, KEEP=dir]
	@$(PY) -m tests.chaos $${SEED:+--seed "$$SEED"} $${MINUTES:+--minutes "$$MINUTES"} $${KEEP:+--keep "$$KEEP"} \
		$${PROMETHEUS:+--prometheus "$$PROMETHEUS"}

.PHONY: test-dashboards
test-dashboards: $(STAMP) ## Prometheus, Alertmanager and the collector of traces live on a loaded stack: every panel filled, rules seen to fire and clear (needs apt-get, Go; 40 min) [SHOTS=1: pictures for docs, needs Chromium; ONLY=rules, SMOKE=1, KEEP=dir; APACHE=1: the rules of Kafka's disks, needs Java, Maven]
	@$(PY) -m tests.dashboards $(if $(SHOTS),--shots docs/screenshots) $${ONLY:+--only $$ONLY} $${KEEP:+--keep "$$KEEP"} \
		$(if $(APACHE),--apache)

.PHONY: test-clients
test-clients: $(STAMP) ## Clients by three generators: every operation, and their stories (needs Java, Maven and npm) [SMOKE=1: no npm]
	@$(if $(SMOKE),CLIENTS_OF="ingest identity retention") $(PY) -m pytest -m clients tests/e2e/clients$(if $(SMOKE),/test_camera_maker.py tests/e2e/clients/test_investigator.py -k "not typescript")

.PHONY: objects
objects: $(STAMP) ## Build the S3 server of docker-compose.yml from Go's module proxy (needs Go)
	@$(PY) -m deploy.objects.gateway

.PHONY: test-objects
test-objects: objects ## What each service may do at an S3 server that enforces policies
	@$(PY) -m pytest -m s3

.PHONY: kubernetes
kubernetes: $(STAMP) ## Build Kubernetes' API server, kubectl and etcd from Go's module proxy (needs Go; 13 min once)
	@$(PY) -m deploy.cluster.programs

.PHONY: test-kubernetes
test-kubernetes: kubernetes ## deploy/k8s on an API server of Kubernetes: strictly, without warnings, Pod Security
	@$(PY) -m pytest -m kubernetes

.PHONY: test-compose
test-compose: $(STAMP) ## docker-compose.yml on Docker Engine, the machine's or one from Debian's packages (needs root, mmdebstrap, Go, Maven): main job, restarts, kills, an upgrade [FROM=commit, FRAMES=30, SMOKE=1]
	@$(PY) -m deploy.containers.engine $(abspath $(PY)) -m tests.containers $(if $(SMOKE),--smoke) $${FROM:+--from "$$FROM"} $${FRAMES:+--frames "$$FRAMES"}

.PHONY: test-k8s
test-k8s: $(STAMP) ## deploy/k8s on a whole Kubernetes, KUBECONFIG's or one of our own (needs root, mmdebstrap, Go, Maven): main job, network policies, rollouts, a drained node [NODES=2, SMOKE=1]
	@$(PY) -m deploy.cluster --nodes $${NODES:-$(if $(SMOKE),1,2)} $(abspath $(PY)) -m tests.cluster $(if $(SMOKE),--smoke)

NIGHTLY := test-apache test-compose test-k8s test-chaos test-dashboards

.PHONY: nightly
nightly: $(STAMP) ## What is too long for each CI run, for each night: Apache Kafka, compose, Kubernetes, faults of a new seed, dashboards and rules (needs what these need; 2 h); names at its end what failed
	@failed=; export SEED="$${SEED:-$$(date +%Y%m%d)}" MINUTES="$${MINUTES:-10}"; \
	for one in $(NIGHTLY); do echo "== $$one"; $(MAKE) --no-print-directory "$$one" || failed="$$failed $$one"; done; \
	test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

.PHONY: test-observability
test-observability: ## Each alerting rule fires and clears on recorded series (needs Prometheus's promtool) [PROMTOOL=path]
	@promtool="$${PROMTOOL:-promtool}"; command -v "$$promtool" >/dev/null || { \
		echo "promtool is missing. Debian has it: apt-get install prometheus. Or name it: make test-observability PROMTOOL=path"; exit 2; }; \
	"$$promtool" check config --syntax-only deploy/observability/prometheus.yaml && \
	"$$promtool" check rules deploy/observability/rules.yaml && \
	"$$promtool" test rules deploy/observability/tests/*.yaml

.PHONY: digests
digests: $(STAMP) ## Pin images by the digests that registries give, or compare them [REGISTRY=host, OVERLAY=dir, RENEW="name:tag …", CHECK=1]
	@$(PY) -m deploy.digests $${REGISTRY:+--registry "$$REGISTRY"} $${OVERLAY:+--overlay "$$OVERLAY"} $${RENEW:+$$(printf -- '--renew %s ' $$RENEW)} $(if $(CHECK),--check)

.PHONY: sbom
sbom: $(STAMP) ## List what each image of a service holds (CycloneDX), in var/sbom [TAG=, PREFIX=host/name/, ENGINE=podman]
	@$(PY) -m deploy.sbom $${TAG:+--tag "$$TAG"} $${PREFIX:+--prefix "$$PREFIX"} $${ENGINE:+--engine "$$ENGINE"}

.PHONY: test-images
test-images: $(STAMP) ## Digests and signatures with a real registry and cosign (needs Go; 5 min once)
	@$(PY) -m pytest -q -m images tests/integration/images

.PHONY: conformance
conformance: objects ## The policy, clause by clause, and what proves it (needs Java, Maven and Go) [RULE=]
	@$(PY) -m tests.conformance $(if $(RULE),--rule "$$RULE")

.PHONY: conformance-mutants
conformance-mutants: $(STAMP) ## Break each rule in the services and see its tests notice [RULE=, NAME=, N=, OWN_ONLY=1, EXACT=1, DONE=, REACH=]
	@$(PY) -m tests.conformance.mutants_main $(if $(RULE),--rule "$$RULE") $(if $(NAME),--name "$$NAME") $(if $(N),--n $(N)) $(if $(OWN_ONLY),--own-only) $(if $(EXACT),--exact) $(if $(DONE),--done "$$DONE") $(if $(REACH),--reach "$$REACH")

.PHONY: openapi
openapi: $(STAMP) ## Write the OpenAPI document of each service to docs/openapi
	@$(PY) -m plateward openapi

.PHONY: problems
problems: $(STAMP) ## Write docs/problems.md from the lists of problem codes
	@$(PY) -m deploy.problems

.PHONY: roles
roles: $(STAMP) ## Write docs/roles.md from policy.toml
	@$(PY) -m deploy.roles

.PHONY: screenshots
screenshots: $(STAMP) ## Take the README's pictures of the console (needs Chromium)
	@$(PY) -m tests.browser.screenshots

.PHONY: metrics
metrics: $(STAMP) ## Write docs/metrics.md from the metrics that the code declares
	@$(PY) -m deploy.metrics

.PHONY: dashboards
dashboards: $(STAMP) ## Write the dashboards and the cluster's alerting rules from deploy/observability
	@$(PY) -m deploy.observability

# --- train ------------------------------------------------------------------------------------
# SMOKE=1 goes through every step in a minute or two; without it, hours. The results lie in
# var/training; copy an .onnx file to services/recognition/models to use it.
SITTING = -m training.sitting $(@:train-%=%) "$$RUN" $${STEPS:+--steps "$$STEPS"} $${RATE:+--rate "$$RATE"} \
	$${SEED:+--seed "$$SEED"} $${START:+--start "$$START"} $${PURPOSE:+--purpose "$$PURPOSE"} \
	$${RENDERING:+--rendering "$$RENDERING"} $${UNTIL:+--until "$$UNTIL"} $${EVERY_S:+--every-s "$$EVERY_S"} \
	$${THREADS:+--threads "$$THREADS"} $${RENDERERS:+--renderers "$$RENDERERS"} $${WIDTHS:+--widths $$WIDTHS} \
	$${TEACHERS:+--teachers $$TEACHERS}

.PHONY: train-reader
train-reader: $(TRAINING_STAMP) ## Render plates and train the plate reader on them [SMOKE=1]; begin or continue a run [RUN=name, STEPS=, START=file]
	@$(TRAINING_PY) $(if $(RUN),$(SITTING),-m training reader $(if $(SMOKE),--smoke))

.PHONY: train-detector
train-detector: $(TRAINING_STAMP) ## Compose scenes and train the plate detector on them [DASHCAM=dir, SMOKE=1]; begin or continue a run [RUN=name, STEPS=, START=file]
	@$(TRAINING_PY) $(if $(RUN),$(SITTING),-m training detector $(if $(SMOKE),--smoke)) $${DASHCAM:+--dashcam "$$DASHCAM"}

.PHONY: train-states
train-states: $(TRAINING_STAMP) ## Render plates and train the reader of states' names on them [SMOKE=1]; begin or continue a run [RUN=name, STEPS=, START=file]
	@$(TRAINING_PY) $(if $(RUN),$(SITTING),-m training states $(if $(SMOKE),--smoke))

# --- measure ----------------------------------------------------------------------------------
.PHONY: bench-reads
bench-reads: $(STAMP) ## Edge reads through HTTP, Kafka, matching and Postgres, as in life [KAFKA=apache, SHAPE=burst]
	@$(BENCH) $(if $(filter burst,$(SHAPE)),reads,life) $(if $(KAFKA),--kafka $(KAFKA))

.PHONY: bench-pairs
bench-pairs: $(STAMP) ## CPU of a log entry, a read or a frame, in pairs with earlier commits [WHAT=entry, read, life or frame, BEFORE=commits, PAIRS=7, LOAD_S=60]
	@$(BENCH) pairs $${WHAT:+--what "$$WHAT"} $${BEFORE:+--before $$BEFORE} $${PAIRS:+--pairs "$$PAIRS"} $${LOAD_S:+--load-s "$$LOAD_S"}

.PHONY: bench-observed
bench-observed: $(STAMP) ## CPU of a read with traces and metrics, in pairs with runs without [PAIRS=7, LOAD_S=30]
	@$(BENCH) observed $${PAIRS:+--pairs "$$PAIRS"} $${LOAD_S:+--load-s "$$LOAD_S"}

.PHONY: bench-search
bench-search: $(STAMP) ## Searches of a large store, at the HTTP door and at the store, beside pg_trgm and a scan; late reads [ROWS=20000000, SECONDS=120]
	@$(BENCH) search $${ROWS:+--rows "$$ROWS"} $(if $(SECONDS),--seconds $(SECONDS))

.PHONY: plot-searches
plot-searches: $(TRAINING_STAMP) ## Draw lines of bench-search, one for each size of the store [LINES=docs/searches.ndjson, OUT=docs/searches.png]
	@$(TRAINING_PY) -m tests.bench.plot_searches "$${LINES:-docs/searches.ndjson}" "$${OUT:-docs/searches.png}"

.PHONY: bench-audit
bench-audit: $(STAMP) ## The audit log: appends, findings, verification and each search [ENTRIES=1000000]
	@$(BENCH) audit $${ENTRIES:+--entries "$$ENTRIES"}

.PHONY: bench-purge
bench-purge: $(STAMP) ## A month purged while reads are stored: cost, longest transaction and wait, objects [READS=300000]
	@$(BENCH) purge $${READS:+--reads "$$READS"}

.PHONY: bench-restore
bench-restore: $(STAMP) ## A backup, kill -9, a restore into new stores: how long, and what is lost [READS=1000000, OBJECTS=10000, KAFKA=apache]
	@$(BENCH) restore $${READS:+--reads "$$READS"} $${OBJECTS:+--objects "$$OBJECTS"} $(if $(KAFKA),--kafka $(KAFKA))

.PHONY: bench-frames
bench-frames: $(STAMP) ## Frames acknowledged when file, folder and Kafka have them [KAFKA=apache]
	@$(BENCH) frames $(if $(KAFKA),--kafka $(KAFKA))

.PHONY: bench-signin
bench-signin: $(STAMP) ## A hundred strangers at sign-in, and who is held up by them [KAFKA=apache]
	@$(BENCH) sign_in $(if $(KAFKA),--kafka $(KAFKA))

.PHONY: bench-accuracy
bench-accuracy: $(STAMP) ## Plates read of a folder with truth.csv [PHOTOS=dir or CROPS=dir, PACKS="us europe", NETWORKS=dir]
	@test -n "$$PHOTOS$$CROPS" || { echo "Name a folder with a truth.csv: make bench-accuracy PHOTOS=dir (or CROPS=dir)"; exit 2; }
	@$(BENCH) accuracy $${PHOTOS:+--photos "$$PHOTOS"} $${CROPS:+--crops "$$CROPS"} $${N:+--n "$$N"} \
		$${PACKS:+--packs $$PACKS} $${MODEL:+--model "$$MODEL"} $${SECOND_OPINION:+--second-opinion "$$SECOND_OPINION"} $${VARY:+--vary "$$VARY"} $${ROAD:+--road} $${READER_ONLY:+--reader-only} $${NETWORKS:+--networks "$$NETWORKS"} $${OUT:+--out "$$OUT"}

.PHONY: bench-agreement
bench-agreement: $(STAMP) ## Whether held-out pictures rank a network's checkpoints as photos do [CHECKPOINTS=dir PHOTOS=dir CROPS=dir, VARY=4]
	@test -n "$$CHECKPOINTS" -a -n "$$PHOTOS" -a -n "$$CROPS" || { echo "Name three folders: make bench-agreement CHECKPOINTS=dir PHOTOS=dir CROPS=dir (checkpoints: python -m training.checkpoints)"; exit 2; }
	@$(BENCH) agreement "$$CHECKPOINTS" --photos "$$PHOTOS" --crops "$$CROPS" $${N:+--n "$$N"} $${VARY:+--vary "$$VARY"}

.PHONY: bench-europe
bench-europe: $(STAMP) $(TRAINING_STAMP) ## Rendered plates of 14 European countries, read with each region pack [N=700]
	@$(TRAINING_PY) -m training.road europe var/bench/europe --n $${N:-700}
	@for packs in us europe "us europe"; do $(BENCH) accuracy --photos var/bench/europe --packs $$packs || exit; done

.PHONY: bench-thresholds
bench-thresholds: $(STAMP) $(TRAINING_STAMP) ## What each of the engine's thresholds gains and loses on rendered US plates at a road [PHOTOS=dir, N=700]
	@test -n "$$PHOTOS" || $(TRAINING_PY) -m training.road us var/bench/road --n $${N:-700}
	@$(BENCH) thresholds --photos "$${PHOTOS:-var/bench/road}" $${ONLY:+--only $$ONLY}

.PHONY: bench-plateless
bench-plateless: $(STAMP) ## Frames without a plate that yield a read all the same [N=2000, DASHCAM=dir, PACKS="us europe"]
	@$(BENCH) plateless $${N:+--n "$$N"} $${PACKS:+--packs $$PACKS} $${DASHCAM:+--dashcam "$$DASHCAM"} $${MODEL:+--model "$$MODEL"} $${OUT:+--out "$$OUT"}

.PHONY: bench-recognition
bench-recognition: $(STAMP) ## Frames a second of the whole recognition service, and of PaddleOCR alone [SECONDS=10, ROUNDS=3]
	@$(BENCH) recognition $(if $(SECONDS),--seconds $(SECONDS)) $(if $(ROUNDS),--rounds $(ROUNDS)) $${MODEL:+--model "$$MODEL"} $(if $(KAFKA),--kafka $(KAFKA))

.PHONY: bench-video
bench-video: $(STAMP) ## A film through POST /v1/captures to passes; rendered if none is named [VIDEO=file]
	@$(BENCH) video $${VIDEO:+--video "$$VIDEO"} $${PER_S:+--per-s "$$PER_S"} $${MODEL:+--model "$$MODEL"} $(if $(KAFKA),--kafka $(KAFKA))
