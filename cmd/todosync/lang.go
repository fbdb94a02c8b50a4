package main

import (
	"fmt"
	"strings"
)

// A lang is the language of what the command line says to people: en or zh.
type lang string

const (
	english lang = "en"
	chinese lang = "zh"
)

// t picks the text of the language in use. Both stand side by side where they are used, so that neither is forgotten.
func (c *cli) t(en, zh string) string {
	if c.lang == chinese {
		return zh
	}
	return en
}

// plural picks the English words for one or for n of something; many has a %d for n.
func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return fmt.Sprintf(many, n)
}

// langOf finds the language before the flags are parsed, since the help of those is in it: --lang, then TODOSYNC_LANG, then the
// locale in the order of POSIX. What it does not know is English.
func langOf(args []string, lookup func(string) (string, bool)) lang {
	for i, a := range args {
		if v, ok := strings.CutPrefix(a, "--lang="); ok {
			return langNamed(v)
		}
		if a == "--lang" && i+1 < len(args) {
			return langNamed(args[i+1])
		}
		if a == "--" {
			break
		}
	}
	for _, name := range []string{"TODOSYNC_LANG", "LC_ALL", "LC_MESSAGES", "LANG"} {
		if v, ok := lookup(name); ok && v != "" {
			return langNamed(v)
		}
	}
	return english
}

// langNamed reads a language or locale such as zh, zh_CN.UTF-8 or C.
func langNamed(s string) lang {
	if s = strings.ToLower(s); s == "zh" || strings.HasPrefix(s, "zh_") || strings.HasPrefix(s, "zh-") {
		return chinese
	}
	return english
}
