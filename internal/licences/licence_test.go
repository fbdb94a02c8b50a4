package main

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestIdentify(t *testing.T) {
	t.Parallel()
	bsd := "Redistribution and use in source and binary\n forms, with or without modification, are permitted"
	mit := "Permission is hereby granted, free of charge, ... The above copyright notice and this permission notice"
	tests := map[string]struct {
		text string
		want []string
	}{
		"MIT, broken over lines": {"Permission is hereby granted,\n  free of charge, to any ... The above\ncopyright notice and this permission notice shall", []string{"MIT"}},
		"two clauses":            {bsd, []string{"BSD-2-Clause"}},
		"three clauses":          {bsd + " ... may be used to endorse or promote products", []string{"BSD-3-Clause"}},
		"two in one file":        {mit + "\n\n" + bsd, []string{"MIT", "BSD-2-Clause"}},
		"not known":              {"GNU AFFERO GENERAL PUBLIC LICENSE Version 3", nil},
		"says no more than MIT":  {"MIT", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, identify(tt.text)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestIdentifyOwn reads the licence of this repository, which is what its README says.
func TestIdentifyOwn(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile("../../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Apache-2.0"}, identify(string(src))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
