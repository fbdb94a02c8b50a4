package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A licence is known by words that no other one has. Names are those of SPDX.
type licence struct {
	name  string
	words []string // all of them, in lower case, with single spaces
}

// known are the licences that may be linked into a program under Apache-2.0 and handed on with it.
func known() []licence {
	return []licence{
		{"Apache-2.0", []string{"apache license", "version 2.0, january 2004"}},
		{"MPL-2.0", []string{"mozilla public license", "version 2.0", "larger work"}},
		{"MIT", []string{"permission is hereby granted, free of charge", "the above copyright notice and this permission notice"}},
		{"BSD-3-Clause", []string{"redistribution and use in source and binary forms", "used to endorse or promote"}},
		{"BSD-2-Clause", []string{"redistribution and use in source and binary forms"}},
		{"ISC", []string{"permission to use, copy, modify, and", "distribute this software for any purpose with or without fee"}},
	}
}

// identify names the licences of a text, in the order of known.
func identify(text string) []string {
	plain := strings.ToLower(strings.Join(strings.Fields(text), " "))
	var names []string
	for _, l := range known() {
		if l.name == "BSD-2-Clause" && slices.Contains(names, "BSD-3-Clause") {
			continue // the longer one holds the words of the shorter
		}
		if !slices.ContainsFunc(l.words, func(w string) bool { return !strings.Contains(plain, w) }) {
			names = append(names, l.name)
		}
	}
	return names
}

// A text is one file of a module that must go with a binary.
type text struct {
	name    string
	content string
}

// texts reads the licence and notice files at the top of a module.
func texts(dir string) (licences, notices []text, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("read module: %w", err)
	}
	for _, e := range entries {
		base := strings.ToUpper(e.Name())
		isLicence := strings.HasPrefix(base, "LICENSE") || strings.HasPrefix(base, "LICENCE") || strings.HasPrefix(base, "COPYING")
		isNotice := strings.HasPrefix(base, "NOTICE")
		if e.IsDir() || !isLicence && !isNotice {
			continue
		}
		src, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, nil, fmt.Errorf("read licence: %w", err)
		}
		t := text{e.Name(), string(src)}
		if isLicence {
			licences = append(licences, t)
		} else {
			notices = append(notices, t)
		}
	}
	return licences, notices, nil
}
