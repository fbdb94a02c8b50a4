package main

import "testing"

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"records", "rejected", "render", "serve", "secret", "publish", "data-dir", "nats-listen"}
	tests := map[string]struct{ word, want string }{
		"two letters swapped":  {"recrods", "records"},
		"a letter too many":    {"publishh", "publish"},
		"the beginning of one": {"pub", "publish"},
		"another letter":       {"data_dir", "data-dir"},
		"far from all":         {"kubernetes", ""},
		"short and wrong":      {"xy", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := nearest(tt.word, names); got != tt.want {
				t.Errorf("nearest(%q) = %q, want %q", tt.word, got, tt.want)
			}
		})
	}
}
