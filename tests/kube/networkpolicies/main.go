// Command networkpolicies enforces the NetworkPolicies of a node by kube-router's controller for them, and nothing else of it.
package main

import (
	"flag"
	"log"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/cloudnativelabs/kube-router/v2/pkg/controllers/netpol"
	"github.com/cloudnativelabs/kube-router/v2/pkg/healthcheck"
	"github.com/cloudnativelabs/kube-router/v2/pkg/options"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "how the API server is reached")
	node := flag.String("node", "", "the Node whose pods are guarded")
	services := flag.String("services", "", "the CIDR of cluster IPs")
	flag.Parse()
	stop := make(chan struct{})
	var running sync.WaitGroup
	cleaner, err := start(*kubeconfig, *node, *services, stop, &running)
	if err != nil {
		log.Fatal(err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	<-signals
	close(stop)
	running.Wait()
	cleaner.Cleanup()
}

// start has policies enforced until stop is closed. What it returns has not written a rule yet: a controller that has
// would write the rules of others twice when it cleans up.
func start(
	kubeconfig, node, services string, stop chan struct{}, running *sync.WaitGroup,
) (*netpol.NetworkPolicyController, error) {
	access, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(access)
	if err != nil {
		return nil, err
	}
	config := options.NewKubeRouterConfig()
	config.HostnameOverride = node
	config.ClusterIPCIDRs = []string{services}
	config.EnableIPv4 = true
	config.IPTablesSyncPeriod = time.Minute
	iptables, ipsets, err := netpol.NewIPTablesHandlers(config)
	if err != nil {
		return nil, err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	pods := factory.Core().V1().Pods().Informer()
	namespaces := factory.Core().V1().Namespaces().Informer()
	policies := factory.Networking().V1().NetworkPolicies().Informer()
	var lock sync.Mutex
	made := func() (*netpol.NetworkPolicyController, error) {
		return netpol.NewNetworkPolicyController(client, config, pods, policies, namespaces, &lock, iptables, ipsets)
	}
	guard, err := made()
	if err != nil {
		return nil, err
	}
	factory.Start(stop)
	factory.WaitForCacheSync(stop)
	pods.AddEventHandler(guard.PodEventHandler)
	namespaces.AddEventHandler(guard.NamespaceEventHandler)
	policies.AddEventHandler(guard.NetworkPolicyEventHandler)
	beats := make(chan *healthcheck.ControllerHeartbeat)
	go func() {
		for range beats {
		}
	}()
	running.Add(1)
	go guard.Run(beats, stop, running)
	return made()
}
