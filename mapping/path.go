package mapping

import (
	"strings"
	"unicode"
)

// ValidPath reports what is wrong with a path of plain member names and element numbers that are joined by dots, such as
// data.items.0.id. Names consist of letters, digits, _, - and $; a colon may stand inside one, and a dot that is a part of
// one is written \. (data.a\.b). Nothing else is admitted, so no path can reach a query language.
func ValidPath(path string) error {
	if path == "" {
		return mistake("the path is empty: want names joined by dots, such as data.id", "路径为空：应为以点连接的名称，如 data.id")
	}
	for _, name := range splitPath(path) {
		if name == "" {
			return mistake("path %q has an empty name: want names joined by dots, such as data.id",
				"路径 %q 中有空名称：应为以点连接的名称，如 data.id", shorten(path, 200))
		}
		for i, r := range name {
			if unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) || strings.ContainsRune("_-$.", r) || r == ':' && i > 0 {
				continue
			}
			return mistake("path %q holds %q: want names of letters, digits, _, - and $ joined by dots, such as data.id",
				"路径 %q 含 %q：应为字母、数字、_、-、$ 组成并以点连接的名称，如 data.id", shorten(path, 200), r)
		}
	}
	return nil
}

// splitPath gives the names of a path.
func splitPath(path string) []string {
	if !strings.Contains(path, `\.`) {
		return strings.Split(path, ".")
	}
	var out []string
	for {
		var name string
		var more bool
		name, path, more = cutPath(path)
		if out = append(out, name); !more {
			return out
		}
	}
}

// cutPath takes the first name off a path.
func cutPath(path string) (name, rest string, more bool) {
	name, rest, more = strings.Cut(path, ".")
	for more && strings.HasSuffix(name, `\`) {
		var next string
		next, rest, more = strings.Cut(rest, ".")
		name = name[:len(name)-1] + "." + next
	}
	return name, rest, more
}
