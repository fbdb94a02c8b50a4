package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is the release; `make build` sets it.
var version = "dev"

// A build says what this program is.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func thisBuild() build {
	b := build{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Commit = s.Value
			}
		}
	}
	return b
}

func (c *cli) versionCmd() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: c.t("Print the version", "显示版本"), Args: c.args(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			b := thisBuild()
			raw, err := json.Marshal(b)
			if err != nil {
				return err
			}
			cols := []column{{key: "version"}, {key: "commit"}, {key: "go"}, {key: "platform"}}
			return c.one(cols, raw, func() error {
				_, err := fmt.Fprintf(c.stdout, "todosync %s (%s, %s)\n", b.Version, b.Go, b.Platform)
				return err
			})
		},
	}
}
