// What Argo CD, Flux and Helm make of an object: their own libraries, asked from the command line. An object is read as
// JSON from standard input; the answer is JSON.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

var fluxKinds = map[string]func() any{
	"GitRepository": func() any { return &sourcev1.GitRepository{} },
	"OCIRepository": func() any { return &sourcev1.OCIRepository{} },
	"Kustomization": func() any { return &kustomizev1.Kustomization{} },
	"HelmRelease":   func() any { return &helmv2.HelmRelease{} },
}

func main() {
	verbs := map[string]func(*unstructured.Unstructured, []string) (any, error){
		"kstatus": kstatus, "flux": flux, "health": health, "drift": drift,
	}
	answer, err := answered(verbs[os.Args[1]], os.Args[2:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(answer)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func answered(verb func(*unstructured.Unstructured, []string) (any, error), args []string) (any, error) {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return nil, err
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(text); err != nil {
		return nil, err
	}
	return verb(object, args)
}

// kstatus is what Flux with `wait: true` and Helm with `--wait` go by.
func kstatus(object *unstructured.Unstructured, _ []string) (any, error) {
	found, err := status.Compute(object)
	if err != nil {
		return nil, err
	}
	return map[string]string{"status": found.Status.String(), "message": found.Message}, nil
}

// flux reads an object as Flux's controllers do, but refuses fields that they don't know; it answers with what was read.
func flux(object *unstructured.Unstructured, _ []string) (any, error) {
	made, known := fluxKinds[object.GetKind()]
	if !known {
		return nil, fmt.Errorf("%s is none of Flux's kinds", object.GetKind())
	}
	text, err := object.MarshalJSON()
	if err != nil {
		return nil, err
	}
	typed := made()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(typed); err != nil {
		return nil, err
	}
	return typed, nil
}
