package mapping

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// ValidPath reports what is wrong with a path of plain member names and element numbers that are joined by dots, such as
// data.items.0.id. Names consist of letters, digits, _, - and $; a colon may stand inside one. Nothing else is admitted,
// so no path can reach a query language.
func ValidPath(path string) error {
	if path == "" {
		return errors.New("the path is empty: want names joined by dots, such as data.id")
	}
	for name := range strings.SplitSeq(path, ".") {
		if name == "" {
			return fmt.Errorf("path %q has an empty name: want names joined by dots, such as data.id", path)
		}
		for i, r := range name {
			if unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) || r == '_' || r == '-' || r == '$' || r == ':' && i > 0 {
				continue
			}
			return fmt.Errorf("path %q holds %q: want names of letters, digits, _, - and $ joined by dots, such as data.id", path, r)
		}
	}
	return nil
}
