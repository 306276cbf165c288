"""The steps of the demo: the main job of the operator, from an empty namespace to containers and back."""

import secrets

from tests.demo.narrator import Narrator

SHOWN = "MODEL|ANTHROPIC_API_KEY|SEARCH_API_KEY"
# The pods of the examples, and the Secrets that admission makes them refer to.
PODS = {"sandbox": "renv.sandbox.w-ws-u123", "computer": "renv.computer", "agent": "renv.agent.p-blog"}


class Story:
    """One telling. Environments are read inside containers if `pods_run`; etcd's files are in `etcd`, if it is here.

    `api` is the address at which curl finds the REST API.
    """

    def __init__(self, narrator: Narrator, api: str, *, pods_run: bool, etcd: str) -> None:
        self._tell = narrator
        self._variables = f"{api}/api/v1/runtime-env"
        self._pods_run = pods_run
        self._etcd = etcd
        self._key = f"sk-ant-demo-{secrets.token_hex(12)}"

    def whole(self) -> None:
        """Every step, in order. Raises CommandFailed where the cluster does not do what the step claims."""
        self.enrol()
        self.define()
        self.look_at_rest()
        self.start_pods()
        self.rotate()
        self.disable()
        self.post()
        self.delete()

    def enrol(self) -> None:
        self._tell.step(
            "Enrol a namespace",
            "Labels put it under a tenant, for life. The second is narrowed to one workspace of the tenant.",
        )
        self._tell.run("kubectl apply -f deploy/examples/namespaces.yaml")

    def define(self) -> None:
        self._tell.step(
            "Define three variables",
            "One of the tenant, by value; one of a workspace for sandboxes, sealed before it leaves this shell; one of"
            " a project for agents, from a Secret.",
        )
        self._tell.run("kubectl apply -f deploy/examples/variable-value.yaml")
        self._tell.run(self._seal(self._key))
        self._tell.run("kubectl apply -f deploy/examples/variable-from-secret.yaml")
        self._tell.run("kubectl wait --for=condition=Ready rvar --all -n acme --timeout=60s")
        self._tell.run("kubectl get rvar -n acme")

    def _seal(self, key: str) -> str:
        options = "-n acme --workspace ws_123 --target sandbox --name ANTHROPIC_API_KEY -o yaml"
        return f"printf %s {key} |\n  runtimeenv seal {options} |\n  kubectl apply -f -"

    def look_at_rest(self) -> None:
        self._tell.step(
            "Look at what is stored",
            "The object holds the sealed text. In etcd's files neither the workspace's value nor the project's is"
            " found; a name, which is no secret, is.",
        )
        self._tell.run("kubectl get rvar model -n acme -o jsonpath='{.spec}' | cut -c1-160")
        if self._etcd:
            self._tell.run(f"grep -rla {self._key} {self._etcd} || echo not found")
            self._tell.run(f"grep -rla claude-large {self._etcd} || echo not found")
            self._tell.run(f"grep -rla ANTHROPIC_API_KEY {self._etcd} | wc -l")

    def start_pods(self) -> None:
        self._tell.step(
            "Start a sandbox, a computer and an agent",
            "Admission adds one reference to each; the values are in no pod's spec.",
        )
        self._tell.run("kubectl apply -f deploy/examples/pods.yaml")
        columns = "custom-columns=POD:.metadata.name,ENVFROM:.spec.containers[0].envFrom[*].secretRef.name"
        self._tell.run(f"kubectl get pods -n acme -o '{columns}'")
        self._await(*PODS)
        for pod in PODS:
            self._show(pod)
        self._tell.run("kubectl get renv -n acme")

    def rotate(self) -> None:
        self._tell.step("Rotate a value", "Sealed anew and applied; containers that start from now on get it.")
        self._tell.run(self._seal(f"sk-ant-demo-{secrets.token_hex(12)}"))
        self._tell.run("kubectl wait --for=condition=Ready rvar/anthropic-api-key -n acme --timeout=60s")
        self._again("sandbox")

    def disable(self) -> None:
        self._tell.step("Disable a variable", "The project's MODEL steps aside, and the tenant's shows through.")
        patch = '{"spec": {"enabled": false}}'
        self._tell.run(f"kubectl patch rvar blog-agents-model -n acme --type=merge -p '{patch}'")
        self._tell.run("kubectl wait --for=condition=Ready rvar/blog-agents-model -n acme --timeout=60s")
        self._again("agent")

    def post(self) -> None:
        self._tell.step(
            "Use the REST API",
            "An administrator issues an API key for the tenant, known to the API within 5 seconds. A program that holds"
            " it sees what kubectl wrote, and posts a variable: one like any other, in the tenant's home namespace.",
        )
        self._tell.remember("API_KEY", "runtimeenv apikey create --tenant acme --role write")
        # Silent until the key is known.
        self._curl("--fail --retry 5 --retry-all-errors", query="?scope=tenant")
        key = f"search-demo-{secrets.token_hex(8)}"
        body = f'{{"scope": "project", "project_id": "blog", "name": "SEARCH_API_KEY", "value": "{key}"}}'
        self._curl(f"--fail-with-body --json '{body}'")
        self._tell.run("kubectl get rvar -n acme")
        self._again("agent")

    def _curl(self, options: str, query: str = "") -> None:
        key = '-H "Authorization: Bearer $API_KEY"'
        self._tell.run(f"curl --silent {options} \\\n  {key} '{self._variables}{query}'")

    def delete(self) -> None:
        self._tell.step("Delete a variable", "The tenant's MODEL goes out of every environment.")
        self._tell.run("kubectl delete rvar model -n acme")
        told = '{.status.conditions[?(@.type=="Ready")].message}'
        self._tell.run(
            f"kubectl wait --for=jsonpath='{told}'='pods receive 0 variables' renv/renv.computer -n acme --timeout=60s"
        )
        self._again("computer", empty=True)

    def _again(self, pod: str, *, empty: bool = False) -> None:
        """The pod, made anew, and its environment."""
        if self._pods_run:
            self._tell.run(f"kubectl delete pod {pod} -n acme && kubectl apply -f deploy/examples/pods.yaml")
            self._await(pod)
        self._show(pod, empty=empty)

    def _await(self, *pods: str) -> None:
        if self._pods_run:
            names = " ".join(f"pod/{pod}" for pod in pods)
            self._tell.run(f"kubectl wait --for=condition=Ready {names} -n acme --timeout=90s")

    def _show(self, pod: str, *, empty: bool = False) -> None:
        """The environment inside the container; without a node, the Secret that the kubelet would read it from."""
        if self._pods_run:
            read = f"kubectl exec {pod} -n acme -- env"
        else:
            form = '{{range $name, $value := .data}}{{$name}}={{base64decode $value}}{{"\\n"}}{{end}}'
            read = f"kubectl get secret {PODS[pod]} -n acme -o go-template='{form}'"
        self._tell.run(f"{read} | grep -E '^({SHOWN})='" + (" || echo none" if empty else ""))
