package main

import (
	"context"
	"encoding/json"
	"os"
	"slices"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/diff"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/kube-openapi/pkg/util/proto"
	luajson "layeh.com/gopher-json"
)

const manager = "argocd-controller"

// health runs the script of the named file as Argo CD does: in the same Lua, with the object as `obj`, and without the
// libraries (string, math, io) that Argo CD leaves out unless it is told to open them.
func health(object *unstructured.Unstructured, args []string) (any, error) {
	script, err := os.ReadFile(args[0])
	if err != nil {
		return nil, err
	}
	text, err := object.MarshalJSON()
	if err != nil {
		return nil, err
	}
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{"": lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		state.Push(state.NewFunction(open))
		state.Push(lua.LString(name))
		state.Call(1, 0)
	}
	decoded, err := luajson.Decode(state, text)
	if err != nil {
		return nil, err
	}
	state.SetGlobal("obj", decoded)
	if err := state.DoString(string(script)); err != nil {
		return nil, err
	}
	answer, err := luajson.Encode(state.Get(-1))
	return json.RawMessage(answer), err
}

type cluster struct {
	dynamic   dynamic.Interface
	discovery discovery.DiscoveryInterface
	mapper    meta.RESTMapper
}

// drift compares each manifest of a list with its live object by Argo CD's own engine, and answers with the names of
// those that are out of sync. Of args, `structured-merge` is how it compares what it applies server-side;
// `server-side` and `include-webhook` are the compare options ServerSideDiff and IncludeMutationWebhook.
func drift(list *unstructured.Unstructured, args []string) (any, error) {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	here, err := connected(config)
	if err != nil {
		return nil, err
	}
	parser, err := here.parser()
	if err != nil {
		return nil, err
	}
	options := []diff.Option{
		diff.WithGVKParser(parser), diff.WithManager(manager), diff.WithServerSideDryRunner(here),
		diff.WithStructuredMergeDiff(slices.Contains(args, "structured-merge")),
		diff.WithServerSideDiff(slices.Contains(args, "server-side")),
		diff.WithIgnoreMutationWebhook(!slices.Contains(args, "include-webhook")),
	}
	drifted := []string{}
	err = list.EachListItem(func(item runtime.Object) error {
		manifest := item.(*unstructured.Unstructured)
		modified, err := here.modified(manifest, options)
		if modified {
			drifted = append(drifted, manifest.GetName())
		}
		return err
	})
	return drifted, err
}

func connected(config *rest.Config) (cluster, error) {
	client := discovery.NewDiscoveryClientForConfigOrDie(config)
	groups, err := restmapper.GetAPIGroupResources(client)
	return cluster{dynamic.NewForConfigOrDie(config), client, restmapper.NewDiscoveryRESTMapper(groups)}, err
}

func (c cluster) modified(manifest *unstructured.Unstructured, options []diff.Option) (bool, error) {
	resource, err := c.resource(manifest)
	if err != nil {
		return false, err
	}
	live, err := resource.Get(context.Background(), manifest.GetName(), metav1.GetOptions{})
	if err != nil {
		return false, err
	}
	found, err := diff.Diff(manifest, live, options...)
	if err != nil {
		return false, err
	}
	return found.Modified, nil
}

func (c cluster) resource(object *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := object.GroupVersionKind()
	mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return nil, err
	}
	if mapping.Scope.Name() == meta.RESTScopeNameRoot {
		return c.dynamic.Resource(mapping.Resource), nil
	}
	return c.dynamic.Resource(mapping.Resource).Namespace(object.GetNamespace()), nil
}

func (c cluster) parser() (*managedfields.GvkParser, error) {
	document, err := c.discovery.OpenAPISchema()
	if err != nil {
		return nil, err
	}
	models, err := proto.NewOpenAPIData(document)
	if err != nil {
		return nil, err
	}
	return managedfields.NewGVKParser(models, false)
}

// Run is Argo CD's dry run: a server-side apply that stores nothing.
func (c cluster) Run(ctx context.Context, object *unstructured.Unstructured, manager string) (string, error) {
	resource, err := c.resource(object)
	if err != nil {
		return "", err
	}
	options := metav1.ApplyOptions{FieldManager: manager, Force: true, DryRun: []string{metav1.DryRunAll}}
	applied, err := resource.Apply(ctx, object.GetName(), object, options)
	if err != nil {
		return "", err
	}
	text, err := applied.MarshalJSON()
	return string(text), err
}
