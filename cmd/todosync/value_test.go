package main

import (
	"testing"
	"time"
)

func TestSize(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text string
		want size
		say  string // what String gives; empty: refused
	}{
		"plain":        {"1048576", 1 << 20, "1MiB"},
		"binary":       {"4GiB", 4 << 30, "4GiB"},
		"decimal":      {"4GB", 4e9, "3906250KiB"},
		"short":        {"512m", 512 << 20, "512MiB"},
		"a fraction":   {"1.5KiB", 1536, "1536"},
		"with blank":   {"2 MiB", 2 << 20, "2MiB"},
		"none":         {"", 0, ""},
		"zero":         {"0", 0, ""},
		"negative":     {"-4GiB", 0, ""},
		"no unit":      {"4Q", 0, ""},
		"too large":    {"9223372036854775808", 0, ""},
		"not finite":   {"Inf", 0, ""},
		"not a number": {"NaN", 0, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got size
			err := got.Set(tt.text)
			if (err == nil) != (tt.say != "") {
				t.Fatalf("Set(%q): %v", tt.text, err)
			}
			if err == nil && (got != tt.want || got.String() != tt.say) {
				t.Errorf("Set(%q) = %d %s, want %d %s", tt.text, got, got.String(), tt.want, tt.say)
			}
		})
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	var s span
	if err := s.Set("7d"); err != nil || time.Duration(s) != 7*24*time.Hour || s.String() != "7d" {
		t.Errorf("Set(7d) = %s, %v", s.String(), err)
	}
	if err := s.Set("-1s"); err == nil {
		t.Error("Set(-1s) is taken")
	}
}
