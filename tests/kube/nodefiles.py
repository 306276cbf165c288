"""The configuration of a node's programs: the network plugin, containerd, the kubelet and kube-proxy."""

import json
from pathlib import Path

from tests.kube import images, traces
from tests.kube.components import Site

ADDRESS = "10.99.0.1"  # the node's, in its own network namespace
PODS = "10.98.0.0/24"
PLUGIN_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))


def plugins() -> Path | None:
    """The folder of the CNI plugins, where it has those that the node uses."""
    return next((folder for folder in PLUGIN_FOLDERS if (folder / "ptp").exists()), None)


def write(site: Site) -> None:
    """Writes all of a node's configuration into its folder."""
    folder = site.folder
    (folder / "cni").mkdir(exist_ok=True)
    (folder / "cni" / "10-ptp.conflist").write_text(json.dumps(_network(folder), indent=1))
    (folder / "containerd.toml").write_text(_containerd(folder))
    (folder / "kubelet.json").write_text(json.dumps(_kubelet(site), indent=1))
    (folder / "kube-proxy.json").write_text(json.dumps(_kube_proxy(site), indent=1))
    (folder / "resolv.conf").write_text("")


def _network(folder: Path) -> object:
    """Each pod at a link of its own, routed by the node: Services work between pods without the br_netfilter module."""
    addresses = {"type": "host-local", "ranges": [[{"subnet": PODS}]], "routes": [{"dst": "0.0.0.0/0"}]}
    link = {"type": "ptp", "ipMasq": False, "ipam": {**addresses, "dataDir": f"{folder}/cni-addresses"}}
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "0.4.0", "name": "runtime-env", "plugins": [link, ports]}


def _containerd(folder: Path) -> str:
    return f"""version = 2
root = "{folder}/containerd"
state = "{folder}/containerd-state"
[grpc]
  address = "{socket(folder)}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/containerd-opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{images.PAUSE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{snapshotter(folder)}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins()}"
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
"""


def socket(folder: Path) -> Path:
    """containerd's socket."""
    return folder / "containerd.sock"


def snapshotter(folder: Path, mountinfo: Path = Path("/proc/self/mountinfo")) -> str:
    """containerd's way to lay layers over each other: by copies where the folder is in an overlay already."""
    lines = [line.split() for line in mountinfo.read_text().splitlines()]
    types = {fields[4]: fields[fields.index("-") + 1] for fields in lines}  # proc(5): mount point, file system type
    nearest = next(str(path) for path in (folder, *folder.parents) if str(path) in types)
    return "native" if types[nearest] == "overlay" else "overlayfs"


def ctr(folder: Path, *words: str) -> tuple[str, ...]:
    """A command to containerd, in the namespace of the kubelet's images."""
    return ("ctr", f"--address={socket(folder)}", "--namespace=k8s.io", *words)


def importing(folder: Path) -> tuple[str, ...]:
    """The command that gives the node an image, its archive to be appended."""
    return ctr(folder, "images", "import", f"--snapshotter={snapshotter(folder)}")


def _kubelet(site: Site) -> object:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": f"unix://{socket(site.folder)}",
        "authentication": {
            "anonymous": {"enabled": False},
            "x509": {"clientCAFile": f"{site.pki}/ca.crt"},
            "webhook": {"enabled": True},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{traces.group(site.folder)}",
        "enforceNodeAllocatable": [],
        "failSwapOn": False,
        "failCgroupV1": False,  # on machines that still have cgroup v1
        # The disk is the machine's: how full it is says nothing about this node.
        "evictionHard": {"memory.available": "1Mi", "nodefs.available": "0%", "imagefs.available": "0%"},
        "imageGCHighThresholdPercent": 100,
        "featureGates": {"KubeletInUserNamespace": True},  # goes on where a sysctl can't be set
        "clusterDNS": ["10.0.0.10"],  # nobody answers there; without, every pod gets a warning event
        "clusterDomain": "cluster.local",
        "resolvConf": f"{site.folder}/resolv.conf",
        "volumePluginDir": f"{site.folder}/volume-plugins",
    }


def _kube_proxy(site: Site) -> object:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": str(site.kubeconfig("kube-proxy"))},
        "clusterCIDR": PODS,
        "hostnameOverride": "node1",
        "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
