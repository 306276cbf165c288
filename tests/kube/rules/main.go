// Command rules reads rule files with Prometheus' own parser, as promtool does, and says what is wrong with them.
package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

func main() {
	failed := false
	for _, file := range os.Args[1:] {
		_, faults := rulefmt.ParseFile(file, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.Default())
		for _, fault := range faults {
			fmt.Fprintln(os.Stderr, fault)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}
