package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

func serveFlags(t *testing.T, args ...string) (*pflag.FlagSet, *config) {
	t.Helper()
	c, o := &cli{lang: english}, &config{}
	f := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	c.configFlags(f, o)
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	return f, o
}

func TestConfigFile(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "todosync.yaml")
	write(t, name, "data-dir: /var/lib/todosync\nlisten: '0.0.0.0:9000' # all\nstream-max-age: 3d\nstream-max-bytes: 1GiB\n"+
		"stream-replicas: 3\nenv-allow: [OA_HOST, OA_USER]\napply-force: true\nkeep: null\n")
	f, o := serveFlags(t, "--stream-replicas", "1")
	if err := fromFile(name, f); err != nil {
		t.Fatal(err)
	}
	want := defaults()
	want.dataDir, want.listen, want.streamMaxAge, want.streamMaxBytes = "/var/lib/todosync", "0.0.0.0:9000", span(72*time.Hour), 1<<30
	want.envAllow, want.applyForce = []string{"OA_HOST", "OA_USER"}, true
	want.streamReplicas = 1 // the command line wins
	if diff := cmp.Diff(want, *o, cmp.AllowUnexported(config{})); diff != "" {
		t.Error(diff)
	}
}

func TestConfigFileMistakes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ text, want string }{
		"an unknown name":  {"\ndata_dir: x\n", `FILE:2:1: there is no setting "data_dir"; did you mean data-dir?`},
		"a wrong duration": {"drain: soon\n", `FILE:1:8: drain: want a duration such as 30s, 12h or 7d`},
		"a wrong number":   {"stream-replicas: many\n", `FILE:1:18: stream-replicas: not a number, or not true or false`},
		"a list":           {"listen: [a, b]\n", `FILE:1:9: listen takes one value, not a list`},
		"a group":          {"nats: {url: x}\n", `FILE:1:7: nats takes a value, not a group of settings`},
		"no settings":      {"- a\n", `FILE:1:1: want settings such as data-dir: ./data`},
		"config itself":    {"config: other.yaml\n", `FILE:1:1: there is no setting "config"`},
		"several at once":  {"lissten: x\nkeep: y\n", `there is no setting "lissten"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "c.yaml")
			write(t, file, tt.text)
			f, _ := serveFlags(t)
			err := fromFile(file, f)
			if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), file, "FILE"), tt.want) {
				t.Errorf("got %v\nwant %s", err, tt.want)
			}
			if name == "several at once" && !strings.Contains(err.Error(), "keep: want a duration") {
				t.Errorf("the second mistake is not told: %v", err)
			}
		})
	}
}

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		want []string // parts of the message; none: right
	}{
		"the defaults":       {},
		"postgres":           {args: []string{"--store", "postgres://u@h/db"}},
		"no store":           {args: []string{"--store", "mysql://u@h/db"}, want: []string{"--store: want sqlite, or postgres://user@host/database"}},
		"a broken store":     {args: []string{"--store", "postgres://u@h/db?sslmode=perhaps"}, want: []string{"--store: the address of the PostgreSQL database cannot be read"}},
		"open to all":        {args: []string{"--nats-listen", "0.0.0.0:4222"}, want: []string{"--nats-listen: 0.0.0.0:4222 can be reached by others"}},
		"open by its file":   {args: []string{"--nats-listen", "0.0.0.0:4222", "--nats-config", "x"}},
		"not a NATS address": {args: []string{"--nats", "http://x"}, want: []string{"--nats: want embedded"}},
		"several addresses":  {args: []string{"--nats", "nats://a:4222,nats://b:4222"}},
		"certificate alone":  {args: []string{"--tls-cert", "x"}, want: []string{"--tls-cert and --tls-key go together"}},
		"all at once": {
			args: []string{"--listen", "8080", "--log-level", "loud", "--egress-deny", "10/8", "--public-url", "example.com", "--apply", "/not/there"},
			want: []string{`--listen: "8080"`, `--log-level: "loud"`, `--egress-deny: "10/8"`, `--public-url: "example.com"`, "--apply: /not/there"},
		},
		"sync": {args: []string{"--nats-sync", "0s"}, want: []string{"--nats-sync"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, o := serveFlags(t, tt.args...)
			err := o.validate()
			if len(tt.want) == 0 && err != nil {
				t.Fatalf("refused: %v", err)
			}
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v\nwant %s", err, want)
				}
			}
		})
	}
}
