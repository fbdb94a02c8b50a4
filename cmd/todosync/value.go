package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"todosync/connector"
)

// A span is a flag's duration; days may be written as 7d.
type span time.Duration

func (s *span) String() string { return connector.Duration(*s).String() }

func (s *span) Type() string { return "duration" }

func (s *span) Set(text string) error {
	d, err := connector.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("want a duration such as 30s, 12h or 7d")
	}
	*s = span(d)
	return nil
}

// A size is a flag's number of bytes, written as 512MiB, 4GiB or 4GB.
type size int64

// units are the suffixes of a size, longest first.
var units = [...]struct {
	name  string
	bytes float64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"TiB", 1 << 40},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"K", 1 << 10},
	{"M", 1 << 20},
	{"G", 1 << 30},
	{"T", 1 << 40},
	{"B", 1},
}

func (s *size) String() string {
	for i := 3; i >= 0; i-- {
		if u := int64(units[i].bytes); *s != 0 && int64(*s)%u == 0 {
			return strconv.FormatInt(int64(*s)/u, 10) + units[i].name
		}
	}
	return strconv.FormatInt(int64(*s), 10)
}

func (s *size) Type() string { return "size" }

func (s *size) Set(text string) error {
	number, factor := strings.TrimSpace(text), 1.0
	for _, u := range units {
		if len(number) > len(u.name) && strings.EqualFold(number[len(number)-len(u.name):], u.name) {
			number, factor = strings.TrimSpace(number[:len(number)-len(u.name)]), u.bytes
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || n <= 0 || n*factor >= math.MaxInt64 || math.IsNaN(n) {
		return fmt.Errorf("want a size such as 512MiB or 4GiB")
	}
	*s = size(n * factor)
	return nil
}
