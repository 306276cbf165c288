"""A real Kubernetes on this machine, for the tests and for the demo.

In reading order:

    waiting       wait for a condition: the one place that sleeps
    running       programs that end with the process that started them
    state         folders of clusters, and what dead runs left in them
    toolchain     a Go that is new enough
    build         the Kubernetes programs, built once for each version
    pki           certificates and kubeconfigs of a cluster
    components    command lines of etcd, kube-apiserver and their like
    cluster       the handle that tests and the demo hold
    controlplane  tier "control-plane": etcd, kube-apiserver, kube-controller-manager on loopback
    images        busybox images as tar files
    node          tier "node": a whole one-node cluster in namespaces of its own
    inside        ... and the first process in those namespaces
    supervisor    keeps a cluster up, and takes it down without a trace
    existing      tier "context": any cluster that a kubeconfig names
    kind          tier "kind": where a Docker engine runs
    chart         the chart's objects, rendered by helm
    mounts        the kubelet's part for programs outside the cluster: Secrets as folders
    launches      the chart's Deployments as programs of this machine
    operator      the operator beside a control plane
    base_images   what it is built with and on where no registry is in reach
    operator_image the operator's real image, by `make image`
    operator_pods the operator on a node: a Helm release
    cert_manager  a real cert-manager beside either
    operator_fixtures the pytest fixtures `operator` and `operator_pods`
    fixtures      the pytest fixtures `control_plane` and `node`
    __main__      python -m tests.kube up | down | status
"""
