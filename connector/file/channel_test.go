package file

import (
	"slices"
	"strings"
	"testing"
)

// TestChannels holds what a channel may be, and that what it may not be is told at its place.
func TestChannels(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		channels string
		want     string // in the only problem; empty: none
		secrets  []string
	}{
		"all of them": {
			channels: `[{type: crm, to: [crm-admins]}, {type: email, to: [ops@example.com, 运维 <noc@example.com>], severity: error, quiet: {from: "22:00", to: "07:00"}},
				{type: webhook, name: noc, address: "https://chat.example.com/${secret:hook}", secret: "${secret:hook-key}"}, {type: dingtalk, address: "${secret:ding}", secret: "${secret:ding-key}"}]`,
			secrets: []string{"ding", "ding-key", "hook", "hook-key"},
		},
		"a severity that is none":      {channels: `[{type: crm, to: [a], severity: bad}]`, want: "notify.channels[0].severity"},
		"two of one name":              {channels: `[{type: crm, to: [a], name: x}, {type: email, to: [a@example.com], name: x}]`, want: "notify.channels[1].name"},
		"a name with blanks":           {channels: `[{type: crm, to: [a], name: "x y"}]`, want: "notify.channels[0].name"},
		"a secret that signs nothing":  {channels: `[{type: wecom, address: "https://a.example.com/", secret: "${secret:x}"}]`, want: "notify.channels[0].secret"},
		"a mail address that is none":  {channels: `[{type: email, to: [ops]}]`, want: "notify.channels[0].to[0]"},
		"a mail address with a break":  {channels: `[{type: email, to: ["a@example.com\r\nRCPT TO:<b@example.com>"]}]`, want: "notify.channels[0].to[0]"},
		"quiet all day":                {channels: `[{type: crm, to: [a], quiet: {from: "07:00", to: "07:00"}}]`, want: "notify.channels[0].quiet"},
		"a value of an event":          {channels: `[{type: webhook, address: "https://a.example.com/#F012"}]`, want: "notify.channels[0].address"},
		"a secret that is not closed":  {channels: `[{type: webhook, address: "https://a.example.com/${secret:x"}]`, want: "notify.channels[0].address"},
		"an address of another scheme": {channels: `[{type: feishu, address: "ftp://a.example.com/"}]`, want: "notify.channels[0].address"},
		"an address beside people":     {channels: `[{type: email, to: [a@example.com], address: "https://a.example.com/"}]`, want: "notify.channels[0].address"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			docs, problems := Parse("t.yaml", []byte("apiVersion: todosync/v1\nkind: Tenant\ntenant: \"714439\"\nnotify:\n  channels: "+tt.channels+"\n"), Options{})
			var paths []string
			for _, p := range problems {
				if !p.Warning {
					paths = append(paths, p.Path)
				}
			}
			if tt.want == "" {
				if len(paths) > 0 {
					t.Fatalf("refused: %v", problems)
				}
				if got := docs[0].Secrets; !slices.Equal(got, tt.secrets) {
					t.Errorf("secrets %v, want %v", got, tt.secrets)
				}
				return
			}
			if len(paths) == 0 || slices.ContainsFunc(paths, func(p string) bool { return !strings.HasPrefix(p, tt.want) }) {
				t.Errorf("problems at %v, want %s alone", problems, tt.want)
			}
		})
	}
}
