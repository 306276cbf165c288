// What Argo CD, Flux and Helm make of an object: their own libraries, asked from the command line. An object, or a List
// of them, is read as JSON from standard input; the answer is JSON.
package main

import (
	encoding "encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/json"
)

func main() {
	verbs := map[string]func(*unstructured.Unstructured, []string) (any, error){
		"kstatus": kstatus, "helm-release": helmRelease, "health": health, "drift": drift,
	}
	answer, err := answered(verbs[os.Args[1]], os.Args[2:])
	if err == nil {
		err = encoding.NewEncoder(os.Stdout).Encode(answer)
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

// helmRelease reads one as Flux's controller does, but refuses fields that it doesn't know; it answers with what it read.
func helmRelease(object *unstructured.Unstructured, _ []string) (any, error) {
	text, err := object.MarshalJSON()
	if err != nil {
		return nil, err
	}
	release := &helmv2.HelmRelease{}
	unknown, err := json.UnmarshalStrict(text, release)
	return release, errors.Join(append(unknown, err)...)
}
